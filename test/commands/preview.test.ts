import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { callLine, spawnCommand } from '../support/command.ts'
import { addReader, freezeEdition, openTestRound } from '../support/round.ts'
import { openTestDatabase } from '../support/stores.ts'

/** A process loads the whole program: a busy machine takes seconds for it. */
const PROCESS_MS = 60_000

let folder: string
let running: ChildProcess | undefined

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'paper-round-preview-command-'))
})

afterEach(async () => {
  if (running && running.exitCode === null && running.signalCode === null) {
    running.kill('SIGKILL')
    await once(running, 'close')
  }
  running = undefined
  await rm(folder, { recursive: true })
})

const call = (args: string[], env: NodeJS.ProcessEnv = {}) => callLine(['preview', ...args], { folder, env })

describe('preview --json', () => {
  it('says once what a sample day comes to, with nothing set up and nothing left behind', {
    timeout: PROCESS_MS,
  }, async () => {
    const { code, stdout, stderr } = await call(['--json'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^\{.*\}\n$/)
    const said = JSON.parse(stdout)
    expect(said).toMatchObject({ date: '2025-08-08', kind: 'daily' })
    expect(said.subject).toMatch(/ · Fri 8 Aug$/)
    expect(said.headers).toMatchObject({
      Subject: expect.stringMatching(/^=\?UTF-8\?Q\?/),
      'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
    })
    expect(said.htmlBytes).toBeGreaterThan(10_000)
    expect(said.messageBytes).toBeGreaterThan(said.htmlBytes)
    expect(await readdir(folder)).toEqual([])
  })

  it("shows a stored edition with a subscriber's choices, and refuses a database that was never migrated", {
    timeout: PROCESS_MS,
  }, async () => {
    const database = await openTestDatabase('either', 'nothing')
    try {
      const env = { DATABASE_URL: database.url }
      expect(await call(['--json'], env)).toMatchObject({
        code: 1,
        stdout: '',
        stderr: expect.stringContaining('migrate'),
      })
      const round = await openTestRound(database.url)
      try {
        await addReader(round.db, 'bob', { choices: { papers: 2 } })
        await freezeEdition(round, '2026-03-05')
      } finally {
        await round.close()
      }
      const bob = JSON.parse((await call(['--json', '--subscriber', 'bob@example.org'], env)).stdout)
      expect(bob).toMatchObject({ date: '2026-03-05', headers: { To: 'bob@example.org' } })
      expect(bob.subject).toMatch(/ · and 1 more · Thu 5 Mar$/)
      const unknown = await call(['--subscriber', 'x@example.org'], env)
      expect(unknown).toMatchObject({ code: 1, stderr: 'paper-round: x@example.org is not a subscriber\n' })
    } finally {
      await database.close()
    }
  })

  it.each([
    [['--date', 'tomorrow'], {}, 2, /--date tomorrow is not a date/],
    [['--subscriber', 'nobody'], {}, 2, /nobody is not an address/],
    [[], { TEMPLATES_DIR: '/nowhere/at/all' }, 2, /TEMPLATES_DIR/],
  ])('refuses %j %j', { timeout: PROCESS_MS }, async (args, env, code, words) => {
    const ended = await call(['--json', ...args], env)
    expect(ended).toMatchObject({ code, stdout: '' })
    expect(ended.stderr).toMatch(words)
  })

  it('fails with file, line and tag when the templates are refused', { timeout: PROCESS_MS }, async () => {
    await writeFile(join(folder, 'digest.mjml'), '<mjml>\n<mj-body>\n</mjml>\n')
    const { code, stderr } = await call(['--json'], { TEMPLATES_DIR: folder })
    expect(code).toBe(1)
    expect(stderr).toMatch(/digest\.mjml line 2 \(mj-body\)/)
  })
})

describe('preview', () => {
  it('serves its page on loopback until it is told to stop, whoever is still listening', {
    tags: 'long',
    timeout: PROCESS_MS,
  }, async () => {
    const child = await spawnCommand(['preview'], { folder })
    running = child
    const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
    const url = /^Preview at (http:\/\/localhost:\d+)/.exec(line)?.[1] ?? ''
    const page = await fetch(url)
    expect(page.status).toBe(200)
    expect(await page.text()).toContain('Fri 8 Aug')
    const events = await fetch(`${url}/events`)
    const reader = (events.body as ReadableStream<Uint8Array>).getReader()
    expect((await reader.read()).done).toBe(false)
    child.kill('SIGINT')
    const [code] = await once(child, 'close')
    expect(code).toBe(0)
    expect((await reader.read()).done).toBe(true)
    await expect(fetch(url)).rejects.toThrow()
    expect(await readdir(folder)).toEqual([])
  })
})
