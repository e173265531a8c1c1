// Whole processes, started and killed: who owns the database, what a kill leaves behind, how the
// rest goes on.
// @module-tag long
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createPostgresBackend, runMigrations, withBackend } from 'bullmq'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type * as embedding from '../../../src/database/embedded/embedded.ts'
import { openLogger } from '../../../src/logger.ts'
import { builtFile, importBuilt } from '../../support/program.ts'
import { copyFreshFiles, openTestDatabase } from '../../support/stores.ts'

const logger = openLogger('silent')
const { openEmbedded } = await importBuilt<typeof embedding>('src/database/embedded/embedded.ts')
const program = await builtFile('test/database/embedded/embedded-process.ts')
const processes = new Set<ChildProcess>()
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'paper-round-embedded-'))
})

afterEach(async () => {
  for (const child of processes) await kill(child)
  const server = await serverPid().catch(() => undefined)
  if (server !== undefined) await gone(server)
  await rm(folder, { recursive: true })
})

// Several processes, each with a database in it, on whatever machine this is.
describe('openEmbedded', { timeout: 120_000 }, () => {
  it('makes one owner of two that start at once in an empty folder, and the other takes over when it is killed', async () => {
    const both = [start(), start()]
    const opened = await Promise.all(both.map(({ said }) => said))
    expect(opened.map(({ owned }) => owned).sort()).toEqual([false, true])
    expect(opened[0]?.url).toBe(opened[1]?.url)
    const { url, owned } = opened[0] as Opened
    await query(url, 'create table notes (n int); insert into notes values (1), (2)')

    const first = await serverPid()
    await kill((both[owned ? 0 : 1] as Started).child)
    await gone(first)
    expect(await eventually(() => query(url, 'select count(*)::int as count from notes'))).toEqual([{ count: 2 }])
    // It answers a moment before it has written who it is.
    await expect.poll(serverPid).not.toBe(first)
  })

  it('names DATA_DIR and the place where its folder cannot be made', async () => {
    const place = join(folder, 'file')
    await writeFile(place, '')
    await expect(openEmbedded(place, { logger })).rejects.toThrow(
      `DATA_DIR ${place} cannot be made or written: ${place} is a file; name a folder`,
    )
  })

  it('opens what a killed owner left, with everything committed', async () => {
    await copyFreshFiles(folder)
    const one = start()
    const { url } = await one.said
    await query(url, 'create table notes (n int); insert into notes select generate_series(1, 5000)')
    await kill(one.child)
    const embedded = await openEmbedded(folder, { logger })
    try {
      expect(embedded).toMatchObject({ owned: true, url })
      expect(await query(url, 'select count(*)::int as count from notes')).toEqual([{ count: 5000 }])
    } finally {
      await embedded.close()
    }
  })

  it('comes back at the same address when its server is killed, and rolls back what a killed client had begun', async () => {
    await copyFreshFiles(folder)
    const embedded = await openEmbedded(folder, { logger })
    try {
      await query(embedded.url, 'create table notes (n int)')
      const client = start()
      expect(await client.said).toEqual({ owned: false, url: embedded.url })
      client.child.send('transaction')
      await once(client.child, 'message')
      const count = query(embedded.url, 'select count(*)::int as count from notes')
      await kill(client.child)
      expect(await count).toEqual([{ count: 0 }])

      await query(embedded.url, 'insert into notes values (1)')
      process.kill(await serverPid(), 'SIGKILL')
      expect(await eventually(() => query(embedded.url, 'select n from notes'))).toEqual([{ n: 1 }])
    } finally {
      await embedded.close()
    }
    await expect(query(embedded.url, 'select 1')).rejects.toThrow()
  })

  it('lets the owner finish after a signal to its whole group, and hands over to who is still connected', async () => {
    await copyFreshFiles(folder)
    const owner = start()
    const { url } = await owner.said
    await query(url, 'create table notes (n int)')
    const other = start()
    expect((await other.said).owned).toBe(false)
    const server = await serverPid()
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(server, signal)
    await sleep(100)
    await query(url, 'insert into notes values (1)')

    owner.child.send('close')
    await once(owner.child, 'exit')
    await gone(server)
    expect(await eventually(() => query(url, 'select n from notes'))).toEqual([{ n: 1 }])
  })

  it('makes the files again when a start was killed while it made them', async () => {
    await mkdir(join(folder, 'owner'))
    await writeFile(join(folder, 'owner', 'unfinished'), '')
    await mkdir(join(folder, 'postgres'))
    await writeFile(join(folder, 'postgres', 'PG_VERSION'), '18\n')
    const embedded = await openEmbedded(folder, { logger })
    expect(await query(embedded.url, 'select 1 as one')).toEqual([{ one: 1 }])
    await embedded.close()
    expect(await readdir(join(folder, 'owner'))).not.toContain('unfinished')
  })

  it('says why when the files cannot be opened', async () => {
    await writeFile(join(folder, 'postgres'), 'not a folder')
    await expect(openEmbedded(folder, { logger })).rejects.toThrow(/did not start/)
  })

  it('waits for its own server for as long as it takes, whatever patience it has with another', async () => {
    await copyFreshFiles(folder)
    const embedded = await openEmbedded(folder, { logger, answerMs: 0 })
    try {
      expect(await query(embedded.url, 'select 1 as one')).toEqual([{ one: 1 }])
    } finally {
      await embedded.close()
    }
  })

  it('says that another process holds the folder when that one does not answer', async () => {
    await mkdir(join(folder, 'owner'))
    const owner = fork(await builtFile('test/database/embedded/owner-process.ts'), [join(folder, 'owner'), 'slow'], {
      execArgv: [],
    })
    processes.add(owner)
    await once(owner, 'message')
    await expect(openEmbedded(folder, { logger, answerMs: 100 })).rejects.toThrow(/another process holds .* not answer/)
  })

  it('runs compiled, without the loader', async () => {
    await copyFreshFiles(folder)
    const { said, child } = start()
    const { url, owned } = await said
    expect(owned).toBe(true)
    expect(await query(url, 'select 1 as one')).toEqual([{ one: 1 }])
    expect(await readFile(`/proc/${await serverPid()}/cmdline`, 'utf8').catch(() => '')).not.toContain('tsx')
    child.send('close')
    await once(child, 'exit')
  })

  it('carries a BullMQ queue: a waiting worker hears of a job at once', async () => {
    const { url, close } = await openTestDatabase('embedded')
    const client = new pg.Client(url)
    await client.connect()
    await runMigrations(client, 'bullmq')
    await client.end()
    const connection = { connectionString: url, schema: 'bullmq', max: 2 }
    const { Queue, Worker } = withBackend(createPostgresBackend)
    const queue = new Queue('round', { connection })
    let done = 0
    const work = async () => {
      done += 1
    }
    // Without a notification, an idle worker would look again only after this many seconds.
    const worker = new Worker('round', work, { connection, drainDelay: 600 })
    worker.on('error', () => {})
    try {
      await worker.waitUntilReady()
      for (let jobs = 1; jobs <= 3; jobs += 1) {
        await sleep(300)
        await queue.add('job', {})
        await expect.poll(() => done).toBe(jobs)
      }
    } finally {
      await worker.close()
      await queue.close()
      await close()
    }
  })
})

interface Opened {
  url: string
  owned: boolean
}

interface Started {
  child: ChildProcess
  said: Promise<Opened>
}

function start(): Started {
  const child = fork(program, [folder], { execArgv: [] })
  processes.add(child)
  return { child, said: once(child, 'message').then(([message]) => message as Opened) }
}

async function kill(child: ChildProcess): Promise<void> {
  processes.delete(child)
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

async function serverPid(): Promise<number> {
  return JSON.parse(await readFile(join(folder, 'owner', 'address.json'), 'utf8')).pid
}

/** Waits until a process has ended that is not our own child. */
async function gone(pid: number): Promise<void> {
  await expect
    .poll(() => {
      try {
        return process.kill(pid, 0)
      } catch {
        return false
      }
    })
    .toBe(false)
}

async function eventually<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask()
    } catch {
      await sleep(50)
    }
  }
}

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    return (await client.query(text)).rows
  } finally {
    await client.end().catch(() => {})
  }
}
