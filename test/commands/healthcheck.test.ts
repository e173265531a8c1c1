import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { Hono } from 'hono'
import { sql } from 'kysely'
import { afterEach, expect, it } from 'vitest'
import { healthcheckCommand } from '../../src/commands/healthcheck.ts'
import { statusCommand } from '../../src/commands/status.ts'
import { showHealth } from '../../src/web/operator/health.ts'
import { listen } from '../../src/web/server.ts'
import { callOn } from '../support/command.ts'
import { keepRound } from '../support/kept-round.ts'
import type { TestRound } from '../support/round.ts'
import { realPostgresUrl } from '../support/stores.ts'

let round: TestRound
keepRound((kept) => {
  round = kept
})
afterEach(() => {
  process.exitCode = undefined
})

/** A port that nobody answers at. */
const NOBODY = '1'

async function check(role?: string, env: Record<string, string> = {}, url = round.databaseUrl) {
  process.exitCode = undefined
  const options = { json: true, ...(role === undefined ? {} : { role }) }
  const { stdout } = await callOn(url, () => healthcheckCommand(options), { PORT: NOBODY, ...env })
  const code = process.exitCode ?? 0
  process.exitCode = undefined
  return { code, ...(JSON.parse(stdout) as { alive: boolean; says: string }) }
}

async function beat(roles: string, host = hostname(), secondsAgo = 0): Promise<void> {
  await sql`
    insert into heartbeats (id, roles, host, beat_at)
    values (${randomUUID()}, ${roles}, ${host}, round_clock() - make_interval(secs => ${secondsAgo}))`.execute(round.db)
}

it('knows a role by the heartbeat of a process on this machine', async () => {
  await beat('{worker}')
  expect(await check('worker')).toMatchObject({
    code: 0,
    alive: true,
    says: expect.stringMatching(/^worker: last beat/),
  })
  expect(await check('scheduler')).toMatchObject({ code: 1, alive: false })
  expect(await check()).toMatchObject({ code: 0 })
})

it('is not misled by another machine, an old heartbeat or a send', async () => {
  await beat('{worker}', 'another')
  await beat('{worker}', hostname(), 16)
  await beat('{send}')
  const says = `no worker on ${hostname()} has a heartbeat`
  expect(await check('worker')).toMatchObject({ code: 1, alive: false, says })
})

it('asks the website where no role is named', async () => {
  expect(await check()).toMatchObject({ code: 1 })
  const server = await listen(new Hono().get('/healthz', showHealth), { port: 0, hostname: '127.0.0.1' })
  const env = { PORT: new URL(server.url).port }
  expect(await check(undefined, env)).toMatchObject({ code: 0, says: 'the website answers' })
  // A website is not a worker.
  expect(await check('worker', env)).toMatchObject({ code: 1 })
  await server.close()
})

it('says in one line that PostgreSQL is away, that nothing runs, and that a role has no heartbeat', async () => {
  const away = await check('worker', {}, 'postgres://nobody@127.0.0.1:1/none')
  expect(away).toMatchObject({ code: 1, says: expect.stringMatching(/^the heartbeats cannot be read: .+$/) })
  const folder = await mkdtemp(join(tmpdir(), 'paper-round-healthcheck-'))
  const none = await check('worker', { DATA_DIR: folder }, '')
  expect(none).toMatchObject({ code: 1, says: `nothing runs on ${folder}` })
  await rm(folder, { recursive: true })
  await expect(healthcheckCommand({ role: 'web' })).rejects.toThrow('choose from worker, scheduler')
})

it('says that PostgreSQL takes no writes, where no heartbeat can be written', async ({ skip }) => {
  const url = `${round.databaseUrl}?options=${encodeURIComponent('-c default_transaction_read_only=on')}`
  // An embedded one takes no such settings.
  if ((await realPostgresUrl()) === undefined || process.env.TEST_EITHER === 'embedded') return skip()
  const says = `no worker on ${hostname()} has a heartbeat: PostgreSQL is switched to read-only and takes no writes`
  expect(await check('worker', {}, url)).toMatchObject({ code: 1, says })
  const { stdout } = await callOn(url, () => statusCommand({}))
  expect(stdout).toMatch(/^PostgreSQL is switched to read-only and takes no writes, so nothing is planned or sent: /m)
})

it('loads neither the queue, the templates nor an engine', async () => {
  const entry = 'src/commands/healthcheck.ts'
  const { metafile } = await build({
    absWorkingDir: fileURLToPath(new URL('../..', import.meta.url)),
    entryPoints: [entry],
    ...{ bundle: true, splitting: true, write: false, metafile: true, outdir: 'out' },
    ...({ format: 'esm', platform: 'node', packages: 'external' } as const),
  })
  const packages = new Set<string>()
  const chunks = Object.keys(metafile.outputs).filter((path) => metafile.outputs[path]?.entryPoint === entry)
  for (const chunk of chunks) {
    for (const { path, kind, external } of metafile.outputs[chunk]?.imports ?? []) {
      if (kind === 'dynamic-import') continue
      if (external) packages.add(path)
      else if (!chunks.includes(path)) chunks.push(path)
    }
  }
  const loaded = [...packages].filter((name) => !name.startsWith('node:'))
  expect(loaded.sort()).toEqual(['@clack/prompts', 'kysely', 'pg', 'zod'])
})
