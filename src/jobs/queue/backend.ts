// Where the queue lives: Redis where a URL names one, otherwise a schema of its own in PostgreSQL.
// Both look the same from here on. It connects, reports trouble and disconnects; it knows nothing
// of jobs.
import {
  type BackendClasses,
  createPostgresBackend,
  createRedisBackend,
  type IQueueBackend,
  runMigrations,
  withBackend,
} from 'bullmq'
import { Redis, type RedisOptions } from 'ioredis'
import pg from 'pg'
import { UsageError } from '../../errors.ts'
import { within } from '../../time.ts'

/** The connection is the backend's own affair: callers hand in an empty object. */
type NoConnection = Record<string, never>

export interface QueueBackend extends BackendClasses<IQueueBackend, NoConnection> {
  /** Namespace of the keys in Redis; PostgreSQL has a schema for it. */
  keyPrefix: string
  /** After so many seconds an idle worker that nobody has woken looks for jobs by itself. */
  looksAfterS: number
  /** Throws when a command could not be answered now. */
  demandReachable(): void
  /** Writes a little beside the queue, which passes. Rejects when the store takes no writes. */
  tryWriting(): Promise<void>
  /** Drops the connections. Workers and queues close before it. */
  close(): Promise<void>
}

/** What stands before the queue's keys in Redis, unless it is told. */
export const KEY_PREFIX = 'paper-round'
/** How long a connection may take to be made before whoever opens it is told, in milliseconds. */
export const CONNECT_MS = 10_000
/**
 * One answer from Redis: far above any healthy one, and short enough to keep a web request waiting,
 * in milliseconds.
 */
const COMMAND_MS = 5_000
/** Longest pause between two attempts to reach Redis again, in milliseconds. */
const RECONNECT_MS = 2_000
/**
 * Sessions for one queue or worker. Claims and settles are short, so a few carry any concurrency we
 * use.
 */
const SESSIONS = 3

/**
 * Connects to the store that the settings name, with its tables in place. Rejects when it does not
 * answer in time.
 */
export async function openBackend(
  redisUrl: string | undefined,
  databaseUrl: string,
  prefix: string | undefined,
  onError: (error: unknown) => void,
): Promise<QueueBackend> {
  return redisUrl === undefined ? openPostgres(databaseUrl, prefix) : openRedis(redisUrl, prefix, onError)
}

async function openRedis(
  url: string,
  prefix: string | undefined,
  onError: (error: unknown) => void,
): Promise<QueueBackend> {
  let trouble: unknown
  const connect = (options: Pick<RedisOptions, 'enableOfflineQueue' | 'maxRetriesPerRequest' | 'commandTimeout'>) => {
    const client = new Redis(url, {
      connectTimeout: CONNECT_MS,
      retryStrategy: (times) => Math.min(times * 100, RECONNECT_MS),
      lazyConnect: true,
      ...options,
    })
    client.on('error', (error) => {
      trouble = error
      onError(error)
    })
    return client
  }
  // Whoever puts a job must hear at once that Redis is gone; a worker waits for it to come back
  // instead.
  const putting = connect({ enableOfflineQueue: false, maxRetriesPerRequest: 0, commandTimeout: COMMAND_MS })
  const working = connect({ maxRetriesPerRequest: null })
  const close = async () => {
    putting.disconnect()
    working.disconnect()
  }
  try {
    await within(CONNECT_MS, 'Connecting to Redis', putting.connect())
  } catch (cause) {
    await close()
    // The client itself only says that the connection is closed.
    throw new Error('Redis, where the queue lives, did not answer', { cause: trouble ?? cause })
  }
  const evicts = /^maxmemory_policy:(?!noeviction)(.+?)\r?$/m.exec(await putting.info('memory'))?.[1]
  if (evicts !== undefined) {
    await close()
    throw new UsageError(
      `Redis throws keys away when its memory is full (${evicts}): set maxmemory-policy noeviction there`,
    )
  }
  const keyPrefix = prefix ?? KEY_PREFIX
  return {
    ...withBackend<IQueueBackend, NoConnection>((name, options, role) =>
      createRedisBackend(name, { ...options, connection: role?.withBlockingConnection ? working : putting }, role),
    ),
    keyPrefix,
    // What a hold puts back wakes nobody here: all of the queue would stand still that much longer.
    looksAfterS: 1,
    demandReachable() {
      if (putting.status !== 'ready') throw new Error('Redis, where the queue lives, is not connected')
    },
    tryWriting: () => tryWritingTo(putting, keyPrefix),
    close,
  }
}

/** A server that is full, follows another or cannot save still answers all that only reads. */
export async function tryWritingTo(redis: Redis, keyPrefix: string): Promise<void> {
  await redis.set(`${keyPrefix}:queue-check`, '1', 'PX', COMMAND_MS)
}

/**
 * A session that is lost while BullMQ holds it reports so beside its statement, which fails by
 * itself; without a listener that would end the process.
 */
class SafeClient extends pg.Client {
  constructor(config?: string | pg.ClientConfig) {
    super(config)
    this.on('error', () => {})
  }
}

async function openPostgres(url: string, prefix: string | undefined): Promise<QueueBackend> {
  const schema = prefix === undefined ? 'bullmq' : `bullmq_${prefix}`
  const connection = {
    ...readUrl(url),
    connectionTimeoutMillis: CONNECT_MS,
    keepAlive: true,
    schema,
    max: SESSIONS,
    Client: SafeClient,
  }
  const client = new pg.Client(connection)
  // A session that drops while it is idle reports so beside its queries, which fail by themselves.
  client.on('error', () => {})
  try {
    await client.connect()
    await runMigrations(client, schema)
  } catch (cause) {
    throw new Error('PostgreSQL, where the queue lives, did not take its tables', { cause })
  } finally {
    await client.end().catch(() => {})
  }
  return {
    ...withBackend<IQueueBackend, NoConnection>((name, opts, role) =>
      createPostgresBackend(name, { ...opts, connection }, role),
    ),
    keyPrefix: schema,
    looksAfterS: 5,
    demandReachable() {},
    // It is the ledger's own, which is asked elsewhere.
    async tryWriting() {},
    async close() {},
  }
}

/**
 * Takes `options` out of the URL, where a search_path for our own tables would win over the
 * queue's.
 */
function readUrl(url: string): { connectionString: string; options?: string } {
  const parts = new URL(url)
  const options = parts.searchParams.get('options')
  if (options === null) return { connectionString: url }
  parts.searchParams.delete('options')
  return { connectionString: parts.href, options }
}
