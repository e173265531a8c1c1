// What a restored copy learns of the gap before it goes on: who got which digest. It never sends;
// with `found` it is the one place that acts on absence, after two readings of the provider's list.
import { type Kysely, sql, type Transaction } from 'kysely'
import { lockInTransaction } from '../../database/client.ts'
import type { Database } from '../../database/schema.ts'
import type { EditionKind } from '../../database/states.ts'
import { cutoffOf, dateOf, shiftDate } from '../../edition/edition.ts'
import { isHeldAsRestoredSql, type RestoredHold } from '../../edition/restored.ts'
import { ensureEdition } from '../../edition/store.ts'
import type { EditionDate } from '../../source/paper.ts'
import { listWantedWeeks } from '../../subscriber/store.ts'
import { DAY_MS } from '../../time.ts'
import { markNoticesLate } from '../sending/ledger.ts'
import { type Had, markHad, markTakenUp } from '../sending/recovered.ts'
import { isUnsettledSql } from '../sending/transitions.ts'
import type { ListedDigest } from '../witness/listed.ts'

export interface Healed {
  /** Deliveries that count as submitted now. */
  submitted: number
  /** Deliveries that had been attempted and go once more. */
  again: number
  /** Notices from before the gap that are of no use any more. */
  late: number
}

export interface HealingParts {
  db: Kysely<Database>
  cutoffMinutes: number
  /** How far back an edition may still have been sent, in milliseconds. */
  latenessMs: number
  /** With which links of what goes again are signed. */
  keyId: number
}

/** Counts as submitted what was found; whoever was not found is sent to. */
export async function healAsFound(
  parts: HealingParts,
  hold: RestoredHold,
  digests: readonly (ListedDigest & Pick<Had, 'papers'>)[],
): Promise<Healed> {
  return inTurn(parts, async (trx) => {
    let submitted = 0
    for (const mails of groupByEdition(digests)) {
      const [{ date, kind }] = mails
      const { id } = await ensureEdition(trx, { date, kind, cutoffAt: cutoffOf(date, parts.cutoffMinutes) })
      submitted += await markHad(trx, id, mails)
    }
    return { submitted, again: await markTakenUp(trx, parts.keyId), late: await markNoticesLate(trx, hold.heldAt) }
  })
}

/**
 * Counts as submitted every digest that may have been due in the gap: of each edition that could
 * still be sent then, for all its readers. May lose, never doubles.
 */
export async function healAsSent(parts: HealingParts, hold: RestoredHold): Promise<Healed> {
  return inTurn(parts, async (trx) => {
    let submitted = 0
    for (const { id, kind } of await ensureConcerned(trx, parts, hold)) {
      const { rows: readers } = await sql<{ address: string | null }>`
        select s.address from subscribers s where s.consent = 'confirmed' and (s.cadence = 'weekly') = ${kind === 'weekly'}::boolean
          or exists (select from deliveries d where d.edition_id = ${id} and d.subscriber_id = s.id and d.state = 'planned')`.execute(
        trx,
      )
      const had = readers.flatMap(({ address }) =>
        address === null ? [] : { address: address.toLowerCase(), at: hold.heldAt, providerId: null },
      )
      submitted += await markHad(trx, id, had)
    }
    return { submitted, again: await markTakenUp(trx, parts.keyId), late: await markNoticesLate(trx, hold.heldAt) }
  })
}

/** Decides nothing of digests: what the copy has not marked goes again, and may double. */
export async function healAsAgain(parts: HealingParts, hold: RestoredHold): Promise<Healed> {
  return inTurn(parts, async (trx) => ({ submitted: 0, again: 0, late: await markNoticesLate(trx, hold.heldAt) }))
}

/** Nothing is planned meanwhile. */
async function inTurn({ db }: HealingParts, heal: (trx: Transaction<Database>) => Promise<Healed>): Promise<Healed> {
  return db.transaction().execute(async (trx) => {
    await lockInTransaction(trx, 'plan')
    return heal(trx)
  })
}

function groupByEdition<D extends ListedDigest>(digests: readonly D[]): [D, ...D[]][] {
  const groups = new Map<string, [D, ...D[]]>()
  for (const digest of digests) {
    const name = `${digest.date} ${digest.kind}`
    const group = groups.get(name)
    if (group) group.push(digest)
    else groups.set(name, [digest])
  }
  return [...groups.values()]
}

/** Returns all editions that could still be sent in the gap, made or not. */
async function ensureConcerned(
  trx: Transaction<Database>,
  { cutoffMinutes, latenessMs }: HealingParts,
  { gapFrom, heldAt }: RestoredHold,
): Promise<{ id: number; kind: EditionKind }[]> {
  const earliest = dateOf(new Date(gapFrom.getTime() - latenessMs - DAY_MS))
  const dates: { date: EditionDate; kind: EditionKind }[] = []
  // Missing are those alone that were made since.
  for (let date = shiftDate(dateOf(gapFrom), -1); cutoffOf(date, cutoffMinutes) <= heldAt; date = shiftDate(date, 1)) {
    dates.push({ date, kind: 'daily' })
  }
  for (const date of await listWantedWeeks(trx, cutoffMinutes)) dates.push({ date, kind: 'weekly' })
  for (const each of dates) await ensureEdition(trx, { ...each, cutoffAt: cutoffOf(each.date, cutoffMinutes) })
  const { rows } = await sql<{ id: number; kind: EditionKind }>`
    select e.id, e.kind from editions e
    where ${isHeldAsRestoredSql('e')} and not e.archive and e.state <> 'empty' and (e.date >= ${earliest}::date or exists (
      select from batches b where b.edition_id = e.id and ${isUnsettledSql('b')} and b.next_attempt_at < 'infinity'))
    order by e.date, e.kind`.execute(trx)
  return rows
}
