// Finds or starts the embedded PostgreSQL of a DATA_DIR: one process owns it, everyone else
// connects to that one. It must never open the files itself; owner.ts says how two are ruled out,
// turns.ts what sharing one session means.
import { type ChildProcess, fork } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { extname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import pg from 'pg'
import { COMPILE_WASM_LATE } from '../../engine.ts'
import { describeError } from '../../errors.ts'
import { makeFolder } from '../../folder.ts'
import type { Logger } from '../../logger.ts'
import { ADDRESS_FILE, OWNER_FOLDER, type ServerMessage } from './address.ts'

export interface EmbeddedDatabase {
  /** The same as long as this process runs, whoever owns the database meanwhile. */
  readonly url: string
  /** Whether it runs for as long as this process does. */
  readonly owned: boolean
  /** Ends the database if this process owns it, and waits until its files are closed. */
  close(): Promise<void>
}

export interface EmbeddedOptions {
  logger: Logger
  /** How long another owner may take to answer, in milliseconds; a minute unless told. */
  answerMs?: number
}

/**
 * Connects to the database's owner, or becomes it. If the database goes away later (another command
 * owned it and ended, or it was killed), it is found or started again at the same address; queries
 * of that moment fail and may be repeated.
 */
export async function openEmbedded(
  dataDir: string,
  { logger, answerMs = ANSWER_MS }: EmbeddedOptions,
): Promise<EmbeddedDatabase> {
  const folder = resolve(dataDir)
  await makeFolder('DATA_DIR', folder)
  const closing = new AbortController()
  let hold = await findOrStart(folder, closing.signal, answerMs)
  const { url } = hold
  const keeping = keep()

  async function keep(): Promise<void> {
    for (;;) {
      const reason = await hold.ended
      if (closing.signal.aborted) return
      logger.warn({ event: 'database.lost', reason }, 'The embedded database went away')
      try {
        hold = await findOrStart(folder, closing.signal, answerMs)
        if (closing.signal.aborted) return await hold.release()
        if (hold.url !== url)
          throw new Error('It came back at another address, which only a new start of this process finds')
        logger.info({ event: 'database.found', owned: hold.owned }, 'The embedded database came back')
      } catch (error) {
        if (closing.signal.aborted) return
        logger.error(
          { event: 'database.missing', reason: describeError(error) },
          'The embedded database did not come back',
        )
        await sleep(RETRY_MS, undefined, { signal: closing.signal }).catch(() => {})
      }
    }
  }

  return {
    url,
    get owned() {
      return hold.owned
    },
    async close() {
      closing.abort()
      await hold.release()
      await keeping
    },
  }
}

/** A running database, as this process holds on to it. */
interface Hold {
  url: string
  owned: boolean
  /** Resolves with the reason when the database, or the connection to its owner, is gone. */
  ended: Promise<string>
  /** May be called again. */
  release(): Promise<void>
}

async function findOrStart(folder: string, signal: AbortSignal, answerMs: number): Promise<Hold> {
  const giveUpAt = Date.now() + answerMs
  let url = await readUrl(folder)
  let patienceMs = CONNECT_MS
  for (;;) {
    const found = url === undefined ? undefined : await connect(url, patienceMs)
    if (found !== undefined) return found
    const started = await startServer(folder, signal, answerMs)
    if (typeof started !== 'string') return started
    if (url === started && Date.now() > giveUpAt) throw notStarted(`another process holds ${folder} out of reach`)
    url = started
    patienceMs = BUSY_CONNECT_MS
  }
}

/**
 * Returns where the owner of a DATA_DIR listens, or its last one did; undefined where there never
 * was one. Nothing is started.
 */
export function findEmbeddedUrl(dataDir: string): Promise<string | undefined> {
  return readUrl(resolve(dataDir))
}

async function readUrl(folder: string): Promise<string | undefined> {
  try {
    return (JSON.parse(await readFile(join(folder, OWNER_FOLDER, ADDRESS_FILE), 'utf8')) as { url: string }).url
  } catch {
    return undefined
  }
}

/**
 * Returns undefined when nobody answers there, or not the owner: only the owner knows the password.
 */
async function connect(url: string, patienceMs: number): Promise<Hold | undefined> {
  const watch = new pg.Client({ connectionString: url, connectionTimeoutMillis: patienceMs, keepAlive: true })
  const ended = new Promise<string>((resolve) => {
    watch.once('end', () => resolve('its owner ended'))
  })
  watch.on('error', () => {})
  try {
    await watch.connect()
  } catch {
    await watch.end().catch(() => {})
    return undefined
  }
  return { url, owned: false, ended, release: () => watch.end() }
}

/**
 * Starts a server that waits until it owns the folder. Returns the address of another owner if that
 * one can be reached.
 */
async function startServer(folder: string, signal: AbortSignal, answerMs: number): Promise<Hold | string> {
  signal.throwIfAborted()
  const child = fork(SERVER_FILE, [folder], {
    execArgv: SERVER_ARGUMENTS,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  let reason = 'its process ended'
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(describeError(error)))
    child.once('exit', () => resolve(reason))
  })
  let patience: NodeJS.Timeout | undefined
  const giveUp = () => {
    reason = `another process holds ${folder} and does not answer`
    if (child.connected) child.disconnect()
  }
  const said = new Promise<Exclude<ServerMessage, { kind: 'waiting' | 'opening' }>>((resolve) => {
    child.on('message', (message: ServerMessage) => {
      // Our own server is ready or ends in the end, however slow this machine is. Another owner may
      // be stuck without our hearing of it.
      clearTimeout(patience)
      if (message.kind === 'waiting') patience = setTimeout(giveUp, answerMs)
      else if (message.kind !== 'opening') resolve(message)
      if (message.kind === 'failed') reason = message.reason
    })
  })
  const release = () => endServer(child, ended)
  signal.addEventListener('abort', release, { once: true })
  try {
    const message = await Promise.race([said, ended])
    if (typeof message === 'string' || message.kind === 'failed') {
      await release()
      throw notStarted(reason)
    }
    if (message.kind === 'ready') return { url: message.url, owned: true, ended, release }
    await release()
    return message.url
  } finally {
    clearTimeout(patience)
    signal.removeEventListener('abort', release)
  }
}

function notStarted(reason: string): Error {
  return new Error(`The embedded database did not start: ${reason}`)
}

/**
 * Lets the server close its files and waits for its end. A server that cannot is killed: its files
 * survive that too.
 */
async function endServer(child: ChildProcess, ended: Promise<string>): Promise<void> {
  if (child.connected) child.disconnect()
  const kill = setTimeout(() => child.kill('SIGKILL'), CLOSE_MS)
  await ended
  clearTimeout(kill)
}

/**
 * From sources the server is TypeScript as well and needs the loader; the working directory must
 * not matter for either.
 */
const EXTENSION = extname(import.meta.url)
const SERVER_FILE = fileURLToPath(new URL(`./server${EXTENSION}`, import.meta.url))
const LOADER =
  EXTENSION === '.ts' ? ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href] : []
const SERVER_ARGUMENTS = [...LOADER, '--expose-gc', COMPILE_WASM_LATE]

/**
 * Making the files takes some seconds, and an owner that is in the middle of a long query answers
 * only after it.
 */
const ANSWER_MS = 60_000
/** An owner that is free answers in milliseconds; a busy one is asked through its lock. */
const CONNECT_MS = 1_000
/** One that has just told its address through its lock is there, and only busy. */
const BUSY_CONNECT_MS = 10_000
const CLOSE_MS = 15_000
const RETRY_MS = 1_000
