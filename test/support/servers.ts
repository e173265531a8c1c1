// Servers of a test's own, for those that flush or kill, and what it takes to ask one whether it
// answers. Whoever opens one closes it. No test framework in here: the crash harness runs without.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chown, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Redis } from 'ioredis'
import pg from 'pg'
import { findMemory } from './memory.ts'

/** What is kept for later runs, beside the packages. */
export const KEPT = fileURLToPath(new URL('../../node_modules/.cache/paper-round/kept/', import.meta.url))

/** A server that only this test uses. `kill` is as hard as it gets; `restart` brings it back
 * at the same URL, if it is gone. */
export interface TemporaryServer {
  url: string
  kill(signal?: NodeJS.Signals): Promise<void>
  restart(): Promise<void>
  close(): Promise<void>
}

/** Returns undefined where Redis is not installed. */
export async function openTemporaryRedis(policy = 'noeviction'): Promise<TemporaryServer | undefined> {
  if (!(await answers(() => run('redis-server', ['--version'])))) return undefined
  const folder = await makeFolder('redis')
  const port = await findPort()
  const url = `redis://127.0.0.1:${port}`
  const settings = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder]
  const start = () => spawn('redis-server', [...settings, '--save', '', '--maxmemory-policy', policy], SILENT)
  return openServer(url, folder, start, () => withRedis(url, (redis) => redis.ping()))
}

/**
 * Keeps its files below `parent`, in segments of `segmentMb` megabytes of log; it forces nothing to
 * the disk unless `fsync`, and takes more settings (`jit=off`). Returns undefined where PostgreSQL
 * has no programs installed.
 */
export async function openTemporaryPostgres({
  parent = tmpdir(),
  segmentMb = 16,
  fsync = false,
  more = [] as readonly string[],
} = {}): Promise<TemporaryServer | undefined> {
  const installed = await findPostgres()
  if (installed === undefined) return undefined
  const { programs } = installed
  const folder = await makeFolder('postgres', parent)
  const data = join(folder, 'data')
  await run('cp', ['-R', join(await keepCluster(installed, segmentMb), 'data'), data])
  // PostgreSQL refuses to run as root.
  const account = process.getuid?.() === 0 ? await findAccount() : undefined
  if (account !== undefined) await run('chown', ['-R', `${account.uid}:${account.gid}`, folder])
  const port = await findPort()
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`
  const settings = ['-D', data, '-p', `${port}`, '-h', '127.0.0.1', '-k', folder, ...(fsync ? [] : ['-F'])]
  // Little is kept for later, so that a full disk is one soon.
  if (segmentMb < 16) settings.push('-c', `min_wal_size=${2 * segmentMb}MB`, '-c', `max_wal_size=${4 * segmentMb}MB`)
  for (const setting of more) settings.push('-c', setting)
  const start = () => spawn(join(programs, 'postgres'), settings, { ...SILENT, ...account, cwd: folder })
  return openServer(url, folder, start, () => query(url, 'select 1'))
}

/**
 * Opens PgBouncer before a server, in transaction mode with two sessions as it stands otherwise.
 * The URL leads to the same database. Returns undefined where it is not installed.
 */
export async function openTemporaryPooler(postgresUrl: string): Promise<TemporaryServer | undefined> {
  const program = '/usr/sbin/pgbouncer'
  if (!(await answers(() => run(program, ['--version'])))) return undefined
  const folder = await makeFolder('pooler')
  // It refuses to run as root, as PostgreSQL does.
  const account = process.getuid?.() === 0 ? await findAccount() : undefined
  if (account !== undefined) await chown(folder, account.uid, account.gid)
  const port = await findPort()
  const { hostname, port: behind, username, password, pathname } = new URL(postgresUrl)
  const settings = [
    '[databases]',
    `* = host=${hostname} port=${behind || 5432} user=${username}${password && ` password=${password}`}`,
    '[pgbouncer]',
    `listen_addr = 127.0.0.1`,
    `listen_port = ${port}`,
    `unix_socket_dir = ${folder}`,
    'auth_type = any',
    'pool_mode = transaction',
    'default_pool_size = 2',
  ]
  const file = join(folder, 'pgbouncer.ini')
  await writeFile(file, settings.join('\n'))
  const url = `postgres://${username}@127.0.0.1:${port}${pathname}`
  return openServer(
    url,
    folder,
    () => spawn(program, [file], { ...SILENT, ...account, cwd: folder }),
    () => query(url, 'select 1'),
  )
}

/** Settings that spare what a database of tests has no use for. */
const SPARING =
  'wal_level=minimal max_wal_senders=0 full_page_writes=off synchronous_commit=off autovacuum=off jit=off'.split(' ')

/**
 * Opens a server of a whole run's own: in memory, where that is a folder, and next to nothing is
 * written down: an eighth less than the same tests take of one that keeps its data. Returns
 * undefined where a server is named, or none is installed.
 */
export async function openRunPostgres(): Promise<TemporaryServer | undefined> {
  if (process.env.TEST_DATABASE_URL) return undefined
  return openTemporaryPostgres({ parent: await findMemory(), more: SPARING })
}

/** Returns the URL of a PostgreSQL in which databases can be made, or undefined. */
export async function realPostgresUrl(): Promise<string | undefined> {
  const usual = ['postgres://postgres@127.0.0.1:5432/postgres', 'postgres://root@127.0.0.1:5432/test']
  for (const url of process.env.TEST_DATABASE_URL ? [process.env.TEST_DATABASE_URL] : usual) {
    if (await answers(() => query(url, 'select 1'))) return url
  }
  return undefined
}

const run = promisify(execFile)
/** On a busy machine, what a killed server leaves takes long to go. */
const RESTART_MS = 45_000
const SILENT = { stdio: 'ignore' } as const

async function openServer(
  url: string,
  folder: string,
  start: () => ChildProcess,
  ask: () => Promise<unknown>,
): Promise<TemporaryServer> {
  let server: ChildProcess | undefined
  const hasEnded = () => server === undefined || server.exitCode !== null || server.signalCode !== null
  const restart = async () => {
    const giveUpAt = Date.now() + RESTART_MS
    if (hasEnded()) server = start()
    while (!(await answers(ask))) {
      await sleep(50)
      if (!hasEnded()) continue
      // After a kill, PostgreSQL's children may hold the folder for another moment.
      if (Date.now() > giveUpAt) throw new Error(`The server for ${url} ended with ${server?.exitCode}`)
      server = start()
    }
  }
  const end = async (signal: NodeJS.Signals) => {
    if (server === undefined || hasEnded()) return
    const ended = once(server, 'exit')
    server.kill(signal)
    await ended
  }
  // Whoever forgets to close it, or is stopped by a time-out, must not leave it behind.
  const onExit = () => void server?.kill('SIGKILL')
  process.once('exit', onExit)
  await restart()
  return {
    url,
    kill: (signal = 'SIGKILL') => end(signal),
    restart,
    async close() {
      // PostgreSQL's own children must be gone too before the folder goes: SIGINT waits for them.
      await end('SIGINT')
      process.removeListener('exit', onExit)
      await rm(folder, { recursive: true, maxRetries: 20, retryDelay: 100 })
    },
  }
}

interface Installed {
  programs: string
  /** As it tells it. */
  version: string
}

async function findPostgres(): Promise<Installed | undefined> {
  const versions = await readdir('/usr/lib/postgresql').catch(() => [])
  const newest = versions.sort((a, b) => Number(b) - Number(a)).map((version) => `/usr/lib/postgresql/${version}/bin`)
  const told = await run('pg_config', ['--bindir']).catch(() => ({ stdout: '' }))
  for (const programs of [told.stdout.trim(), ...newest]) {
    if (programs === '') continue
    const initdb = await run(join(programs, 'initdb'), ['--version']).catch(() => undefined)
    if (initdb) return { programs, version: initdb.stdout.trim() }
  }
  return undefined
}

/** Whether `openTemporaryPostgres` and `openTemporaryRedis` open anything here. */
export async function hasServers(): Promise<boolean> {
  return (await findPostgres()) !== undefined && (await answers(() => run('redis-server', ['--version'])))
}

/**
 * Returns the folder of a cluster that was just made, kept beside the packages: making one takes a
 * second of a processor, copying it next to nothing.
 */
async function keepCluster({ programs, version }: Installed, segmentMb: number): Promise<string> {
  const kept = join(KEPT, `cluster-${version.replaceAll(/[^\w.]+/g, '-')}-${segmentMb}`)
  if (await answers(() => readdir(kept))) return kept
  const making = await makeFolder('cluster')
  const account = process.getuid?.() === 0 ? await findAccount() : undefined
  if (account !== undefined) await chown(making, account.uid, account.gid)
  const options = ['-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync', '--wal-segsize']
  const data = join(making, 'data')
  await run(join(programs, 'initdb'), ['-D', data, ...options, `${segmentMb}`], { ...account, cwd: making })
  await mkdir(KEPT, { recursive: true })
  const beside = `${kept}.${process.pid}`
  await run('cp', ['-R', making, beside])
  // Another test file may have been faster.
  await rename(beside, kept).catch(() => rm(beside, { recursive: true }))
  await rm(making, { recursive: true })
  return kept
}

async function findAccount(): Promise<{ uid: number; gid: number } | undefined> {
  for (const name of ['postgres', 'nobody']) {
    const id = await run('id', ['-u', name]).catch(() => undefined)
    if (id !== undefined) return { uid: Number(id.stdout), gid: Number((await run('id', ['-g', name])).stdout) }
  }
  return undefined
}

/** Makes a folder of this run's own. */
export function makeFolder(name: string, parent = tmpdir()): Promise<string> {
  return mkdtemp(join(parent, `paper-round-${name}-`))
}

export async function findPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  if (address === null || typeof address === 'string') throw new Error('No port is free')
  return address.port
}

export async function query(url: string, text: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    await client.query(text)
  } finally {
    await client.end().catch(() => {})
  }
}

export async function withRedis<T>(url: string, use: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => null, connectTimeout: 2_000 })
  redis.on('error', () => {})
  try {
    await redis.connect()
    return await use(redis)
  } finally {
    redis.disconnect()
  }
}

export async function answers(ask: () => Promise<unknown>): Promise<boolean> {
  return ask().then(
    () => true,
    () => false,
  )
}

/** Lends a connection of its own. */
export async function connected<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    return await use(client)
  } finally {
    await client.end()
  }
}
