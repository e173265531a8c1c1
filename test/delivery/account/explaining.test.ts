// Days replayed on real stores with a clock of their own: every reader and date ends in a mail, one
// to come, or one reason; and what explain says of each paper is what the plan knew.
import fc from 'fast-check'
import { type Kysely, sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openDatabase } from '../../../src/database/client.ts'
import type { Database } from '../../../src/database/schema.ts'
import { type Explained, explainEdition } from '../../../src/delivery/account/explaining.ts'
import { claimAllReaders, claimDueReaders, listAllReaders, listDueReaders } from '../../../src/delivery/planning/due.ts'
import { listReaderGroups } from '../../../src/delivery/planning/planning.ts'
import { indexPlaces } from '../../../src/digest/choosing/place-index.ts'
import { type History, selectPapers } from '../../../src/digest/choosing/selection.ts'
import { listSelections } from '../../../src/digest/joining/store.ts'
import { cutoffOf, type Edition, shiftDate } from '../../../src/edition/edition.ts'
import { isOfferedLate, type Place } from '../../../src/edition/place.ts'
import { ensureEdition, getEdition, listPlaces, markFrozen, markState } from '../../../src/edition/store.ts'
import { makeNotes } from '../../../src/jobs/notes.ts'
import { planAll, planDue } from '../../../src/jobs/plan.ts'
import { nextHourSql } from '../../../src/subscriber/calendar.ts'
import { markChanged } from '../../../src/subscriber/change.ts'
import { parseChoices } from '../../../src/subscriber/preferences.ts'
import {
  findSubscriberByAddress,
  findSubscriberById,
  markPaused,
  markUnsubscribed,
} from '../../../src/subscriber/store.ts'
import { isFull } from '../../support/full.ts'
import { asOwner } from '../../support/program-user.ts'
import { addReader, emptyRound, inventPlaces, openTestRound, type TestRound } from '../../support/round.ts'
import { query } from '../../support/servers.ts'
import { openTestDatabase, type TestDatabase } from '../../support/stores.ts'

const FROM = '2026-03-02'
const DAYS = isFull ? 15 : 9
const READERS = isFull ? 40 : 6
/** Its first few histories have all that there is to see. */
const SEED = 4

let database: TestDatabase
let opened: TestRound
let round: TestRound
let db: Kysely<Database>

beforeAll(async () => {
  database = await openTestDatabase('either')
  opened = await openTestRound(database.url)
  // One connection, on which the database's clock is the test's own: PostgreSQL looks in `public`
  // first.
  db = openDatabase(database.url, { maxConnections: 1 })
  round = { ...opened, db }
  const clocks = ['now', 'clock_timestamp'].map(
    (name) =>
      `create function public.${name}() returns timestamptz stable language sql as 'select at from public.test_clock'`,
  )
  await query(
    asOwner(database.url),
    `create table public.test_clock as select timestamptz '${FROM}T00:00:00Z' as at; ${clocks.join('; ')};
     alter table deliveries alter column changed_at set default public.now()`,
  )
  await sql`set search_path to public, pg_catalog`.execute(db)
})
afterAll(async () => {
  await db.destroy()
  await opened.close()
  await database.close()
})

const setClock = (at: string) => sql`update public.test_clock set at = ${at}`.execute(db)

/** Brings a date's editions to where the day finds them. */
async function makeEditions(date: string, fate: number): Promise<void> {
  const isWeekend = [0, 6].includes(new Date(date).getUTCDay())
  const { id } = await ensureEdition(db, { date, kind: 'daily', cutoffAt: cutoffOf(date, 30) })
  if (isWeekend) await markState(db, id, { state: 'empty', reason: 'weekend' })
  else if (fate === 0) await markState(db, id, { state: 'held', reason: 'fewer than three papers on a working day' })
  else if (fate === 1) await markState(db, id, { state: 'empty', reason: 'source' })
  else await freeze(id, inventPlaces(date, 4))
  const week = await ensureEdition(db, { date, kind: 'weekly', cutoffAt: cutoffOf(date, 30) })
  await freeze(week.id, inventPlaces(date, 6))
}

async function freeze(id: number, places: readonly Place[]): Promise<void> {
  await db.transaction().execute(async (trx) => {
    for (const { paper } of places) {
      await sql`insert into papers (id, facts) values (${paper.id}, ${JSON.stringify(paper)}) on conflict do nothing`.execute(
        trx,
      )
    }
    await markFrozen(trx, id, places, false)
  })
}

async function settle(fate: number): Promise<void> {
  const state = fate === 0 ? 'rejected' : fate === 1 ? 'unknown' : 'submitted'
  await sql`update deliveries set state = ${state}, address = null, reason = ${fate === 0 ? 'no such mailbox' : null},
    local_date = case when ${fate === 0}::boolean then null else local_date end where state = 'planned'`.execute(db)
  await sql`update batches set state = 'settled'`.execute(db)
}

async function disturb(id: number, publicId: string, fate: number): Promise<void> {
  if (fate === 0)
    await sql`
      with paused as (update subscribers set paused_until = (now() at time zone zone)::date + 2 where id = ${id})
      update reader_clocks set waiting_since = now() where subscriber_id = ${id}`.execute(db)
  else if (fate === 1) await markPaused(db, id, null)
  else if (fate === 2) {
    await sql`
      with s as (
        update subscribers set cadence = case cadence when 'daily' then 'weekly' else 'daily' end
        where id = ${id} and consent = 'confirmed' returning id, cadence, weekday, hour, zone
      )
      update reader_clocks c set weekly = s.cadence = 'weekly', waiting_since = now(), next_due_at = ${nextHourSql('s', sql`now()`)}
      from s where c.subscriber_id = s.id`.execute(db)
  } else if (fate === 3) {
    await sql`insert into suppressions (address_hash, reason) select address_hash, 'bounced' from subscribers where id = ${id} on conflict do nothing`.execute(
      db,
    )
  } else if (fate === 4) await markUnsubscribed(db, publicId)
  else if (fate === 5) await sql`update subscribers s set zone = 'Asia/Tokyo' where id = ${id}`.execute(db)
}

describe('explainEdition', () => {
  it('tells one thing of every reader and date of a fortnight, and what it tells is so', {
    tags: 'long',
    timeout: 300_000,
  }, async () => {
    const random = fc.sample(fc.array(fc.nat(1_000), { minLength: 400, maxLength: 400 }), {
      seed: SEED,
      numRuns: 1,
    })[0] as number[]
    let drawn = 0
    const draw = (below: number) => (random[drawn++ % random.length] as number) % below
    const readers = []
    const disturbed = new Set<string>()
    for (let n = 0; n < READERS; n++) {
      const reader = await addReader(db, `r${n}`, {
        cadence: (['daily', 'daily', 'working-days', 'weekly'] as const)[n % 4] ?? 'daily',
        weekday: 1 + draw(7),
        hour: draw(24),
        zone: (['UTC', 'Asia/Tokyo', 'America/Los_Angeles', 'Europe/Paris'] as const)[draw(4)] ?? 'UTC',
        choices: n % 3 === 2 ? { minimumVotes: 9_999 } : {},
      })
      await sql`
        update reader_clocks set waiting_since = now() - interval '1 day' where subscriber_id = ${reader.id}`.execute(
        db,
      )
      await sql`update subscribers set created_at = now() - interval '1 day',
        silence = ${n % 2 ? 'note' : 'silent'} where id = ${reader.id}`.execute(db)
      readers.push(reader)
    }
    for (let day = 0; day < DAYS; day++) {
      const date = shiftDate(FROM, day)
      // Late enough for most, on the same local day: a note is never for a day that is over.
      for (const hour of ['02', '22']) {
        await setClock(`${date}T${hour}:00:00Z`)
        if (hour === '02') await makeEditions(shiftDate(date, -1), draw(6))
        while ((await planDue(round)) > 0) {}
        await settle(draw(12))
      }
      const chosen = readers[draw(readers.length)]
      if (chosen && day > 2) {
        disturbed.add(chosen.publicId)
        await disturb(chosen.id, chosen.publicId, draw(12))
      }
    }
    const counts: Record<string, number> = {}
    for (const { address, publicId } of readers) {
      const subscriber = await findSubscriberByAddress(db, address as string)
      if (!subscriber) throw new Error('a reader is gone')
      const kind = subscriber.cadence === 'weekly' ? 'weekly' : 'daily'
      for (let day = 0; day < DAYS; day++) {
        const ask = { date: shiftDate(FROM, day), kind, cutoffMinutes: 30, topics: round.topics } as const
        const explained = await explainEdition(db, subscriber, ask)
        await check(explained, subscriber.id)
        const word = explained.outcome.kind === 'silence' ? explained.outcome.reason : explained.outcome.kind
        counts[word] = (counts[word] ?? 0) + 1
        if (word === 'not-waiting') expect(disturbed).toContain(publicId)
      }
    }
    expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(READERS * DAYS)
    expect(Object.keys(counts)).toEqual(expect.arrayContaining(['mail', 'weekend', 'below-bar', 'not-your-day']))
    // One mail a local day, notes among them.
    const twice = await sql`
      select subscriber_id, local_date from (
        select subscriber_id, local_date from deliveries where local_date is not null
        union all select subscriber_id, local_date from notes
      ) mails group by 1, 2 having count(*) > 1`.execute(db)
    expect(twice.rows).toEqual([])
    const { rows: notes } = await sql<{ kind: string; silence: string; count: number }>`
      select n.kind, s.silence, count(*)::int as count from notes n join subscribers s on s.id = n.subscriber_id group by 1, 2`.execute(
      db,
    )
    expect(notes.some(({ kind, silence }) => kind === 'day' && silence === 'note')).toBe(true)
    // Who wants silence hears once of two weeks without a paper.
    expect(notes.filter(({ silence, kind }) => silence === 'silent' && kind === 'day')).toEqual([])
    const due = notes.reduce((sum, { count }) => sum + count, 0)
    const made = await makeNotes(round)
    expect(made.length).toBeGreaterThan(0)
    expect(made.length).toBeLessThanOrEqual(due)
    expect(await makeNotes(round)).toEqual([])
  })
})

/** Holds what was told against the rows. */
async function check({ edition, outcome }: Explained, subscriberId: number): Promise<void> {
  const row = edition
    ? await db
        .selectFrom('deliveries')
        .select(['state', 'reason'])
        .where('edition_id', '=', edition.id)
        .where('subscriber_id', '=', subscriberId)
        .executeTakeFirst()
    : undefined
  expect(outcome.kind === 'mail').toBe(row?.state === 'submitted')
  expect(outcome.sentence).toMatch(/^[A-Z].*\.$/)
  if (outcome.kind !== 'silence') return
  if (row) expect(['withheld', 'rejected', 'unknown']).toContain(row.state)
  else if (edition?.state !== 'frozen' && outcome.reason !== 'not-your-day') expect(outcome.whose).toBe('edition')
}

/** What a morning may bring, drawn by fast-check. */
const morning = fc.record({
  /** Days since the last one: what froze more than four days ago is late. */
  days: fc.constantFrom(1, 1, 1, 3),
  /** By the hour, not at all, or by hand, the newest edition or the one before. */
  plan: fc.constantFrom('hour', 'hour', 'nothing', 'newest', 'before'),
  fates: fc.array(fc.nat(99), { minLength: 6, maxLength: 6 }),
  change: fc.option(fc.tuple(fc.nat(2), fc.nat(3)), { freq: 3 }),
})
const CHOICES = [{}, { papers: 2 }, { minimumVotes: 101 }, { papers: 3, minimumVotes: 30 }].map((each) =>
  parseChoices(each),
)

/** What a plan knew of a reader. */
type Known = Map<string, { history: History; choices: string }>

describe('explainEdition, held to the plan', () => {
  it('says of each paper what the plan knew, and that choices have changed only where they did', {
    tags: 'long',
    timeout: 600_000,
  }, async () => {
    const seen = { late: 0, lateRisen: 0, had: 0, filtered: 0, changed: 0, unchanged: 0, tooLate: 0 }
    await fc.assert(
      fc.asyncProperty(fc.array(morning, { minLength: 4, maxLength: 8 }), async (mornings) => {
        await emptyRound(db)
        const { known, resent } = await live(mornings)
        await compare(known, resent, seen)
      }),
      { seed: SEED, numRuns: isFull ? 60 : 3, endOnFailure: !isFull },
    )
    // Without these it would have shown nothing.
    for (const [what, count] of Object.entries(seen)) expect(count, what).toBeGreaterThan(0)
  })
})

/** Lets the mornings pass. Returns what each plan knew, and who got a digest sent again. */
async function live(
  mornings: readonly (typeof morning extends fc.Arbitrary<infer M> ? M : never)[],
): Promise<{ known: Known; resent: Set<number> }> {
  await setClock(`${FROM}T00:00:00Z`)
  const known: Known = new Map()
  const resent = new Set<number>()
  const ids: number[] = []
  for (const [n, cadence] of (['daily', 'daily', 'weekly'] as const).entries()) {
    const { id } = await addReader(db, `r${n}`, { cadence, weekday: 4, hour: 6, choices: CHOICES[n] as object })
    await sql`
      update reader_clocks set waiting_since = now() - interval '1 day', next_due_at = ${nextHourSql('s', sql`now()`)}
      from subscribers s where s.id = ${id} and subscriber_id = ${id}`.execute(db)
    ids.push(id)
  }
  const past: Place[][] = []
  let last: Edition[] = []
  let day = 0
  for (const { days, plan, fates, change } of mornings) {
    for (let step = 0; step < days; step++) {
      const date = shiftDate(FROM, day++)
      await setClock(`${shiftDate(date, 1)}T01:00:00Z`)
      last = [await freezeDay(date, past), ...last]
    }
    if (change) {
      const [reader, choices] = change
      await db
        .transaction()
        .execute((trx) =>
          markChanged(trx, ids[reader] as number, { choices: CHOICES[choices] as (typeof CHOICES)[0] }, round),
        )
    }
    await setClock(`${shiftDate(FROM, day)}T06:30:00.250Z`)
    if (plan === 'hour') {
      do {
        const { clocks, ids } = await listDueReaders(db, round)
        const due = { clocks: clocks.map(({ id }) => id), ids }
        await rehearse(known, async (trx) => (await claimDueReaders(trx, round, due)).editionIds)
      } while ((await planDue(round)) > 0)
    } else if (plan !== 'nothing') {
      const edition = last[plan === 'newest' ? 0 : 1] ?? (last[0] as Edition)
      const ids = await listAllReaders(db, edition, null)
      await rehearse(known, async (trx) => {
        await claimAllReaders(trx, edition, ids)
        return [edition.id]
      })
      await planAll(round, edition, null)
    }
    await setClock(`${shiftDate(FROM, day)}T06:30:00.750Z`)
    await moveOn(fates, resent)
  }
  return { known, resent }
}

/**
 * Freezes a date's editions: its own papers, two of the day before that rise, and late ones of all
 * days that are not too old yet: at the hour, the first of them is.
 */
async function freezeDay(date: string, past: Place[][]): Promise<Edition> {
  const own = inventPlaces(date, 4).map((place, at) => ({ ...place, upvotes: 100 - at * 30 }))
  const rising = (past[0] ?? []).slice(2).map((place, at) => ({
    ...place,
    section: 'rising' as const,
    rank: 1,
    // The other is of an older row.
    ...(at === 0 && { rankBefore: place.rank, upvotesBefore: place.upvotes - 1 }),
  }))
  const risen = new Set(rising.map(({ paper }) => paper.id))
  const late = past
    .slice(0, 4)
    .flatMap((places) => places.slice(0, 3).map((place) => ({ ...place, section: 'late' as const })))
    .filter(({ paper }) => !risen.has(paper.id))
  const numbered = (places: Place[]) => places.map((place, at) => ({ ...place, position: at + 1 }))
  const { id } = await ensureEdition(db, { date, kind: 'daily', cutoffAt: cutoffOf(date, 30) })
  await freeze(id, numbered([...own, ...rising, ...late]))
  const week = await ensureEdition(db, { date, kind: 'weekly', cutoffAt: cutoffOf(date, 30) })
  const days = [own, ...past].slice(0, 7).flat()
  await freeze(week.id, numbered(days.map((place, at) => ({ ...place, rank: at + 1 }))))
  past.unshift(own)
  return getEdition(db, id)
}

/** Asks what the next plan will know, and takes it back. */
async function rehearse(
  known: Known,
  claim: (trx: Parameters<typeof claimDueReaders>[0]) => Promise<number[]>,
): Promise<void> {
  const undo = new Error('a rehearsal is rolled back')
  await db
    .transaction()
    .execute(async (trx) => {
      for (const editionId of await claim(trx)) {
        const groups = await listReaderGroups(trx, editionId)
        const { rows } = await sql<{ id: number; preferencesId: number; key: string }>`
          select subscriber_id as id, preferences_id as "preferencesId", history as key from grouped_readers`.execute(
          trx,
        )
        for (const { id, preferencesId, key } of rows) {
          const group = groups.find((each) => each.preferencesId === preferencesId && each.key === key)
          if (!group) throw new Error('a reader of no group')
          known.set(`${editionId} ${id}`, { history: group.history, choices: JSON.stringify(group.choices) })
        }
      }
      throw undo
    })
    .catch((error: unknown) => {
      if (error !== undo) throw error
    })
}

/** What becomes of the planned: most arrive; some wait on, are refused, overtaken or sent again. */
async function moveOn(fates: readonly number[], resent: Set<number>): Promise<void> {
  const { rows } = await sql<{ edition: number; subscriber: number; newer: boolean; state: string }>`
    select d.edition_id as edition, d.subscriber_id as subscriber, d.state, exists (
      select from deliveries o join editions n on n.id = o.edition_id join editions e on e.id = d.edition_id
      where o.subscriber_id = d.subscriber_id and n.kind = e.kind and n.date > e.date
    ) as newer
    from deliveries d where d.state in ('planned', 'unknown') order by 1, 2`.execute(db)
  for (const [at, { edition, subscriber, newer, state: before }] of rows.entries()) {
    const fate = fates[at % fates.length] as number
    const where = sql`edition_id = ${edition} and subscriber_id = ${subscriber}`
    if (before === 'unknown') {
      if (fate >= 25) continue
      resent.add(subscriber)
      await sql`update deliveries set state = 'planned', issued_at = date_trunc('second', now()), changed_at = clock_timestamp()
        where ${where}`.execute(db)
      continue
    }
    if (fate < 25) continue
    const state = fate < 35 ? 'rejected' : fate < 50 ? 'withheld' : fate < 65 ? 'unknown' : 'submitted'
    const reason = state === 'rejected' ? 'no such mailbox' : newer ? 'merged' : 'left'
    const gone = state === 'rejected' || state === 'withheld'
    await sql`update deliveries set state = ${state}, reason = ${gone ? reason : null}, address = null, changed_at = clock_timestamp(),
      local_date = case when ${gone}::boolean then null else local_date end where ${where}`.execute(db)
  }
  await sql`
    update batches b set state = 'settled' where not exists (
      select from deliveries d where d.batch_id = b.id and d.state = 'planned'
    )`.execute(db)
}

/** Holds every account against what its plan knew. */
async function compare(known: Known, resent: Set<number>, seen: Record<string, number>): Promise<void> {
  const count = (what: string) => {
    seen[what] = (seen[what] ?? 0) + 1
  }
  const rows = await db
    .selectFrom('deliveries')
    .select(['edition_id', 'subscriber_id', 'selection_id', 'reason'])
    .where((eb) => eb.or([eb('selection_id', 'is not', null), eb('reason', '=', 'filtered')]))
    .execute()
  const missed = await sql`select from deliveries where reason = 'late'`.execute(db)
  if (missed.rows.length > 0) count('tooLate')
  for (const row of rows) {
    const plan = known.get(`${row.edition_id} ${row.subscriber_id}`)
    const subscriber = await findSubscriberById(db, row.subscriber_id)
    if (!plan || !subscriber) throw new Error('a delivery that no plan knew')
    const places = await listPlaces(db, row.edition_id)
    const { date, kind } = await getEdition(db, row.edition_id)
    const { topics } = round
    const { papers, choicesChanged } = await explainEdition(db, subscriber, { date, kind, cutoffMinutes: 30, topics })
    const chosen =
      row.selection_id === null ? [] : (await listSelections(db, row.edition_id, [row.selection_id]))[0]?.papers
    const isResent = resent.has(subscriber.id)
    const outcome = places.filter((_, at) => /^Left out: (you had it|the edition of)/.test(papers[at]?.sentence ?? ''))
    const { had, missed } = plan.history
    const notForThem = places.filter(
      ({ position, section, listedOn }) => had.has(position) || (section === 'late' && !missed.has(listedOn)),
    )
    if (!isResent) expect(outcome).toEqual(notForThem)
    const now = selectPapers(indexPlaces(places, topics), subscriber.choices, plan.history).papers
    const differs = [...now].sort().join() !== [...(chosen ?? [])].sort().join()
    if (!isResent) expect(choicesChanged).toBe(differs)
    if (JSON.stringify(subscriber.choices) === plan.choices) expect(choicesChanged).toBe(false)
    count(choicesChanged ? 'changed' : 'unchanged')
    if (row.reason === 'filtered') count('filtered')
    if (outcome.some(({ section }) => section !== 'late')) count('had')
    const isChosen = ({ position }: Place) => chosen?.includes(position)
    if (places.some((place) => place.section === 'late' && isChosen(place))) count('late')
    const isNew = (place: Place) => isOfferedLate(place) && missed.has(place.listedOn)
    if (places.some((place) => place.section === 'rising' && isNew(place) && isChosen(place))) count('lateRisen')
  }
}
