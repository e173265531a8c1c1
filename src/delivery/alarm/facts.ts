// What alarms are judged by, read by one set of queries; whether something is wrong is judged in
// judging.ts. Each query is as cheap as its answer is short: it runs once a minute, also while a
// million emails are under way.
import { sql, type Transaction } from 'kysely'
import type { Database } from '../../database/schema.ts'
import { isStoppedSql } from '../../edition/edition.ts'
import { findRestoredHold, isHeldAsRestoredSql, type RestoredHold } from '../../edition/restored.ts'
import { type EditionKey, isStoppedByHandSql, listStops } from '../../edition/stop.ts'
import { OPEN_CUTOFFS } from '../../edition/store.ts'
import { hasReaderSql } from '../../subscriber/clock.ts'
import type { SignUpAnswer } from '../../subscriber/sign-up-counts.ts'
import { findMailbox } from '../bounce/store.ts'
import { readShares, type Shares } from '../sending/good-name.ts'
import { isForGoodSql, isUnaccountedSql, isUnsettledSql } from '../sending/transitions.ts'

/** Moments are the database's. */
export interface Facts {
  now: Date
  /** Editions past their cut-off that are not frozen; `reason` says why one is held. */
  unfrozen: (EditionKey & { cutoffAt: Date; reason: string | null })[]
  /**
   * Editions whose emails wait and are neither held back, nor put off for a quota, nor were stopped
   * a moment ago: who says "resume" is not to be told at once that they are late.
   */
  waiting: (EditionKey & { since: Date; anySettled: boolean })[]
  /** The earliest reader whose hour has come and who was not planned yet. */
  unplannedSince: Date | null
  /** Providers that are out; `until` null: until the operator resumes. */
  out: { provider: string; reason: string; since: Date; until: Date | null }[]
  /** Editions that are stopped by hand or by themselves; null: all digests. */
  stopped: { edition: EditionKey | null; reason: string | null }[]
  /** Emails of editions that are unknown for good and undecided. */
  unknown: (EditionKey & { count: number })[]
  /** Emails of recent editions that a provider refused. */
  rejected: (EditionKey & { count: number })[]
  /** When the source was last asked, when it last answered, and what was wrong last. */
  lookedAt: Date | null
  answeredAt: Date | null
  lookReason: string | null
  /** Complaints and bounces of the last days. */
  shares: Shares[]
  /** Sign-ups that were refused, and that were asked for a proof, within the last hour or two. */
  refusedSignUps: number
  challengedSignUps: number
  /**
   * Since when the mailbox of bounces cannot be read, and why; null while it can, or without one.
   */
  mailbox: { failedSince: Date; failure: string } | null
  /** The database is held as a restored copy. */
  restored: Pick<RestoredHold, 'heldAt' | 'why'> | null
}

/** Rejections are final: so long after its freeze those of an edition are history. */
const REJECTED_HOURS = 30
/** An email that is put off for longer waits for a quota or a provider, which has its own alarm. */
const PUT_OFF_MINUTES = 15

/** Reads the facts at this moment. `latenessMs`: what is older goes to nobody any more. */
export async function readFacts(trx: Transaction<Database>, latenessMs: number): Promise<Facts> {
  const { rows } = await sql<ShortFacts>`
    select round_clock() as now,
      (select min(x.at) from (
        (select c.next_due_at as at from reader_clocks c join subscribers s on s.id = c.subscriber_id
          where c.next_due_at <= round_clock() and not c.weekly and s.consent = 'confirmed' and c.next_due_at not in (${OPEN_CUTOFFS})
          order by 1 limit 1)
        union all
        (select k.next_due_at from shared_clocks k
          where k.next_due_at <= round_clock() and k.cadence <> 'weekly' and k.next_due_at not in (${OPEN_CUTOFFS})
            and ${hasReaderSql('k')} order by 1 limit 1)
      ) x) as "unplannedSince",
      (select c.collected_at from collections c order by c.id desc limit 1) as "lookedAt",
      (select c.collected_at from collections c where c.verdict <> 'refused' order by c.id desc limit 1) as "answeredAt",
      (select c.reason from collections c order by c.id desc limit 1) as "lookReason"`.execute(trx)
  const stops = await listStops(trx)
  return {
    ...(rows[0] as ShortFacts),
    unfrozen: await listUnfrozen(trx, latenessMs),
    waiting: await listWaitingEditions(trx),
    out: await listOut(trx),
    stopped: [...stops, ...(await listStoppedThemselves(trx))],
    unknown: await listUnknown(trx),
    rejected: await listRejected(trx),
    shares: await readShares(trx),
    refusedSignUps: await claimCounted(trx, 'refused'),
    challengedSignUps: await claimCounted(trx, 'challenged'),
    mailbox: await findFailedMailbox(trx),
    restored: (await findRestoredHold(trx)) ?? null,
  }
}

type ShortFacts = Pick<Facts, 'now' | 'unplannedSince' | 'lookedAt' | 'answeredAt' | 'lookReason'>

async function listUnfrozen(trx: Transaction<Database>, latenessMs: number): Promise<Facts['unfrozen']> {
  const { rows } = await sql<Facts['unfrozen'][number]>`
    select e.date, e.kind, e.cutoff_at as "cutoffAt", e.reason from editions e
    where e.state in ('open', 'held') and not e.archive and e.cutoff_at <= round_clock()
      and e.cutoff_at > round_clock() - make_interval(secs => ${latenessMs / 1000})
    order by e.date, e.kind`.execute(trx)
  return rows
}

async function listWaitingEditions(trx: Transaction<Database>): Promise<Facts['waiting']> {
  const { rows } = await sql<EditionKey & { since: Date | null; anySettled: boolean }>`
    select e.date, e.kind, min(w.since) as since,
      exists (select from batches s where s.edition_id = e.id and s.state = 'settled') as "anySettled"
    from batches b join editions e on e.id = b.edition_id
    cross join lateral (
      select d.changed_at as since from deliveries d
      where d.edition_id = b.edition_id and d.subscriber_id = any(b.members) and d.state = 'planned' limit 1
    ) w
    where ${isUnsettledSql('b')} and b.next_attempt_at < round_clock() + make_interval(mins => ${sql.lit(PUT_OFF_MINUTES)})
      and not (${isStoppedSql('e')} or ${isStoppedByHandSql('e')} or ${isHeldAsRestoredSql('e')})
      and not exists (select from alarms a where a.name = 'stopped' and a.subject in ('all', e.date || ' ' || e.kind))
    group by e.id order by e.date, e.kind`.execute(trx)
  return rows.flatMap(({ since, ...row }) => (since === null ? [] : [{ ...row, since }]))
}

async function listOut(trx: Transaction<Database>): Promise<Facts['out']> {
  const { rows } = await sql<Facts['out'][number]>`
    select p.name as provider, p.stopped_reason as reason, p.since, p.stopped_until as until from providers p
    where p.stopped_until is null or p.stopped_until > round_clock() order by p.name`.execute(trx)
  return rows
}

async function listStoppedThemselves(trx: Transaction<Database>): Promise<Facts['stopped']> {
  const { rows } = await sql<EditionKey & { reason: string }>`
    select e.date, e.kind, e.stopped_reason as reason from editions e where ${isStoppedSql('e')}
      and not exists (select from stops s where s.date = e.date and s.kind = e.kind)
    order by e.date, e.kind`.execute(trx)
  return rows.map(({ date, kind, reason }) => ({ edition: { date, kind }, reason }))
}

async function listUnknown(trx: Transaction<Database>): Promise<Facts['unknown']> {
  const { rows } = await sql<Facts['unknown'][number]>`
    select e.date, e.kind, count(*) as count from batches b join editions e on e.id = b.edition_id
    join deliveries d on d.edition_id = b.edition_id and d.subscriber_id = any(b.members) and ${isUnaccountedSql('d')}
    where ${isUnsettledSql('b')} and ${isForGoodSql('b')} group by e.id order by e.date, e.kind`.execute(trx)
  return rows
}

async function listRejected(trx: Transaction<Database>): Promise<Facts['rejected']> {
  const { rows } = await sql<Facts['rejected'][number]>`
    select e.date, e.kind, count(*) as count from editions e
    join deliveries d on d.edition_id = e.id and d.state = 'rejected'
    where e.state = 'frozen' and e.frozen_at > round_clock() - make_interval(hours => ${sql.lit(REJECTED_HOURS)})
    group by e.id order by e.date, e.kind`.execute(trx)
  return rows
}

async function findFailedMailbox(trx: Transaction<Database>): Promise<Facts['mailbox']> {
  const { failedSince, failure } = (await findMailbox(trx)) ?? {}
  return failedSince && failure ? { failedSince, failure } : null
}

/**
 * Counts the sign-ups answered so since the hour before this one began. They are counted since
 * ever: a reading an hour apart tells the difference.
 */
async function claimCounted(trx: Transaction<Database>, answer: SignUpAnswer): Promise<number> {
  const name = answer === 'refused' ? 'sign-ups' : `sign-ups ${answer}`
  const { rows } = await sql<{ since: number }>`
    with counted as (select coalesce((select a.count from sign_up_answers a where a.answer = ${answer}), 0)::int as count),
    made as (
      insert into refusal_readings as r (name, refused, refused_before)
      select ${name}, count, count from counted
      on conflict (name) do update set at = round_clock(), refused = excluded.refused, refused_before = r.refused
        where r.at <= round_clock() - interval '1 hour'
      returning r.refused_before
    )
    select (counted.count - coalesce((select refused_before from made),
      (select r.refused_before from refusal_readings r where r.name = ${name}), counted.count))::int as since
    from counted`.execute(trx)
  return rows[0]?.since ?? 0
}
