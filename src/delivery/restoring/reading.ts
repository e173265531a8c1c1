// Reads what providers accepted since a restored copy was made: twice, so that what was under way
// at the first reading is on the list at the second.

import { setTimeout as sleep } from 'node:timers/promises'
import { type Kysely, sql } from 'kysely'
import type { Database } from '../../database/schema.ts'
import { grouped } from '../../digest/text/words.ts'
import { isHeldAsRestoredSql, type RestoredHold } from '../../edition/restored.ts'
import { describeError } from '../../errors.ts'
import { MINUTE_MS } from '../../time.ts'
import type { Provider } from '../provider/provider.ts'
import { isUnsettledSql } from '../sending/transitions.ts'
import { type ListedDigest, readListed } from '../witness/listed.ts'
import { CLOCKS_DIFFER_MS, type Watch } from '../witness/watch.ts'
import { isAbove } from '../witness/witness.ts'

/** A request takes half a minute at most, and a list a few to show what it brought. */
const BETWEEN_READINGS_MS = 10 * MINUTE_MS

interface ReadingParts {
  db: Kysely<Database>
  providers: readonly Provider[]
  watch: Pick<Watch, 'read'>
  /** Hears of each step, in words. */
  say(line: string): void
  /** Between the two readings, in milliseconds. */
  betweenMs?: number
}

/**
 * Returns every digest that a provider accepted in the gap, by either of two readings. Rejects
 * where one cannot be asked, or where somebody still sends with the database that this one was
 * copied from.
 */
export async function readAccepted(
  { db, providers, watch, say, betweenMs = BETWEEN_READINGS_MS }: ReadingParts,
  hold: RestoredHold,
): Promise<ListedDigest[]> {
  const since = await startOfGap(db, hold)
  const before = await watch.read()
  say(`Reading what was accepted since ${since.toISOString().slice(0, 16).replace('T', ' ')} UTC …`)
  const first = await readAll(providers, since)
  say(
    `${grouped(first.length)} digests found. Reading again in ${Math.ceil(betweenMs / MINUTE_MS)} minutes: leave every other worker stopped.`,
  )
  await sleep(betweenMs)
  const second = await readAll(providers, since)
  const after = await watch.read()
  if (after !== undefined && (before === undefined || isAbove(after, before))) {
    throw new Error('something still sends meanwhile: stop every worker, on every machine, and say it again')
  }
  const byId = new Map([...first, ...second].map((mail) => [`${mail.providerId} ${mail.address}`, mail]))
  return [...byId.values()]
}

async function readAll(providers: readonly Provider[], since: Date): Promise<ListedDigest[]> {
  const all: ListedDigest[] = []
  for (const { name, listAccepted } of providers) {
    const decide = 'the editions stay held; decide yourself with --as sent (may lose) or --as again (may double)'
    if (!listAccepted) throw new Error(`${name} keeps no list of what it accepted: ${decide}`)
    try {
      all.push(...readListed(await listAccepted(since)))
    } catch (cause) {
      throw new Error(`${name} does not list what it accepted (${describeError(cause)}): ${decide}`, { cause })
    }
  }
  return all
}

/**
 * What was under way when the copy was made may have been accepted from its first request on; what
 * it knows nothing of, since the last one that it settled. When it last ticked says less: a worker
 * that lived through the restore may have ticked or marked in the copy before it was held.
 */
async function startOfGap(db: Kysely<Database>, { gapFrom }: RestoredHold): Promise<Date> {
  const { rows } = await sql<{ underWay: Date | null; settled: Date | null; first: Date | null }>`
    select (
      select min(b.first_attempt_at) from batches b join editions e on e.id = b.edition_id
      where ${isUnsettledSql('b')} and b.next_attempt_at < 'infinity' and ${isHeldAsRestoredSql('e')}
    ) as "underWay", (
      select max(b.first_attempt_at) from batches b where not ${isUnsettledSql('b')}
    ) as settled, (
      select min(s.created_at) from subscribers s
    ) as first`.execute(db)
  const { underWay, settled, first } = rows[0] ?? {}
  const moments = [gapFrom, underWay, settled ?? first].flatMap((moment) => moment?.getTime() ?? [])
  return new Date(Math.min(...moments) - CLOCKS_DIFFER_MS)
}
