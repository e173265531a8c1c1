// The process that owns the embedded database: one PGlite on one DATA_DIR, offered on a loopback
// port. Its parent starts it with the folder as its only argument (embedded.ts) and hears from it
// over IPC; it ends when the parent does. It must never open the files before it owns them.
import { randomBytes, randomInt } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { describeError } from '../../errors.ts'
import { ADDRESS_FILE, OWNER_FOLDER, type ServerMessage } from './address.ts'
import { type Damage, describeDamage, findDamage, findMissing } from './damage.ts'
import { claimOwnership } from './owner.ts'
import { IS_FROM_SOURCES, readPacked, writePacked } from './packed.ts'
import { serveTurns, type Turns } from './turns.ts'

/**
 * Outside the ranges from which systems give ports to outgoing connections, so that the same port
 * is free again later.
 */
const FIRST_PORT = 20_000
const LAST_PORT = 32_000
const PORT_ATTEMPTS = 20
/** What opening the files may write, a segment of the log. */
const ROOM_BYTES = 16 * 2 ** 20
const RELATIONS = `
  select relname as name, pg_relation_filepath(oid) as path from pg_class
  where relkind in ('r', 'i', 'S', 't', 'm') and relpersistence <> 't'`

const dataDir = process.argv[2]
let stop = async () => {}
let stopping = false

// Ctrl-C reaches the whole process group. The parent still has work to finish here, and says when
// it has.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
process.on('disconnect', end)

try {
  if (dataDir === undefined) throw new Error('The folder of the embedded database is missing')
  await start(dataDir)
} catch (error) {
  fail(error)
}

async function start(folder: string): Promise<void> {
  // Only for this account: the address holds the password.
  await mkdir(join(folder, OWNER_FOLDER), { recursive: true, mode: 0o700 })
  process.chdir(join(folder, OWNER_FOLDER))
  const claim = await claimOwnership(() => tell({ kind: 'waiting' }))
  if (!claim.owned) {
    tell({ kind: 'elsewhere', url: claim.address })
    return process.disconnect()
  }
  tell({ kind: 'opening' })
  const database = await openFiles(folder)
  const password = (await readAddress())?.password ?? randomBytes(24).toString('base64url')
  const turns = await listen(database, password)
  const url = `postgres://postgres:${password}@127.0.0.1:${turns.port}/postgres`
  await writeFile(`${ADDRESS_FILE}.new`, JSON.stringify({ url, pid: process.pid }), { mode: 0o600 })
  await rename(`${ADDRESS_FILE}.new`, ADDRESS_FILE)
  stop = async () => {
    claim.announce(undefined)
    await turns.close()
    await database.close()
  }
  claim.announce(url)
  tell({ kind: 'ready', url })
}

/**
 * Opens the files, or makes them. What a start that was killed left half made is made again; what
 * is damaged is left as it is.
 */
async function openFiles(folder: string): Promise<PGlite> {
  const files = join(folder, 'postgres')
  const unfinished = join(folder, OWNER_FOLDER, 'unfinished')
  // Whoever has an address here has had a database.
  const wasMade = existsSync(files) || existsSync(ADDRESS_FILE)
  if (existsSync(unfinished)) await rm(files, { recursive: true, force: true })
  else if (!wasMade) await writeFile(unfinished, '')
  if (!existsSync(unfinished)) return openMade(folder, files)
  const packed = await readPacked()
  const database = await ready(new PGlite({ dataDir: files, ...(packed && { loadDataDir: packed }) }))
  if (packed === undefined && IS_FROM_SOURCES) await packForOthers(database)
  await rm(unfinished)
  // Making the files took a second database in memory, some 350 MB, which would otherwise stay
  // for long.
  globalThis.gc?.()
  return database
}

async function openMade(folder: string, files: string): Promise<PGlite> {
  const demand = (damage: Damage | undefined) => {
    if (damage !== undefined) throw new Error(describeDamage(folder, damage))
  }
  demand(await findDamage(files))
  const database = await ready(new PGlite({ dataDir: files })).catch(async (error: unknown) => {
    const { bavail, bsize } = await statfs(folder)
    if (bavail * bsize < ROOM_BYTES) throw new Error(`the disk of ${folder} is full`, { cause: error })
    throw new Error(describeDamage(folder, { damaged: `PostgreSQL cannot open ${files} (${describeError(error)})` }))
  })
  const { rows } = await database.query<{ name: string; path: string }>(RELATIONS)
  demand(await findMissing(files, rows))
  return database
}

async function ready(database: PGlite): Promise<PGlite> {
  await database.waitReady
  return database
}

/**
 * Waits only until the files are taken. That it fails concerns nobody: the next start tries again.
 */
function packForOthers(database: PGlite): Promise<void> {
  return new Promise((taken) => void writePacked(database, taken).catch(() => taken()))
}

/**
 * Listens where the last owner did, if it can: then whoever was connected finds the database again
 * by itself.
 */
async function listen(database: PGlite, password: string): Promise<Turns> {
  const last = (await readAddress())?.port
  for (let attempt = 0; ; attempt += 1) {
    const port = attempt === 0 && last !== undefined ? last : randomInt(FIRST_PORT, LAST_PORT)
    try {
      return await serveTurns(database, { port, password, onBroken: fail })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || attempt === PORT_ATTEMPTS) throw error
    }
  }
}

async function readAddress(): Promise<{ port: number; password: string } | undefined> {
  try {
    const url = new URL((JSON.parse(await readFile(ADDRESS_FILE, 'utf8')) as { url: string }).url)
    return { port: Number(url.port), password: url.password }
  } catch {
    return undefined
  }
}

function end(): void {
  if (stopping) return
  stopping = true
  // Files that are still being opened are left as a kill would leave them; the next start copes
  // with that anyway.
  stop().then(() => process.exit(0), fail)
}

function fail(error: unknown): void {
  const exit = () => process.exit(1)
  if (process.connected) process.send?.({ kind: 'failed', reason: describeError(error) } satisfies ServerMessage, exit)
  else exit()
}

function tell(message: ServerMessage): void {
  process.send?.(message)
}
