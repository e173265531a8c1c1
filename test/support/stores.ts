// Real stores for tests: the embedded ones always, PostgreSQL and Redis where they answer on this machine, and servers of
// a test's own for those that flush or kill. Whatever is opened here must be closed by the test that opened it.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chown, cp, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Redis } from 'ioredis'
import pg from 'pg'
import { afterAll, afterEach, beforeEach, describe } from 'vitest'
import { type EmbeddedDatabase, openEmbedded } from '../../src/database/embedded.ts'
import { openLogger } from '../../src/logger.ts'

export interface TestDatabase {
  /** Leads to an empty database. */
  url: string
  close(): Promise<void>
}

export interface TestStores {
  databaseUrl: string
  /** Undefined: the queue lives in PostgreSQL. */
  redisUrl: string | undefined
  /** Belongs to this test alone; what it leaves in Redis under it is deleted. */
  prefix: string
}

/**
 * Runs the same suite on the embedded stores and, where both answer, on PostgreSQL and Redis. The stores are new for every
 * test and can be read inside tests and `beforeEach` only.
 */
export function describeStores(name: string, define: (stores: TestStores) => void): void {
  describe(`${name} (embedded stores)`, () => define(keepStores(openEmbeddedDatabase, undefined)))
  describe.skipIf(postgresUrl === undefined || redisUrl === undefined)(`${name} (PostgreSQL and Redis)`, () =>
    define(keepStores(openRealDatabase, redisUrl)),
  )
}

/** Opens an empty database: embedded (one server a test file, so one open at a time), or real (undefined without a server). */
export async function openTestDatabase(kind: 'embedded'): Promise<TestDatabase>
export async function openTestDatabase(kind: 'real'): Promise<TestDatabase | undefined>
export async function openTestDatabase(kind: 'embedded' | 'real'): Promise<TestDatabase | undefined> {
  if (kind === 'embedded') return openEmbeddedDatabase()
  return (await realPostgresUrl()) === undefined ? undefined : openRealDatabase()
}

/** Returns the URL of a PostgreSQL in which databases can be made, or undefined. */
export async function realPostgresUrl(): Promise<string | undefined> {
  const usual = ['postgres://postgres@127.0.0.1:5432/postgres', 'postgres://root@127.0.0.1:5432/test']
  for (const url of process.env.TEST_DATABASE_URL ? [process.env.TEST_DATABASE_URL] : usual) {
    if (await answers(() => query(url, 'select 1'))) return url
  }
  return undefined
}

async function realRedisUrl(): Promise<string | undefined> {
  const url = process.env.TEST_REDIS_URL ?? 'redis://127.0.0.1:6379'
  return (await answers(() => withRedis(url, (redis) => redis.ping()))) ? url : undefined
}

/** A server that only this test uses. `kill` is as hard as it gets; `restart` brings it back at the same URL. */
export interface TemporaryServer {
  url: string
  kill(): Promise<void>
  restart(): Promise<void>
  close(): Promise<void>
}

/** Returns undefined where Redis is not installed. */
export async function openTemporaryRedis(): Promise<TemporaryServer | undefined> {
  if (!(await answers(() => run('redis-server', ['--version'])))) return undefined
  const folder = await makeFolder('redis')
  const port = await findPort()
  const url = `redis://127.0.0.1:${port}`
  const settings = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder]
  const start = () => spawn('redis-server', [...settings, '--save', '', '--maxmemory-policy', 'noeviction'], SILENT)
  return openServer(url, folder, start, () => withRedis(url, (redis) => redis.ping()))
}

/** Returns undefined where PostgreSQL's own programs are not installed. */
export async function openTemporaryPostgres(): Promise<TemporaryServer | undefined> {
  const programs = await findPostgresPrograms()
  if (programs === undefined) return undefined
  const folder = await makeFolder('postgres')
  // PostgreSQL refuses to run as root.
  const account = process.getuid?.() === 0 ? await findAccount() : undefined
  if (account !== undefined) await chown(folder, account.uid, account.gid)
  const data = join(folder, 'data')
  const init = ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync']
  await run(join(programs, 'initdb'), init, { ...account, cwd: folder })
  const port = await findPort()
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`
  const settings = ['-D', data, '-p', `${port}`, '-h', '127.0.0.1', '-k', folder, '-F']
  const start = () => spawn(join(programs, 'postgres'), settings, { ...SILENT, ...account, cwd: folder })
  return openServer(url, folder, start, () => query(url, 'select 1'))
}

const run = promisify(execFile)
const MOST_STARTS = 40
const SILENT = { stdio: 'ignore' } as const
const postgresUrl = await realPostgresUrl()
const redisUrl = await realRedisUrl()

function keepStores(open: () => Promise<TestDatabase>, redisUrl: string | undefined): TestStores {
  let database: TestDatabase | undefined
  const stores: TestStores = {
    get databaseUrl(): string {
      if (database === undefined) throw new Error('The stores are open inside a test only')
      return database.url
    },
    redisUrl,
    prefix: '',
  }
  beforeEach(async () => {
    stores.prefix = `test${randomBytes(6).toString('hex')}`
    database = await open()
  })
  afterEach(async () => {
    await database?.close()
    if (redisUrl !== undefined) await withRedis(redisUrl, (redis) => deleteKeys(redis, stores.prefix))
  })
  return stores
}

let embedded: { folder: string; database: EmbeddedDatabase } | undefined
let embeddedInUse = false

afterAll(async () => {
  await embedded?.database.close()
  if (embedded) await rm(embedded.folder, { recursive: true })
  embedded = undefined
})

async function openEmbeddedDatabase(): Promise<TestDatabase> {
  if (embeddedInUse) throw new Error('The embedded database of this file is open already: close it first')
  embeddedInUse = true
  if (embedded === undefined) {
    const folder = await makeFolder('embedded')
    await copyFreshFiles(folder)
    embedded = { folder, database: await openEmbedded(folder, { logger: openLogger('silent') }) }
  }
  const { url } = embedded.database
  await query(url, EMPTY)
  return {
    url,
    async close() {
      embeddedInUse = false
    },
  }
}

const EMPTY = `
  do $$ declare name text; begin
    for name in select nspname from pg_namespace where nspname !~ '^(pg_|information_schema)' loop
      execute format('drop schema %I cascade', name);
    end loop;
  end $$; create schema public; unlisten *`

/** Files of a database that was just made take seconds to make and a moment to copy, so they are kept beside the packages. */
export async function copyFreshFiles(folder: string): Promise<void> {
  const kept = fileURLToPath(new URL('../../node_modules/.cache/paper-round/embedded-0.5.14', import.meta.url))
  if (!(await answers(() => readdir(kept)))) {
    const making = await makeFolder('making')
    await (await openEmbedded(making, { logger: openLogger('silent') })).close()
    await mkdir(join(kept, '..'), { recursive: true })
    const beside = `${kept}-${process.pid}`
    await cp(join(making, 'postgres'), beside, { recursive: true })
    // Another test file may have been faster.
    await rename(beside, kept).catch(() => rm(beside, { recursive: true }))
    await rm(making, { recursive: true })
  }
  await cp(kept, join(folder, 'postgres'), { recursive: true })
}

async function openRealDatabase(): Promise<TestDatabase> {
  if (postgresUrl === undefined) throw new Error('There is no PostgreSQL on this machine')
  const name = `test_${randomBytes(8).toString('hex')}`
  await query(postgresUrl, `create database ${name}`)
  const url = new URL(postgresUrl)
  url.pathname = name
  return { url: url.href, close: () => query(postgresUrl, `drop database ${name} with (force)`) }
}

async function openServer(
  url: string,
  folder: string,
  start: () => ChildProcess,
  ask: () => Promise<unknown>,
): Promise<TemporaryServer> {
  let server: ChildProcess
  const restart = async () => {
    let starts = 1
    server = start()
    while (!(await answers(ask))) {
      await sleep(50)
      if (server.exitCode === null && server.signalCode === null) continue
      // After a kill, PostgreSQL's children may hold the folder for another moment.
      if (starts === MOST_STARTS) throw new Error(`The server for ${url} ended with ${server.exitCode}`)
      starts += 1
      server = start()
    }
  }
  const end = async (signal: NodeJS.Signals) => {
    if (server.exitCode !== null || server.signalCode !== null) return
    const ended = once(server, 'exit')
    server.kill(signal)
    await ended
  }
  await restart()
  return {
    url,
    kill: () => end('SIGKILL'),
    restart,
    async close() {
      // PostgreSQL's own children must be gone too before the folder goes: SIGINT waits for them.
      await end('SIGINT')
      await rm(folder, { recursive: true, maxRetries: 20, retryDelay: 100 })
    },
  }
}

async function findPostgresPrograms(): Promise<string | undefined> {
  const versions = await readdir('/usr/lib/postgresql').catch(() => [])
  const newest = versions.sort((a, b) => Number(b) - Number(a)).map((version) => `/usr/lib/postgresql/${version}/bin`)
  const told = await run('pg_config', ['--bindir']).catch(() => ({ stdout: '' }))
  for (const folder of [told.stdout.trim(), ...newest]) {
    if (folder !== '' && (await answers(() => run(join(folder, 'initdb'), ['--version'])))) return folder
  }
  return undefined
}

async function findAccount(): Promise<{ uid: number; gid: number } | undefined> {
  for (const name of ['postgres', 'nobody']) {
    const id = await run('id', ['-u', name]).catch(() => undefined)
    if (id !== undefined) return { uid: Number(id.stdout), gid: Number((await run('id', ['-g', name])).stdout) }
  }
  return undefined
}

function makeFolder(name: string): Promise<string> {
  return mkdtemp(join(tmpdir(), `paper-round-${name}-`))
}

async function findPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  if (address === null || typeof address === 'string') throw new Error('No port is free')
  return address.port
}

async function query(url: string, text: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    await client.query(text)
  } finally {
    await client.end().catch(() => {})
  }
}

async function withRedis<T>(url: string, use: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => null, connectTimeout: 2_000 })
  redis.on('error', () => {})
  try {
    await redis.connect()
    return await use(redis)
  } finally {
    redis.disconnect()
  }
}

async function deleteKeys(redis: Redis, prefix: string): Promise<void> {
  for await (const keys of redis.scanStream({ match: `*${prefix}*`, count: 1000 })) {
    if ((keys as string[]).length > 0) await redis.unlink(...(keys as string[]))
  }
}

async function answers(ask: () => Promise<unknown>): Promise<boolean> {
  return ask().then(
    () => true,
    () => false,
  )
}
