// Real stores for tests: the embedded ones always, PostgreSQL and Redis where they answer on this
// machine, and servers of a test's own for those that flush or kill. Whatever is opened here must
// be closed by the test that opened it.
import { randomBytes } from 'node:crypto'
import type { Redis } from 'ioredis'
import { afterEach, beforeEach, describe } from 'vitest'
import { type EmbeddedDatabase, openEmbedded } from '../../src/database/embedded.ts'
import { openLogger } from '../../src/logger.ts'
import { answers, copyFreshFiles, makeFolder, query, withRedis } from './servers.ts'

export { copyFreshFiles, openTemporaryPostgres, openTemporaryRedis, type TemporaryServer } from './servers.ts'

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
 * Runs the same suite on the embedded stores and, where both answer, on PostgreSQL and Redis. The
 * stores are new for every test and can be read inside tests and `beforeEach` only.
 */
export function describeStores(name: string, define: (stores: TestStores) => void): void {
  describe(`${name} (embedded stores)`, () => define(keepStores(openEmbeddedDatabase, undefined)))
  describe.skipIf(postgresUrl === undefined || redisUrl === undefined)(`${name} (PostgreSQL and Redis)`, () =>
    define(keepStores(openRealDatabase, redisUrl)),
  )
}

/**
 * Opens an empty database: embedded (one server a worker, so one open at a time), or real
 * (undefined without a server).
 */
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

/**
 * One server for all files of a worker: it ends with its process, and its files go with the folder
 * of the run.
 */
let embedded: EmbeddedDatabase | undefined
let embeddedInUse = false

async function openEmbeddedDatabase(): Promise<TestDatabase> {
  if (embeddedInUse) throw new Error('The embedded database is open already: close it first')
  embeddedInUse = true
  if (embedded === undefined) {
    const folder = await makeFolder('embedded')
    await copyFreshFiles(folder)
    embedded = await openEmbedded(folder, { logger: openLogger('silent') })
  }
  const { url } = embedded
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

async function openRealDatabase(): Promise<TestDatabase> {
  if (postgresUrl === undefined) throw new Error('There is no PostgreSQL on this machine')
  const name = `test_${randomBytes(8).toString('hex')}`
  await query(postgresUrl, `create database ${name}`)
  const url = new URL(postgresUrl)
  url.pathname = name
  return { url: url.href, close: () => query(postgresUrl, `drop database ${name} with (force)`) }
}

async function deleteKeys(redis: Redis, prefix: string): Promise<void> {
  for await (const keys of redis.scanStream({ match: `*${prefix}*`, count: 1000 })) {
    if ((keys as string[]).length > 0) await redis.unlink(...(keys as string[]))
  }
}
