// Takes a list of subscribers over from a file. Safe to repeat: whoever is known stays as they are,
// whatever the file says.
import { closeSync, createReadStream, openSync, statSync } from 'node:fs'
import type { Kysely } from 'kysely'
import { readConfig } from '../../config.ts'
import type { Database } from '../../database/schema.ts'
import { counted, grouped } from '../../digest/text/words.ts'
import { describeError, UsageError } from '../../errors.ts'
import { findSeparator, type ListedSubscriber, type ListReader, readHeader } from '../../subscriber/list/file.ts'
import { insertListed } from '../../subscriber/list/importing.ts'
import { readRows } from '../../subscriber/list/reading.ts'
import { DEFAULT_RHYTHM, type Rhythm } from '../../subscriber/preferences.ts'
import { listZones } from '../../subscriber/zone.ts'
import { parseAll } from '../arguments.ts'
import { withStores } from '../session.ts'
import { openTerminal, type Terminal } from '../terminal.ts'
import { parseRhythmOptions, type RhythmOptions } from './preferences.ts'

interface ImportOptions extends RhythmOptions {
  dryRun?: boolean
  json?: boolean
}

interface Counts {
  /** Lines below the header. */
  read: number
  added: number
  known: number
  suppressed: number
  refused: number
  /** Of those refused, lines that are no rows: whoever stands there was not read. */
  unread: number
}

interface Refusal {
  line: number
  reason: string
}

/** Who hears of single lines, and what stands for what they leave out. */
interface Hearing {
  refuse(refusal: Refusal): void
  /** Of lines that were taken, but not as they stand. */
  remark?: (remark: Refusal) => void
  rhythm?: Rhythm
  /** Lines below the header, where somebody knows. */
  total?: number | undefined
}

const BATCH = 2_000
const NEWLINE = 0x0a
/** The object of --json holds no more: a file of another kind refuses every line. */
const REFUSALS_MAX = 1_000

export async function importSubscribersCommand(file: string, options: ImportOptions): Promise<void> {
  const { rhythm } = parseAll({
    file: () => (file === '-' ? undefined : parseFile(file)),
    rhythm: () => parseRhythmOptions(options),
    settings: () => readConfig('stores'),
  })
  const { input, total } = file === '-' ? { input: process.stdin, total: undefined } : await openFile(file)
  const terminal = openTerminal(options)
  const [refusals, remarks] = [[], []] as [Refusal[], Refusal[]]
  const keepIn = (list: Refusal[]) => (said: Refusal) => {
    if (list.length < REFUSALS_MAX) list.push(said)
    terminal.say(`line ${said.line}: ${said.reason}`)
  }
  const hearing = { refuse: keepIn(refusals), remark: keepIn(remarks), rhythm: { ...DEFAULT_RHYTHM, ...rhythm }, total }
  const counts = await withStores('stores', ({ stores: { db } }) =>
    options.dryRun
      ? rolledBack(db, (trx) => importList(trx, input, terminal, hearing))
      : importList(db, input, terminal, hearing),
  )
  const { read, added, known, suppressed, refused, unread } = counts
  terminal.print({ ...counts, dryRun: options.dryRun === true, refusals, remarks }, [
    `${options.dryRun ? 'Would add' : 'Added'} ${grouped(added)} of ${grouped(read)}: ${grouped(known)} known already, ${grouped(suppressed)} suppressed, ${grouped(refused)} refused.`,
    ...(unread > 0
      ? [
          `${counted(unread, 'line')} could not be read as the quotes stand: mend ${unread === 1 ? 'it' : 'them'} and import the file again, which adds nobody twice.`,
        ]
      : []),
  ])
  if (unread > 0 || (read > 0 && refused === read)) process.exitCode = 1
}

/**
 * Imports what `input` holds, batch by batch: never more of it in memory. Throws a UsageError for
 * what is no list at all.
 */
export async function importList(
  db: Kysely<Database>,
  input: AsyncIterable<Buffer>,
  terminal: Terminal,
  { refuse, remark = () => {}, rhythm = DEFAULT_RHYTHM, total }: Hearing,
): Promise<Counts> {
  const counts = { read: 0, added: 0, known: 0, suppressed: 0, refused: 0, unread: 0 }
  const zones = await listZones(db)
  if (!zones.has(rhythm.zone)) {
    throw new UsageError(`--zone ${rhythm.zone} is no known time zone: use an IANA name such as Europe/Paris`)
  }
  const progress = terminal.follow('Importing')
  let reader: ListReader | undefined
  let batch: ListedSubscriber[] = []
  const flush = async () => {
    for (const outcome of batch.length > 0 ? await insertListed(db, batch) : []) counts[outcome]++
    batch = []
    progress.update(counts.read, total === undefined ? undefined : Math.max(total, counts.read))
  }
  for await (const row of readRows(input)) {
    if (!reader) {
      if ('problem' in row) {
        throw new UsageError(findSeparator(row.text ?? '') ?? `line ${row.line} is no header: ${row.problem}`)
      }
      reader = readHeader(row.cells, rhythm)
      const { unread, caution } = reader
      if (caution !== undefined) remark({ line: row.line, reason: caution })
      if (unread.length > 0) remark({ line: row.line, reason: `no use is made of ${unread.join(', ')}` })
      continue
    }
    const { line } = row
    if ('problem' in row) {
      counts.read += row.lines
      counts.refused += row.lines
      counts.unread += row.lines
      refuse({ line, reason: row.problem })
      continue
    }
    counts.read++
    const found = reader.read(row.cells, zones, (reason) => remark({ line, reason }))
    if (typeof found === 'string') {
      counts.refused++
      refuse({ line, reason: found })
    } else if (batch.push(found) === BATCH) await flush()
  }
  if (!reader) throw new UsageError('the file is empty: its first line names the columns')
  await flush()
  progress.end(`${counted(counts.read, 'line')} read`)
  return counts
}

/** A mistyped name starts no store, and is told with all that is wrong. */
function parseFile(file: string): void {
  try {
    closeSync(openSync(file, 'r'))
    if (statSync(file).isDirectory()) throw new Error('it is a folder')
  } catch (cause) {
    throw new UsageError(`${file} cannot be read: ${describeError(cause)}`)
  }
}

/** Counted first, so that progress has an end. */
async function openFile(file: string): Promise<{ input: AsyncIterable<Buffer>; total: number }> {
  let total = 0
  for await (const chunk of createReadStream(file)) {
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, at + 1)) total++
  }
  return { input: createReadStream(file), total: Math.max(0, total - 1) }
}

/** Does the work for its result alone. */
async function rolledBack<T>(db: Kysely<Database>, work: (trx: Kysely<Database>) => Promise<T>): Promise<T> {
  const undone = new Error('rolled back as asked')
  let result: T | undefined
  try {
    await db.transaction().execute(async (trx) => {
      result = await work(trx)
      throw undone
    })
  } catch (error) {
    if (error !== undone) throw error
  }
  return result as T
}
