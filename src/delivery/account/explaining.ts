// Reads what became of an edition for one reader, and why: the facts that silence.ts puts into
// words, and the edition's papers one by one. Never writes.
import { type Kysely, sql } from 'kysely'
import { getNow } from '../../database/clock.ts'
import type { Database } from '../../database/schema.ts'
import type { BatchState, DeliveryState, EditionKind, Fate } from '../../database/states.ts'
import { type Explanation, explainPlaces } from '../../digest/choosing/explaining.ts'
import { indexPlaces } from '../../digest/choosing/place-index.ts'
import { type History, NO_HISTORY } from '../../digest/choosing/selection.ts'
import { countFiltered } from '../../digest/choosing/silence-words.ts'
import { listSelections } from '../../digest/joining/store.ts'
import type { Topics } from '../../digest/topics/topics.ts'
import { cutoffOf, type Edition } from '../../edition/edition.ts'
import type { Place } from '../../edition/place.ts'
import { findStopReason } from '../../edition/stop.ts'
import { findEdition, listPlaces } from '../../edition/store.ts'
import type { EditionDate } from '../../source/paper.ts'
import { firstHourSql, weeklyHourSql, weekOfSql } from '../../subscriber/calendar.ts'
import { READER_HOURS } from '../../subscriber/clock.ts'
import type { Subscriber } from '../../subscriber/subscriber.ts'
import { bringsSql } from '../merging.ts'
import { isHadSql, missedDatesSql } from '../never-twice.ts'
import { providerIdSql } from '../sending/provider-id.ts'
import { putOffHourSql } from './put-off.ts'
import { type Facts, type Outcome, outcomeFor } from './silence.ts'

export interface Explained {
  edition: Edition | undefined
  outcome: Outcome
  /**
   * Each paper of the edition with the reason why it is in the digest or not; none where no
   * selection was made.
   */
  papers: (Explanation & { paperId: string; upvotes: number })[]
  /**
   * The reader's choices have changed since the selection was made: the reasons are those of today.
   */
  choicesChanged: boolean
  /** What is known of the email itself; undefined where none was planned. */
  sent: Sent | undefined
}

/** An email as the ledger has it: our part of its way and the provider's. */
export interface Sent {
  /** When its state last changed: submitted, withheld, planned. */
  at: Date
  /** Papers in it; 0 for one that was never made. */
  papers: number
  provider: string | null
  /** The provider's id of it. */
  providerId: string | null
  /** What the provider reported last. */
  fate: Fate
}

interface Ask {
  date: EditionDate
  kind: EditionKind
  cutoffMinutes: number
  topics: Topics
}

interface DeliveryFacts {
  state: DeliveryState
  reason: string | null
  selectionId: number | null
  batchState: BatchState | null
  batchReason: string | null
  waitsUntil: string | null
  /** Of the newer edition that took it in. */
  mergedDate: EditionDate | null
  mergedWithheld: string | null
  changedAt: Date
  provider: string | null
  providerId: string | null
  fate: Fate
}

/** Tells what became of the edition of a date for a subscriber, and why each paper is in or out. */
export async function explainEdition(db: Kysely<Database>, subscriber: Subscriber, ask: Ask): Promise<Explained> {
  const edition = await findEdition(db, ask.date, ask.kind)
  const delivery = edition && (await findDeliveryFacts(db, edition.id, subscriber.id))
  const isMade = delivery !== undefined && (delivery.selectionId !== null || delivery.reason === 'filtered')
  const places = edition && isMade ? await listPlaces(db, edition.id) : []
  const index = indexPlaces(places, ask.topics)
  const chosen =
    edition && delivery?.selectionId != null
      ? new Set((await listSelections(db, edition.id, [delivery.selectionId]))[0]?.papers)
      : new Set<number>()
  const history = edition && isMade ? await getHistory(db, edition.id, subscriber.id, chosen) : NO_HISTORY
  const explained = explainPlaces(index, subscriber.choices, history)
  const filtered = delivery?.reason === 'filtered' ? countFiltered(index, subscriber.choices, history.had) : null
  const facts: Facts = {
    date: ask.date,
    kind: ask.kind,
    cutoffAt: edition?.cutoffAt ?? cutoffOf(ask.date, ask.cutoffMinutes),
    now: await getNow(db),
    edition,
    stopped: edition ? await findStopReason(db, edition) : null,
    delivery: delivery && {
      ...delivery,
      mergedInto:
        delivery.mergedDate === null ? null : { date: delivery.mergedDate, withheld: delivery.mergedWithheld },
      batch:
        delivery.batchState === null
          ? null
          : { state: delivery.batchState, reason: delivery.batchReason, until: delivery.waitsUntil },
      filtered,
    },
    ...(await getReaderFacts(db, subscriber, ask)),
  }
  return {
    edition,
    outcome: outcomeFor(facts),
    papers: explained.map((each, at) => explainAsSent(each, places[at] as Place, chosen)),
    choicesChanged: explained.some((each) => each.selected !== chosen.has(each.position)),
    sent: delivery && {
      at: delivery.changedAt,
      papers: chosen.size,
      provider: delivery.provider,
      providerId: delivery.providerId,
      fate: delivery.fate,
    },
  }
}

/**
 * What was sent counts: where today's choices would decide otherwise, the place itself says why it
 * stood there.
 */
function explainAsSent(
  explanation: Explanation,
  place: Place,
  chosen: ReadonlySet<number>,
): Explained['papers'][number] {
  const selected = chosen.has(explanation.position)
  const sentence =
    selected === explanation.selected
      ? explanation.sentence
      : selected
        ? `${place.reason}.`
        : 'Left out: your settings at the time excluded it.'
  return { ...explanation, selected, sentence, paperId: place.paper.id, upvotes: place.upvotes }
}

async function findDeliveryFacts(
  db: Kysely<Database>,
  editionId: number,
  subscriberId: number,
): Promise<DeliveryFacts | undefined> {
  const { rows } = await sql<DeliveryFacts>`
    select d.state, d.reason, d.selection_id as "selectionId", b.state as "batchState", b.reason as "batchReason",
      to_char(${putOffHourSql('b', 'd', 's')} at time zone s.zone, 'YYYY-MM-DD HH24:MI') as "waitsUntil",
      d.changed_at as "changedAt", b.provider, ${providerIdSql('d')} as "providerId", d.fate,
      newer.date as "mergedDate", newer.withheld as "mergedWithheld"
    from deliveries d join subscribers s on s.id = d.subscriber_id left join batches b on b.id = d.batch_id
    left join lateral (
      select n.date::text as date, case when o.state = 'withheld' then o.reason end as withheld
      from editions own join editions n on ${bringsSql('n', 'own')}
      join deliveries o on o.edition_id = n.id and o.subscriber_id = d.subscriber_id
      where own.id = d.edition_id and d.reason = 'merged' and (o.state <> 'withheld' or o.reason <> 'merged')
      order by n.date limit 1
    ) newer on true
    where d.edition_id = ${editionId} and d.subscriber_id = ${subscriberId}`.execute(db)
  return rows[0]
}

/**
 * Returns the reader's history as it was when this delivery was planned: they had nothing that its
 * selection holds. A digest that was sent again was issued anew, so that the date of its edition
 * says as well that it came before.
 */
async function getHistory(
  db: Kysely<Database>,
  editionId: number,
  subscriberId: number,
  chosen: ReadonlySet<number>,
): Promise<History> {
  const at = sql<Date>`(select at from this)`
  const { rows } = await sql<{ had: number[]; missed: EditionDate[] }>`
    with this as (
      select e.date, date_trunc('second', coalesce(d.issued_at, d.changed_at)) as at
      from deliveries d join editions e on e.id = d.edition_id
      where d.edition_id = ${editionId} and d.subscriber_id = ${subscriberId}
    ), missed as (${missedDatesSql(editionId, sql`select ${subscriberId}::int as subscriber_id`, at)})
    select array(
      select own.position from edition_papers own cross join this
      where own.edition_id = ${editionId} and (
        exists (
          select from edition_papers other
          join editions e on e.id = other.edition_id
          join deliveries d on d.edition_id = e.id and d.subscriber_id = ${subscriberId}
            and ${isHadSql('d', at)} and (d.issued_at <= this.at or e.date < this.date)
          join selections x on x.edition_id = d.edition_id and x.id = d.selection_id and other.position = any(x.papers)
          where other.paper_id = own.paper_id and other.edition_id <> own.edition_id
          offset 0
        ) or exists (
          select from recovered_papers x join editions e on e.id = x.edition_id
          where x.subscriber_id = ${subscriberId} and x.paper_id = own.paper_id and e.date < this.date
        )
      )
    ) as had, array(select unnest(missed.dates)::text from missed) as missed`.execute(db)
  const { had = [], missed = [] } = rows[0] ?? {}
  return { had: new Set(had.filter((position) => !chosen.has(position))), missed: new Set(missed) }
}

async function getReaderFacts(
  db: Kysely<Database>,
  subscriber: Subscriber,
  { date, kind, cutoffMinutes }: Ask,
): Promise<Pick<Facts, 'reader' | 'isTheirWeek' | 'isNext' | 'hourAt' | 'otherWeek'>> {
  const cutoff = sql`((${date}::date + 1) at time zone 'UTC' + make_interval(mins => ${cutoffMinutes}))`
  const isAtWeek = sql`${weekOfSql(weeklyHourSql('s', sql`c.next_due_at`), cutoffMinutes)} = ${date}::date`
  const { rows } = await sql<{
    isPaused: boolean
    suppressed: string | null
    subscribedAt: Date
    changedAt: Date
    waitingSince: Date
    nextHour: string | null
    isTheirWeek: boolean | null
    isNext: boolean | null
    hourAt: Date | null
    otherWeek: EditionDate | null
  }>`
    select coalesce(s.paused_until >= (round_now() at time zone s.zone)::date, false) as "isPaused",
      (select x.reason from suppressions x where x.address_hash = s.address_hash) as suppressed,
      coalesce(s.confirmed_at, s.created_at) as "subscribedAt", s.changed_at as "changedAt",
      coalesce(c.waiting_since, s.created_at) as "waitingSince",
      to_char(c.next_due_at at time zone s.zone, 'YYYY-MM-DD HH24:MI') as "nextHour",
      ${weekOfSql(sql`h.at`, cutoffMinutes)} = ${date}::date or ${isAtWeek} as "isTheirWeek",
      ${kind === 'daily'}::boolean or c.welcome or ${isAtWeek} as "isNext", h.at as "hourAt", (
        select e.date::text from editions e join deliveries d on d.edition_id = e.id and d.subscriber_id = s.id
        where e.kind = 'weekly' and e.date between ${date}::date - 6 and ${date}::date + 6 and e.date <> ${date}::date
        order by e.date > ${date}::date desc, abs(e.date - ${date}::date) limit 1
      ) as "otherWeek"
    from subscribers s left join ${READER_HOURS} c on c.subscriber_id = s.id
      cross join lateral (select ${firstHourSql('s', cutoff)} as at) h
    where s.id = ${subscriber.id}`.execute(db)
  const { isTheirWeek, isNext, hourAt, otherWeek, ...facts } = rows[0] as (typeof rows)[0]
  return {
    reader: { ...subscriber, ...facts },
    isTheirWeek: isTheirWeek === true,
    isNext: isNext === true,
    // Every rhythm has a next hour.
    hourAt: hourAt ?? facts.changedAt,
    otherWeek,
  }
}
