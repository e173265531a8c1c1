// Takes a list of subscribers over from a file. Safe to repeat: whoever is known stays as they are,
// whatever the file says.
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import type { Kysely } from 'kysely'
import type { Database } from '../../database/schema.ts'
import { counted } from '../../digest/words.ts'
import { describeError, UsageError } from '../../errors.ts'
import { type ListedSubscriber, type ListReader, readHeader } from '../../subscriber/list/file.ts'
import { insertListed } from '../../subscriber/list/importing.ts'
import { readRows } from '../../subscriber/list/reading.ts'
import { listZones } from '../../subscriber/zone.ts'
import { withStores } from '../session.ts'
import { openTerminal, type Terminal } from '../terminal.ts'

interface ImportOptions {
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
}

interface Refusal {
  line: number
  reason: string
}

const BATCH = 2_000
/** The object of --json holds no more: a file of another kind refuses every line. */
const REFUSALS_MAX = 1_000

export async function importSubscribersCommand(file: string, options: ImportOptions): Promise<void> {
  const input = file === '-' ? process.stdin : await openFile(file)
  const terminal = openTerminal(options)
  const refusals: Refusal[] = []
  const refuse = (refusal: Refusal) => {
    if (refusals.length < REFUSALS_MAX) refusals.push(refusal)
    terminal.say(`line ${refusal.line}: ${refusal.reason}`)
  }
  const counts = await withStores('stores', ({ stores: { db } }) =>
    options.dryRun
      ? rolledBack(db, (trx) => importList(trx, input, terminal, refuse))
      : importList(db, input, terminal, refuse),
  )
  const { read, added, known, suppressed, refused } = counts
  terminal.print({ ...counts, dryRun: options.dryRun === true, refusals }, [
    `${options.dryRun ? 'Would add' : 'Added'} ${added} of ${read}: ${known} known already, ${suppressed} suppressed, ${refused} refused.`,
  ])
}

/**
 * Imports what `input` holds, batch by batch: never more of it in memory. Throws a UsageError for
 * what is no list at all.
 */
export async function importList(
  db: Kysely<Database>,
  input: AsyncIterable<Buffer>,
  terminal: Terminal,
  refuse: (refusal: Refusal) => void,
): Promise<Counts> {
  const counts = { read: 0, added: 0, known: 0, suppressed: 0, refused: 0 }
  const zones = await listZones(db)
  const progress = terminal.follow('Importing')
  let reader: ListReader | undefined
  let batch: ListedSubscriber[] = []
  const flush = async () => {
    for (const outcome of batch.length > 0 ? await insertListed(db, batch) : []) counts[outcome]++
    batch = []
    progress.update(counts.read)
  }
  for await (const row of readRows(input)) {
    if (!reader) {
      if ('problem' in row) throw new UsageError(`line ${row.line} is no header: ${row.problem}`)
      reader = readHeader(row.cells)
      continue
    }
    counts.read++
    const found = 'problem' in row ? row.problem : reader.read(row.cells, zones)
    if (typeof found === 'string') {
      counts.refused++
      refuse({ line: row.line, reason: found })
    } else if (batch.push(found) === BATCH) await flush()
  }
  if (!reader) throw new UsageError('the file is empty: its first line names the columns')
  await flush()
  progress.end(`${counted(counts.read, 'line')} read`)
  return counts
}

/** Opened first: a mistyped name starts no store. */
async function openFile(file: string): Promise<AsyncIterable<Buffer>> {
  try {
    await (await open(file)).close()
  } catch (cause) {
    throw new UsageError(`${file} cannot be read: ${describeError(cause)}`)
  }
  return createReadStream(file)
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
