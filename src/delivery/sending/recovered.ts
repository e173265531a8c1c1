// What the rows of a restored copy become once it is known, or decided, what of the gap had gone.
// Nothing works on them meanwhile: they are held.
import { sql, type Transaction } from 'kysely'
import type { Database } from '../../database/schema.ts'
import { isHeldAsRestoredSql } from '../../edition/restored.ts'
import { markFoundSent, markRecovered, type SentMail } from './ledger.ts'
import { markRestarted } from './parts.ts'
import { isUnsettledSql } from './transitions.ts'

/** A reader's digest that is not to be sent any more. */
export interface Had {
  address: string
  at: Date
  providerId: string | null
  /** What was in it, where the email was read; nobody knows otherwise. */
  papers?: readonly string[]
}

/**
 * Writes one submitted delivery of an edition for each reader who had it, whether it is planned,
 * attempted, unknown or not there here; what is withheld here, only where the provider says so.
 * Returns how many.
 */
export async function markHad(trx: Transaction<Database>, editionId: number, had: readonly Had[]): Promise<number> {
  const sent = await findReaders(trx, had)
  const known = await markFoundSent(trx, editionId, sent)
  const { changed, inserted } = await markRecovered(trx, editionId, sent, await ensureEmptySelection(trx, editionId))
  await sql`update editions set due = due + ${inserted}::int where id = ${editionId}`.execute(trx)
  await insertPapers(trx, editionId, had)
  return known + changed + inserted
}

/** Finds whose the addresses are; of two digests to one reader the earlier counts. */
async function findReaders(trx: Transaction<Database>, had: readonly Had[]): Promise<SentMail[]> {
  const { rows } = await sql<{ subscriberId: number; place: number }>`
    select distinct on (s.id) s.id as "subscriberId", l.place
    from unnest(${had.map(({ address }) => address)}::text[], ${had.map(({ at }) => at)}::timestamptz[])
      with ordinality as l(address, at, place)
    join subscribers s on lower(s.address) = l.address
    order by s.id, l.at`.execute(trx)
  return rows.map(({ subscriberId, place }) => {
    const { at, providerId } = had[place - 1] as Had
    return { subscriberId, at, providerId }
  })
}

/** The selection of those of whom the copy has none. Returns its id. */
async function ensureEmptySelection(trx: Transaction<Database>, editionId: number): Promise<number> {
  await sql`
    insert into selections (edition_id, id, length, papers, reasons)
    select ${editionId}, coalesce(max(x.id), 0) + 1, 'titles', '{}', '{}' from selections x where x.edition_id = ${editionId}
    having not coalesce(bool_or(x.papers = '{}'), false)`.execute(trx)
  const { rows } = await sql<{ id: number }>`
    select x.id from selections x where x.edition_id = ${editionId} and x.papers = '{}' order by x.id limit 1`.execute(
    trx,
  )
  return (rows[0] as { id: number }).id
}

/** Keeps what was in those digests of which the copy has no selection. */
async function insertPapers(trx: Transaction<Database>, editionId: number, had: readonly Had[]): Promise<void> {
  const pairs = had.flatMap(({ address, papers = [] }) => papers.map((paper) => ({ address, paper })))
  if (pairs.length === 0) return
  await sql`
    insert into recovered_papers (subscriber_id, edition_id, paper_id)
    select s.id, ${editionId}, l.paper
    from unnest(${pairs.map(({ address }) => address)}::text[], ${pairs.map(({ paper }) => paper)}::text[]) as l(address, paper)
    join subscribers s on lower(s.address) = l.address
    join deliveries d on d.edition_id = ${editionId} and d.subscriber_id = s.id
    join selections x on x.edition_id = d.edition_id and x.id = d.selection_id and x.papers = '{}'
    on conflict do nothing`.execute(trx)
}

/**
 * Takes up again what the copy had attempted and what is not accounted for now: it was not
 * accepted, and goes on in new batches. So does what stands in a settled batch: a worker that lived
 * through the restore may have settled its own there, which has the same number. Returns how many
 * deliveries.
 */
export async function markTakenUp(trx: Transaction<Database>, keyId: number): Promise<number> {
  const { rows } = await sql<{ id: number; editionId: number; members: number[] }>`
    select b.id, b.edition_id as "editionId", b.members from batches b join editions e on e.id = b.edition_id
    where ${isHeldAsRestoredSql('e')} and case when ${isUnsettledSql('b')}
      then b.recipe_sha256 is not null and b.next_attempt_at < 'infinity'
      else b.id in (select d.batch_id from deliveries d where d.edition_id = b.edition_id and d.state = 'planned') end
    order by b.id for update of b`.execute(trx)
  return markRestarted(trx, rows, keyId)
}
