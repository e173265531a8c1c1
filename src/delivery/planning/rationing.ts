// Who goes first when a quota does not last for everybody who waits. Fair over days: who was put
// off before comes first, the rest in an order that is another one every day. It never touches a
// batch that was attempted, and never puts anybody off twice over.
import { type Kysely, type RawBuilder, sql, type Transaction } from 'kysely'
import { lockInTransaction } from '../../database/client.ts'
import type { Database } from '../../database/schema.ts'
import { isStoppedSql } from '../../edition/edition.ts'
import { isStoppedByHandSql } from '../../edition/stop.ts'
import { layOutAnew } from '../sending/parts.ts'
import { isFreshSql } from '../sending/transitions.ts'
import { createWorkTable } from './work-tables.ts'

export interface Ration {
  /** Mails that may still go. */
  mails: number
  /** Most members of a batch. */
  batchSize: number
  /** What those who have to wait are told, and for how long they wait, in milliseconds. */
  reason: string
  waitMs: number
}

/**
 * Lays the batches that wait and were never attempted out anew, so that the first `mails` readers
 * can go and the others wait as told. Leaves everything as it is while there is enough for all.
 * Returns how many were put off.
 */
export async function rationWaiting(db: Kysely<Database>, ration: Ration): Promise<number> {
  return db.transaction().execute(async (trx) => {
    await lockInTransaction(trx, 'ration')
    await layOutWaiting(trx)
    const { rows } = await sql<{ count: number }>`select count(*)::int as count from waiting_mails`.execute(trx)
    if ((rows[0]?.count ?? 0) <= ration.mails) return 0
    await rankWaiting(trx, ration.mails)
    // A reader for whom two editions wait gets the newer one, and counts once.
    await layOutAnew(trx, 'waiting_mails', ration)
    return insertWaits(trx)
  })
}

/** Locks the waiting batches: whoever claims one meanwhile finds it laid out anew or gone. */
async function layOutWaiting(trx: Transaction<Database>): Promise<void> {
  await createWorkTable(trx, 'waiting_mails')
  await sql`
    insert into waiting_mails (batch_id, edition_id, subscriber_id, place, date, chosen, age)
    with b as (
      select b.* from batches b where ${isFreshSql('b')} and b.next_attempt_at <= round_clock() for update skip locked
    )
    select b.id as batch_id, b.edition_id, m.subscriber_id, m.place, e.date, false as chosen,
      row_number() over (partition by m.subscriber_id order by e.date desc, e.id desc) as age
    from b join editions e on e.id = b.edition_id and not (${isStoppedSql('e')} or ${isStoppedByHandSql('e')})
    cross join unnest(b.members) with ordinality m(subscriber_id, place)`.execute(trx)
}

async function rankWaiting(trx: Transaction<Database>, mails: number): Promise<void> {
  await sql`
    update waiting_mails w set chosen = true
    from (
      select subscriber_id, row_number() over (
        order by q.since nulls last, md5(subscriber_id || ' ' || (round_clock() at time zone 'UTC')::date), subscriber_id
      ) as turn
      from waiting_mails left join lateral (
        select since from quota_waits where quota_waits.subscriber_id = waiting_mails.subscriber_id and not ${isServedSql('quota_waits')}
      ) q on true
      where age = 1
    ) t where t.subscriber_id = w.subscriber_id and t.turn <= ${mails}`.execute(trx)
}

async function insertWaits(trx: Transaction<Database>): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    with put_off as (select subscriber_id from waiting_mails where age = 1 and not chosen), noted as (
      insert into quota_waits (subscriber_id) select subscriber_id from put_off
      on conflict (subscriber_id) do update set since = excluded.since where ${isServedSql('quota_waits')}
    )
    select count(*)::int as count from put_off`.execute(trx)
  return rows[0]?.count ?? 0
}

/** Whether a reader who was put off got a digest since. */
function isServedSql(wait: string): RawBuilder<boolean> {
  const w = sql.table(wait)
  return sql<boolean>`exists (
    select from deliveries d where d.subscriber_id = ${w}.subscriber_id and d.state = 'submitted' and d.changed_at > ${w}.since
  )`
}
