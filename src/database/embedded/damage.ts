// Tells what is damaged in the files of the embedded database, before anything opens them: an
// engine that misses some of them makes new ones in their place, and says little of others. It
// reads, and changes nothing. What shows only while it runs, PostgreSQL says itself.
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describeError } from '../../errors.ts'

/** The major version of PostgreSQL that the embedded one is. */
const MAJOR = 18
/** What every cluster has, empty folders among them. */
const ENTRIES = [
  ...['base', 'global', 'pg_commit_ts', 'pg_dynshmem', 'pg_logical', 'pg_multixact', 'pg_notify', 'pg_replslot'],
  ...['pg_serial', 'pg_snapshots', 'pg_stat', 'pg_stat_tmp', 'pg_subtrans', 'pg_tblspc', 'pg_twophase', 'pg_wal'],
  ...['pg_xact', 'postgresql.conf', 'global/pg_control', 'global/pg_filenode.map', 'global/1262', 'base/5/PG_VERSION'],
  ...['base/5/pg_filenode.map', 'base/5/1259', 'base/5/1249'],
]
/** XX001: a page, XX002: an index, 58P01: a file that is gone. */
const DAMAGED_STATE = /^(XX00[12]|58P01)$/
const CONTROL_BYTES = 8_192
const SEGMENT = /^[0-9A-F]{24}$/
const SEGMENT_MIN_BYTES = 2 ** 20

/** What keeps the files from being opened: a fault in them, or that another version made them. */
export type Damage = { damaged: string } | { madeBy: string }

/** Returns undefined where nothing shows. */
export async function findDamage(files: string): Promise<Damage | undefined> {
  try {
    if (!(await exists(files))) return { damaged: `${files} is missing` }
    const found = await readdir(files)
    if (found.length === 0) return { damaged: `${files} is empty` }
    if (!found.includes('PG_VERSION')) return { damaged: `${join(files, 'PG_VERSION')} is missing` }
    const version = (await readFile(join(files, 'PG_VERSION'), 'utf8')).trim()
    if (!/^\d+$/.test(version)) return { damaged: `${join(files, 'PG_VERSION')} holds no version` }
    if (version !== String(MAJOR)) return { madeBy: version }
    const damaged = (await findLacking(files)) ?? (await findControlDamage(files)) ?? (await findWalDamage(files))
    return damaged === undefined ? undefined : { damaged }
  } catch (error) {
    return { damaged: `${files} cannot be read: ${describeError(error)}` }
  }
}

/** Returns the first file that the open database should have and that is not there. */
export async function findMissing(
  files: string,
  relations: readonly { name: string; path: string }[],
): Promise<Damage | undefined> {
  for (const { name, path } of relations) {
    if (!(await exists(join(files, path)))) return { damaged: `${join(files, path)}, which holds ${name}, is missing` }
  }
  return undefined
}

/** Returns what to tell whoever runs the program: what is wrong, what is kept, what to do. */
export function describeDamage(dataDir: string, damage: Damage): string {
  return 'madeBy' in damage
    ? `DATA_DIR (${dataDir}) was made by PostgreSQL ${damage.madeBy}, and this version of paper-round has ${MAJOR}: run the version that made it, and its "move" to take everything along. Nothing in it was changed`
    : `DATA_DIR (${dataDir}) is damaged: ${damage.damaged}. Nothing was removed, and STATE_DIR still knows who has left and what was sent. Put a whole copy of DATA_DIR back and run "resume --restored", or move the folder away to begin with an empty list (docs/operating.md, "A damaged DATA_DIR")`
}

/**
 * Returns what to throw instead of an error that says that files of a running PostgreSQL cannot be
 * read; undefined for any other.
 */
export function damagedError(error: unknown): Error | undefined {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (!DAMAGED_STATE.test(code)) return undefined
  const remedy =
    'stop everything, put a backup back and run "resume --restored" (docs/operating.md, "A damaged DATA_DIR")'
  return new Error(`PostgreSQL finds its own files damaged: ${remedy}`, { cause: error })
}

async function findLacking(files: string): Promise<string | undefined> {
  for (const name of ENTRIES) if (!(await exists(join(files, name)))) return `${join(files, name)} is missing`
  return undefined
}

async function findControlDamage(files: string): Promise<string | undefined> {
  const path = join(files, 'global', 'pg_control')
  const control = await readFile(path)
  if (control.length !== CONTROL_BYTES) return `${path} was cut short to ${control.length} bytes`
  return control.readUInt32LE(8) === MAJOR * 100 ? undefined : `${path} holds something else`
}

/** The log from the last checkpoint on: without it nothing says which pages are current. */
async function findWalDamage(files: string): Promise<string | undefined> {
  const folder = join(files, 'pg_wal')
  const segments = (await readdir(folder)).filter((name) => SEGMENT.test(name)).sort()
  if (segments.length === 0) return `${folder} holds no log`
  const sizes = new Map<string, number>()
  for (const name of segments) sizes.set(name, (await stat(join(folder, name))).size)
  const size = Math.max(...sizes.values())
  const short = segments.find((name) => sizes.get(name) !== size || size < SEGMENT_MIN_BYTES)
  if (short !== undefined) return `${join(folder, short)} was cut short to ${sizes.get(short)} bytes`
  // Of ControlFileData: the last checkpoint's own place, where it redoes from, and its timeline.
  const control = await readFile(join(files, 'global', 'pg_control'))
  const timeline = control.readUInt32LE(48)
  for (const place of [control.readBigUInt64LE(40), control.readBigUInt64LE(32)]) {
    const wanted = segmentOf(place, timeline, BigInt(size))
    if (!sizes.has(wanted)) return `${join(folder, wanted)}, the log since the last checkpoint, is missing`
  }
  return undefined
}

function segmentOf(place: bigint, timeline: number, size: bigint): string {
  const words = [BigInt(timeline), place >> 32n, (place & 0xffffffffn) / size]
  return words.map((word) => word.toString(16).toUpperCase().padStart(8, '0')).join('')
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return false
      throw error
    },
  )
}
