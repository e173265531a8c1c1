// The outlook of an open edition held to the plan that is made at once from the same votes:
// numbers, hours, leading papers and late risers, over lists, readers and histories made at random.
import { sql } from 'kysely'
import { DateTime } from 'luxon'
import { describe, expect, it } from 'vitest'
import { cutoffOf } from '../../src/edition/edition.ts'
import { outlookFromStore } from '../../src/edition/outlook.ts'
import type { Place } from '../../src/edition/place.ts'
import { claimEdition, ensureEdition, markFrozen } from '../../src/edition/store.ts'
import { collect } from '../../src/jobs/collect.ts'
import { accountsOf, readOutlook } from '../../src/jobs/outlook.ts'
import { planAll } from '../../src/jobs/plan.ts'
import { rankDay, rankWeek } from '../../src/jobs/rank.ts'
import type { Listing } from '../../src/source/paper.ts'
import { parseChoices } from '../../src/subscriber/preferences.ts'
import { insertSubscribers } from '../../src/subscriber/store.ts'
import { isFull } from '../support/full.ts'
import { keepRound } from '../support/kept-round.ts'
import { makePaper } from '../support/places.ts'
import { openListedSource, readAccounts, type TestRound } from '../support/round.ts'

let round: TestRound
keepRound((kept) => {
  round = kept
})

const EARLIER = ['2026-03-03', '2026-03-04']
const DATE = '2026-03-05'
const ZONES = ['UTC', 'Asia/Kolkata', 'America/St_Johns', 'Pacific/Apia']
const READERS = 60

/** Numbers from 0 to below 1, the same for the same seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

async function arrange(seed: number): Promise<void> {
  const random = randomFrom(seed)
  const below = (count: number) => Math.floor(random() * count)
  const pick = <T>(list: readonly T[]) => list[below(list.length)] as T
  await insertSubscribers(
    round.db,
    Array.from({ length: READERS }, (_, at) => ({
      address: `reader${at}@example.org`,
      cadence: pick(['daily', 'daily', 'working-days', 'weekly'] as const),
      weekday: 1 + below(7),
      hour: below(24),
      zone: pick(ZONES),
      choices: parseChoices({
        papers: pick([1, 3, 10]),
        minimumVotes: pick([0, 0, 20, 60]),
        ...pick([{}, { include: ['agents'], includeMeans: 'only' }, { mute: ['agents'] }, { include: ['video'] }]),
      }),
      consentSource: 'test',
    })),
  )
  await sql`update reader_clocks set waiting_since = now() - interval '60 days'`.execute(round.db)
  await sql`update subscribers set paused_until = '2099-01-01' where id % 11 = ${below(11)}`.execute(round.db)
  await sql`insert into suppressions (address_hash, reason)
    select address_hash, 'bounce' from subscribers where id % 13 = ${below(13)}`.execute(round.db)
  const list = (date: string, from = 0): Listing[] =>
    Array.from({ length: 4 + below(12) }, (_, at) => ({
      paper: makePaper({
        id: `${date.slice(2, 4)}${date.slice(5, 7)}.${date.slice(8)}${String(from + at).padStart(3, '0')}`,
        keywords: [pick(['agents', 'video', 'sheep'])],
      }),
      upvotes: below(80),
      comments: below(3),
      submittedAt: null,
    }))
  const look = (date: string, listings: Listing[]) =>
    collect({ ...round, source: openListedSource({ [date]: listings }) }, date)
  for (const date of EARLIER) {
    const listings = list(date)
    await look(date, listings)
    await freezePlain(date)
    await look(date, [...listings.map((each) => ({ ...each, upvotes: each.upvotes + below(40) })), ...list(date, 100)])
  }
  await look(DATE, list(DATE))
  // Some never got theirs: the day's first papers come late.
  await sql`update deliveries set state = 'withheld', reason = ${pick(['late', 'merged'])}, local_date = null, address = null
    where subscriber_id % 3 = ${below(3)} and state = 'planned'`.execute(round.db)
}

/** Freezes and plans, without pieces: nothing of it is sent here. */
async function freezePlain(date: string): Promise<void> {
  const { id } = await ensureEdition(round.db, { date, kind: 'daily', cutoffAt: cutoffOf(date, 30) })
  const places = (await outlookFromStore(round.db, date, 'daily'))?.places as Place[]
  await round.db.transaction().execute(async (trx) => {
    await claimEdition(trx, id)
    await markFrozen(trx, id, places, false)
  })
  await planAll(round, await round.db.transaction().execute((trx) => claimEdition(trx, id)), null)
}

/** What the plan came to, in the words of an outlook. */
async function readPlanned(editionId: number) {
  const { rows } = await sql<{ local_date: string; hour: number; zone: string; papers: string[]; risers: string[] }>`
    select d.local_date, s.hour, s.zone,
      array(select p.paper_id from unnest(x.papers) with ordinality u(position, place)
        join edition_papers p on p.edition_id = x.edition_id and p.position = u.position order by u.place) as papers,
      array(select p.paper_id from edition_papers p
        where p.edition_id = x.edition_id and p.position = any(x.papers) and p.section = 'rising') as risers
    from deliveries d join subscribers s on s.id = d.subscriber_id
    join selections x on x.edition_id = d.edition_id and x.id = d.selection_id
    where d.edition_id = ${editionId} and d.state = 'planned'`.execute(round.db)
  const count = (names: readonly string[]) => {
    const counts: Record<string, number> = {}
    for (const name of names) counts[name] = (counts[name] ?? 0) + 1
    return counts
  }
  const hourOf = ({ local_date, hour, zone }: (typeof rows)[number]) =>
    DateTime.fromISO(local_date, { zone }).plus({ hours: 0 }).set({ hour }).toUTC().toISO() as string
  return {
    hours: count(rows.map(hourOf)),
    zones: count(rows.map((row) => `${hourOf(row)} ${row.zone}`)),
    leads: count(rows.map(({ papers }) => papers[0] as string)),
    lateRisers: count(rows.flatMap(({ risers }) => risers)),
  }
}

const seeds = Array.from({ length: isFull ? 40 : 2 }, (_, at) => at + 1)

describe.each([
  ['a day', 'daily'],
  ['a week', 'weekly'],
] as const)('the outlook of %s', (_, kind) => {
  it.each(seeds)('is the plan made at once, seed %i', { tags: 'long' }, async (seed) => {
    await arrange(seed)
    const outlook = await readOutlook(round, { date: DATE, kind }, { everyone: true })
    if (!outlook) throw new Error('nothing is known of it')
    const edition = kind === 'daily' ? await rankDay(round, DATE) : await rankWeek(round, DATE)
    if (edition?.state !== 'frozen') throw new Error(`it is ${edition?.state}: ${edition?.reason}`)
    await planAll(round, edition, null)
    expect(accountsOf(outlook)).toEqual(await readAccounts(round.db, edition.id))
    const counts = (list: { place: Place; emails: number }[]) =>
      Object.fromEntries(list.map(({ place, emails }) => [place.paper.id, emails]))
    expect({
      hours: Object.fromEntries(outlook.hours.map(({ at, emails }) => [at.toISOString(), emails])),
      zones: Object.fromEntries(
        outlook.hours.flatMap(({ at, zones }) =>
          zones.map(({ zone, emails }) => [`${at.toISOString()} ${zone}`, emails]),
        ),
      ),
      leads: counts(outlook.leads),
      lateRisers: counts(outlook.lateRisers),
    }).toEqual(await readPlanned(edition.id))
    const { rows } = await sql<{ paused: number; suppressed: number }>`
      select count(*) filter (where paused_until is not null) as paused,
        count(*) filter (where paused_until is null and exists (select from suppressions x where x.address_hash = s.address_hash)) as suppressed
      from subscribers s where (cadence = 'weekly') = ${kind === 'weekly'}`.execute(round.db)
    expect(outlook).toMatchObject(rows[0] as object)
  })
})

it('finds of weekly readers those whose hour points to the week, and counts what is merged', async () => {
  await arrange(1)
  await sql`delete from suppressions; update subscribers set cadence = 'weekly', weekday = 5, hour = 7, zone = 'UTC', paused_until = null
    where id % 2 = 0; update subscribers set cadence = 'weekly', weekday = 4 where id % 2 = 1; update reader_clocks set weekly = true`.execute(
    round.db,
  )
  // Friday 07:00 is the first hour after the cut-off of Thursday; the next Thursday is another
  // week.
  const week = await readOutlook(round, { date: DATE, kind: 'weekly' })
  expect((week?.emails ?? 0) + (week?.filtered ?? 0)).toBe(READERS / 2)
  await sql`update subscribers set cadence = 'daily', paused_until = null; delete from deliveries; update editions set due = 0;
    update reader_clocks set weekly = false, next_due_at = '2026-03-06T07:00:00Z'`.execute(round.db)
  const day = await readOutlook(round, { date: DATE, kind: 'daily' })
  expect(day?.merged).toBe(READERS * EARLIER.length)
})
