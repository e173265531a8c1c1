// Nobody gets a paper twice: days replayed on a real store, with readers who pause, leave and come
// back, move to other addresses, rhythms and choices, on mornings when some digests are refused,
// lost or missed. What the store holds in the end is the proof.
import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { cutoffOf, shiftDate } from '../../src/edition/edition.ts'
import type { Place } from '../../src/edition/place.ts'
import { daysOfWeek, latePlaces, placesOf, placesOfDay } from '../../src/edition/places.ts'
import { ensureEdition, getEdition, markFrozen } from '../../src/edition/store.ts'
import { planAll, planDue } from '../../src/jobs/plan.ts'
import type { Listing } from '../../src/source/paper.ts'
import { insertCollection, listPapers } from '../../src/source/store.ts'
import { parseChoices } from '../../src/subscriber/preferences.ts'
import {
  ensurePreferences,
  insertSubscribers,
  listVoteBars,
  markPaused,
  markUnsubscribed,
} from '../../src/subscriber/store.ts'
import { hashAddress } from '../../src/subscriber/subscriber.ts'
import { type CapturedLooks, capturedMonth } from '../support/captured-days.ts'
import { isFull } from '../support/full.ts'
import { keepRound } from '../support/kept-round.ts'
import { makePaper } from '../support/places.ts'
import type { TestRound } from '../support/round.ts'

const READERS = isFull ? 120 : 40
const MINUTE_MS = 60_000
/** Enough between full runs. */
const DAYS_SAMPLED = 5
const CHOICES = [
  {},
  { papers: 3 },
  { papers: 5, length: 'titles' },
  { papers: 25, minimumVotes: 10 },
  { onlyWithCode: true },
  { include: ['agents', 'LLM'], papers: 6 },
  { include: ['diffusion', 'video generation'], includeMeans: 'only' },
  { mute: ['LLM', 'benchmark'], papers: 4, minimumVotes: 3 },
].map((choices) => parseChoices(choices))

let round: TestRound
keepRound((kept) => {
  round = kept
})

describe('a paper comes once', () => {
  it('over invented days whose papers rise, come late and are listed again', {
    tags: 'long',
    timeout: 5 * MINUTE_MS,
  }, async () => {
    const seen = await replay(inventDays(isFull ? 20 : 8), random(1))
    expect(seen.twice).toEqual([])
    // Without these it would have shown nothing.
    expect(seen.mails).toBeGreaterThan(READERS)
    for (const section of ['ranked', 'rising', 'late'] as const) expect(seen.sections, section).toContain(section)
    expect(seen.givenBack, 'papers of refused digests came again').toBeGreaterThan(0)
  })
  const months = (isFull ? ['2025-08', '2026-03'] : ['2025-08']).map((month) => ({ month, days: capturedMonth(month) }))
  it.runIf(months.every(({ days }) => days.length > 0)).each(months)(
    'over the captured days of $month',
    { tags: 'long', timeout: 20 * MINUTE_MS },
    async ({ days }) => {
      const seen = await replay(isFull ? days : days.slice(0, DAYS_SAMPLED), random(2))
      expect(seen.twice).toEqual([])
      expect(seen.mails).toBeGreaterThan(READERS)
    },
  )
})

/** Lets the days pass, one a morning, and returns what the store says afterwards. */
async function replay(days: readonly CapturedLooks[], next: () => number) {
  const { db } = round
  await insertSubscribers(
    db,
    Array.from({ length: READERS }, (_, index) => ({
      cadence: index % 8 === 7 ? ('weekly' as const) : ('daily' as const),
      weekday: 1,
      hour: new Date().getUTCHours(),
      zone: 'UTC',
      address: `reader-${index}@example.org`,
      choices: CHOICES[index % CHOICES.length] as (typeof CHOICES)[number],
      consentSource: 'test',
    })),
  )
  await sql`update reader_clocks set waiting_since = now() - interval '60 days'`.execute(db)
  for (const [at, day] of days.entries()) {
    await keepLook(day.date, day.own)
    // As a live run does, whose later looks find what came and grew meanwhile.
    for (const before of days.slice(Math.max(0, at - 2), at))
      if (before.later) await keepLook(before.date, before.later)
    await letAMorningPass()
    const places = await placesOfDay(db, day.date, await listPapers(db, [day.date]), await listVoteBars(db))
    await freezeBare(day.date, 'daily', [
      ...places,
      ...(await latePlaces(db, round.latenessMs, day.date, places, new Date())),
    ])
    if (at % 4 === 3) await freezeBare(day.date, 'weekly', placesOf(await listPapers(db, daysOfWeek(day.date))))
    await liveOn(next)
    // Every third morning nothing runs: the next one has the merging to do.
    if (at % 3 !== 1 || at === days.length - 1) await planEveryone(next)
    await settle(next)
  }
  return look()
}

async function keepLook(date: string, listings: readonly Listing[]): Promise<void> {
  const look = { date, source: 'test', verdict: 'complete', reason: null, setAside: 0 } as const
  await round.db.transaction().execute((trx) => insertCollection(trx, { ...look, listings }))
}

/** Moves everything that happened a day into the past: the database's clock cannot be turned. */
async function letAMorningPass(): Promise<void> {
  await sql`update editions set frozen_at = frozen_at - interval '1 day'`.execute(round.db)
  await sql`update reader_clocks set waiting_since = waiting_since - interval '1 day'`.execute(round.db)
  await sql`
    update deliveries set local_date = date '2000-01-01' + edition_id where local_date is not null`.execute(round.db)
}

/** Freezes an edition an hour before everybody's hour; its pieces are no matter here. */
async function freezeBare(date: string, kind: 'daily' | 'weekly', places: Place[]): Promise<void> {
  const { id } = await ensureEdition(round.db, { date, kind, cutoffAt: cutoffOf(date, 30) })
  await round.db.transaction().execute((trx) => markFrozen(trx, id, places, false))
  await sql`update editions set frozen_at = date_trunc('hour', now()) - interval '1 hour' where id = ${id}`.execute(
    round.db,
  )
}

/** Readers pause, resume, leave, come back, move and choose anew. */
async function liveOn(next: () => number): Promise<void> {
  const { db } = round
  const readers = await db.selectFrom('subscribers').selectAll().orderBy('id').execute()
  const preferences = await ensurePreferences(db, CHOICES)
  for (const reader of readers) {
    const event = next()
    if (reader.consent === 'unsubscribed') {
      if (event < 0.4)
        await sql`update subscribers set consent = 'confirmed', token_epoch = token_epoch + 1 where id = ${reader.id}`.execute(
          db,
        )
    } else if (event < 0.04) await markUnsubscribed(db, reader.public_id)
    else if (event < 0.1) {
      await markPaused(db, reader.id, reader.paused_until === null ? '2999-12-31' : null)
      // Set back, so that a resumed reader waits for what froze meanwhile too: the harder case.
      await sql`update reader_clocks set waiting_since = now() - interval '60 days' where subscriber_id = ${reader.id}`.execute(
        db,
      )
    } else if (event < 0.14) {
      const address = `moved-${reader.id}-${Math.floor(next() * 1e9)}@example.net`
      const hash = hashAddress(Buffer.from('a key of this test'), address)
      await db.updateTable('subscribers').set({ address, address_hash: hash }).where('id', '=', reader.id).execute()
    } else if (event < 0.24) {
      const id = preferences[Math.floor(next() * preferences.length)] as number
      const cadence = next() < 0.2 ? 'weekly' : 'daily'
      await db.updateTable('subscribers').set({ preferences_id: id, cadence }).where('id', '=', reader.id).execute()
    }
  }
}

/** Plans by hand or by the hour, as mornings go. */
async function planEveryone(next: () => number): Promise<void> {
  const { db } = round
  if (next() < 0.5) {
    const editions = await db.selectFrom('editions').select('id').orderBy('id', 'desc').limit(2).execute()
    for (const { id } of editions) await planAll(round, await getEdition(db, id), null)
  }
  await sql`update reader_clocks set next_due_at = now() - interval '1 second'`.execute(db)
  while ((await planDue(round)) > 0);
}

/** Most are accepted; of some nobody knows; some are refused or their readers left in between. */
async function settle(next: () => number): Promise<void> {
  const planned = await round.db.selectFrom('deliveries').selectAll().where('state', '=', 'planned').execute()
  const states = planned.map((row) => {
    const fate = next()
    const state =
      fate < 0.7 ? 'submitted' : fate < 0.8 ? 'unknown' : fate < 0.9 ? 'rejected' : fate < 0.95 ? 'withheld' : 'planned'
    return { edition: row.edition_id, subscriber: row.subscriber_id, state }
  })
  await sql`
    update deliveries d set state = x.state,
      reason = case when x.state = 'withheld' then 'left' when x.state = 'rejected' then 'refused' end,
      local_date = case when x.state in ('withheld', 'rejected') then null else d.local_date end
    from jsonb_to_recordset(${JSON.stringify(states)}::jsonb) as x(edition int, subscriber int, state text)
    where d.edition_id = x.edition and d.subscriber_id = x.subscriber`.execute(round.db)
}

/**
 * Reads from the ledger who had what, how often, in which section, and what came again after a
 * refusal.
 */
async function look() {
  const { rows } = await sql<{ subscriber: number; paper: string; state: string; section: string; mail: string }>`
    select d.subscriber_id as subscriber, p.paper_id as paper, d.state, p.section, d.edition_id || ' ' || d.subscriber_id as mail
    from deliveries d
    join selections s on s.edition_id = d.edition_id and s.id = d.selection_id
    join edition_papers p on p.edition_id = d.edition_id and p.position = any(s.papers)`.execute(round.db)
  const had = rows.filter(({ state }) => ['planned', 'submitted', 'unknown'].includes(state))
  const keyOf = ({ subscriber, paper }: (typeof rows)[number]) => `${subscriber} ${paper}`
  const counts = new Map<string, number>()
  for (const row of had) counts.set(keyOf(row), (counts.get(keyOf(row)) ?? 0) + 1)
  const refused = rows.filter(({ state }) => state === 'rejected' || state === 'withheld')
  return {
    twice: [...counts].filter(([, count]) => count > 1),
    mails: new Set(had.map(({ mail }) => mail)).size,
    sections: new Set(had.map(({ section }) => section)),
    givenBack: refused.filter((row) => counts.has(keyOf(row))).length,
  }
}

/**
 * Invents working days of papers, each with a later look: other votes, and papers that came in the
 * evening; a few come back a day later.
 */
function inventDays(count: number): CapturedLooks[] {
  const next = random(3)
  const words = ['Agents', 'Diffusion', 'Language Models', 'Benchmarks', 'Video Generation', 'Proofs']
  let listed: Listing[] = []
  return Array.from({ length: count }, (_, day) => {
    const date = shiftDate('2026-03-02', day)
    const papers = Array.from({ length: 14 }, (_, index): Listing => {
      const id = `2603.${String(day * 100 + index).padStart(5, '0')}`
      const title = `${words[Math.floor(next() * words.length)]} of ${id}`
      const codeUrl = next() < 0.5 ? 'https://github.com/example/code' : null
      const submittedAt = `${date}T08:00:00.000Z`
      return { paper: makePaper({ id, title, codeUrl }), upvotes: Math.floor(next() * 30), comments: 0, submittedAt }
    })
    const own = [...papers.slice(0, 10), ...listed.slice(0, 2)]
    listed = papers
    return { date, own, later: papers.map((each) => ({ ...each, upvotes: each.upvotes + Math.floor(next() * 60) })) }
  })
}

/** Draws from 0 to 1, the same numbers for the same seed. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
