// Real stores for tests: the embedded ones always, PostgreSQL and Redis where they answer on this
// machine, and servers of a test's own for those that flush or kill. Whatever is opened here must
// be closed by the test that opened it.
import { fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { Redis } from 'ioredis'
import { afterEach, beforeEach, describe } from 'vitest'
import type { ServerMessage } from '../../src/database/embedded/address.ts'
import { copyMigratedFiles } from './kept-files.ts'
import { type Contents, lend } from './lent-databases.ts'
import { builtFile } from './program.ts'
import { asProgram } from './program-user.ts'
import { answers, makeFolder, query, withRedis } from './servers.ts'
import { recordStatements } from './statements/recording.ts'
import {
  BRING_BACK,
  EMPTY,
  type Migrated,
  migrateEmpty,
  PUT_ASIDE,
  QUEUE_PREFIX,
  readLending,
  restore,
} from './template.ts'

export { copyFreshFiles } from './kept-files.ts'
export {
  openTemporaryPooler,
  openTemporaryPostgres,
  openTemporaryRedis,
  realPostgresUrl,
  type TemporaryServer,
} from './servers.ts'

recordStatements()

export interface TestDatabase {
  /** Leads to a database of this test's own, as `Contents` says. */
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
export function describeStores(
  name: string,
  define: (stores: TestStores) => void,
  contents: Contents = 'tables',
): void {
  const hasServers = lending !== undefined && redisUrl !== undefined
  // Ten times as dear as the real ones: where those are, left to the longer runs.
  describe(`${name} (embedded stores)`, { tags: hasServers ? ['long'] : [] }, () =>
    define(keepStores(() => openEmbeddedDatabase(contents), undefined)),
  )
  describe.skipIf(!hasServers)(`${name} (PostgreSQL and Redis)`, () =>
    define(keepStores(() => openRealDatabase(contents), redisUrl)),
  )
}

/**
 * Opens a new database: embedded (one server a worker, so one open at a time), real (undefined
 * without a server), or either, for who asks what is the same on both: the real one where there is
 * one, at a tenth of the cost, unless TEST_EITHER says `embedded`.
 */
export async function openTestDatabase(kind: 'embedded' | 'either', contents?: Contents): Promise<TestDatabase>
export async function openTestDatabase(kind: 'real', contents?: Contents): Promise<TestDatabase | undefined>
export async function openTestDatabase(
  kind: 'embedded' | 'either' | 'real',
  contents: Contents = 'tables',
): Promise<TestDatabase | undefined> {
  if (kind === 'embedded' || (kind === 'either' && process.env.TEST_EITHER === 'embedded')) {
    return openEmbeddedDatabase(contents)
  }
  if (lending !== undefined) return openRealDatabase(contents)
  return kind === 'either' ? openEmbeddedDatabase(contents) : undefined
}

export async function realRedisUrl(): Promise<string | undefined> {
  const url = process.env.TEST_REDIS_URL ?? 'redis://127.0.0.1:6379'
  return (await answers(() => withRedis(url, (redis) => redis.ping()))) ? url : undefined
}

const lending = readLending()
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
    stores.prefix = redisUrl === undefined ? QUEUE_PREFIX : `test${randomBytes(6).toString('hex')}`
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
let embeddedUrl: Promise<string> | undefined
let embeddedInUse = false
/** Undefined when its tables are not known to be today's. */
let embeddedTables: Migrated | undefined
let areTablesAside = false

async function openEmbeddedDatabase(contents: Contents): Promise<TestDatabase> {
  if (embeddedInUse) throw new Error('The embedded database is open already: close it first')
  embeddedInUse = true
  embeddedUrl ??= startEmbedded()
  const url = await embeddedUrl
  if (contents === 'nothing') {
    if (areTablesAside || !(await answers(() => query(url, PUT_ASIDE)))) await query(url, EMPTY)
    else areTablesAside = true
  } else {
    if (areTablesAside) await query(url, BRING_BACK)
    areTablesAside = false
    if (embeddedTables === undefined || !(await restore(url, embeddedTables))) {
      await query(url, EMPTY)
      embeddedTables = await migrateEmpty(url)
    }
  }
  return {
    url,
    async close() {
      embeddedInUse = false
    },
  }
}

/** The server that `openEmbedded` starts, compiled. */
async function startEmbedded(): Promise<string> {
  const folder = await makeFolder('embedded')
  embeddedTables = await copyMigratedFiles(folder)
  const server = fork(await builtFile('src/database/embedded/server.ts'), [folder], { execArgv: [] })
  let said: ServerMessage
  do [said] = (await once(server, 'message')) as [ServerMessage]
  while (said.kind === 'opening')
  if (said.kind !== 'ready') throw new Error(`The embedded database did not start: ${JSON.stringify(said)}`)
  // It ends when the channel to this process does, and must not keep it.
  server.unref()
  server.channel?.unref()
  return said.url
}

async function openRealDatabase(contents: Contents): Promise<TestDatabase> {
  if (lending === undefined) throw new Error('There is no PostgreSQL on this machine')
  const { url, close } = await lend(lending, contents)
  // Who migrates is the owner.
  return { url: contents === 'tables' ? asProgram(url) : url, close }
}

async function deleteKeys(redis: Redis, prefix: string): Promise<void> {
  for await (const keys of redis.scanStream({ match: `*${prefix}*`, count: 1000 })) {
    if ((keys as string[]).length > 0) await redis.unlink(...(keys as string[]))
  }
}
