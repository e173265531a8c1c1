import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { getNow } from '../../src/database/clock.ts'
import { cutoffOf, dateOf, shiftDate } from '../../src/edition/edition.ts'
import { ensureEdition, findEdition, markState } from '../../src/edition/store.ts'
import { collect } from '../../src/jobs/collect.ts'
import type { Job } from '../../src/jobs/queue/job.ts'
import { getTickAgeMs, tick } from '../../src/jobs/tick.ts'
import type { EditionDate } from '../../src/source/paper.ts'
import { keepRound } from '../support/kept-round.ts'
import { addReader, emptyRound, freezeEdition, openListedSource, type TestRound } from '../support/round.ts'

let round: TestRound
keepRound((kept) => {
  round = kept
})

/**
 * The cut-off of a date, so that it lies `minutes` from now (negative: ago), as minutes after the
 * end of the date.
 */
const cutoffIn = (now: Date, date: EditionDate, minutes: number) =>
  Math.round((now.getTime() - cutoffOf(date, 0).getTime()) / 60_000) + minutes

const datesOf = (jobs: Job[], name: 'collect' | 'rank') =>
  jobs.flatMap((job) => (job.name === name && 'date' in job ? [job.date] : [])).sort()

const daysBefore = (date: EditionDate, count: number) =>
  Array.from({ length: count }, (_, index) => shiftDate(date, index - count))

/** Makes the next tick not the first of all, which would make the archive. */
const noteTick = () => sql`insert into ticks (name) values ('tick')`.execute(round.db)

/** Looks at dates as if it was `minutes` ago. */
async function lookAt(dates: EditionDate[], minutes: number): Promise<void> {
  for (const date of dates) await collect({ ...round, source: openListedSource({}) }, date)
  await sql`
    update collections set collected_at = clock_timestamp() - make_interval(mins => ${minutes}::int)
    where date in (${sql.join(dates)})`.execute(round.db)
}

/**
 * Leaves one open edition, of yesterday, whose cut-off lies `minutes` from now; the older ones are
 * settled.
 */
async function nearCutoff(minutes: number): Promise<{ date: EditionDate; given: TestRound }> {
  const now = await getNow(round.db)
  const today = dateOf(now)
  const date = shiftDate(today, -1)
  const given = { ...round, cutoffMinutes: cutoffIn(now, date, minutes) }
  await noteTick()
  await ensureEdition(round.db, { date, kind: 'daily', cutoffAt: cutoffOf(date, given.cutoffMinutes) })
  for (const earlier of daysBefore(date, 9)) {
    const cutoffAt = cutoffOf(earlier, given.cutoffMinutes)
    const { id } = await ensureEdition(round.db, { date: earlier, kind: 'daily', cutoffAt })
    await markState(round.db, id, { state: 'empty', reason: 'weekend' })
  }
  return { date, given }
}

describe('tick', () => {
  it('makes the archive of 30 dates and today at the first start, and asks to collect them all', async () => {
    const jobs = await tick(round)
    const today = dateOf(await getNow(round.db))
    expect(datesOf(jobs, 'collect')).toEqual([...daysBefore(today, 30), today])
    expect(jobs.filter((job) => job.name === 'sweep')).toHaveLength(1)
    const rows = await round.db.selectFrom('editions').selectAll().orderBy('date').execute()
    expect(rows.map((row) => [row.date, row.kind, row.state, row.archive])).toEqual([
      ...daysBefore(today, 30).map((date) => [date, 'daily', 'open', true]),
      [today, 'daily', 'open', false],
    ])
    expect(rows.at(-1)?.cutoff_at).toEqual(cutoffOf(today, 30))
  })

  it('changes nothing when it ticks again, and goes on asking for what was not read yet', async () => {
    const first = await tick(round)
    expect(await tick(round)).toEqual(first)
    expect(await round.db.selectFrom('editions').selectAll().execute()).toHaveLength(31)
  })

  it('makes the dates that passed since, but of a longer silence only the last week, none of it as archive', async () => {
    const today = dateOf(await getNow(round.db))
    for (const [silence, made] of [
      [3, 3],
      [40, 8],
    ] as const) {
      await emptyRound(round.db)
      await noteTick()
      const newest = shiftDate(today, -silence)
      await ensureEdition(round.db, { date: newest, kind: 'daily', cutoffAt: cutoffOf(newest, 30), archive: true })
      await tick(round)
      const rows = await round.db.selectFrom('editions').selectAll().where('archive', '=', false).execute()
      expect(rows.map((row) => row.date).sort()).toEqual([...daysBefore(today, made - 1), today])
    }
  })

  it('reads open and held dates every 30 minutes and not sooner, others not at all', async () => {
    const now = await getNow(round.db)
    const [open, held, empty, frozen] = [0, -1, -2, -3].map((days) => shiftDate(dateOf(now), days)) as [
      EditionDate,
      EditionDate,
      EditionDate,
      EditionDate,
    ]
    // Far enough from every cut-off.
    const given = { ...round, cutoffMinutes: cutoffIn(now, open, 600) }
    for (const date of [open, held, empty]) {
      await ensureEdition(round.db, { date, kind: 'daily', cutoffAt: cutoffOf(date, given.cutoffMinutes) })
    }
    for (const [date, state] of [
      [held, 'held'],
      [empty, 'empty'],
    ] as const) {
      const edition = await findEdition(round.db, date, 'daily')
      await markState(round.db, edition?.id ?? 0, { state, reason: 'as it is' })
    }
    await freezeEdition(round, frozen)
    await noteTick()
    expect(datesOf(await tick(given), 'collect')).toEqual([held, open])
    await lookAt([open, held], 29)
    expect(datesOf(await tick(given), 'collect')).toEqual([])
    await lookAt([open, held], 31)
    expect(datesOf(await tick(given), 'collect')).toEqual([held, open])
  })

  it('reads an open date and the seven before it once more when its cut-off draws near', async () => {
    const { date, given } = await nearCutoff(50)
    const again = [...daysBefore(date, 7), date]
    const today = shiftDate(date, 1)
    await ensureEdition(round.db, { date: today, kind: 'daily', cutoffAt: cutoffOf(today, given.cutoffMinutes) })
    await lookAt([...again, today], 10)
    expect(datesOf(await tick(given), 'collect')).toEqual([])
    // Fifteen minutes later: the look of before is 25 minutes old and older than the moment at
    // which second looks begin.
    await sql`update editions set cutoff_at = cutoff_at - interval '15 minutes'`.execute(round.db)
    await sql`update collections set collected_at = collected_at - interval '15 minutes'`.execute(round.db)
    expect(datesOf(await tick(given), 'collect')).toEqual(again)
    await lookAt(again, 1)
    expect(datesOf(await tick(given), 'collect')).toEqual([])
  })

  it('reads nothing of before an archived date once more: the dates before it are archived with it', async () => {
    const { date, given } = await nearCutoff(5)
    await lookAt([...daysBefore(date, 7), date], 200)
    await sql`update editions set archive = true`.execute(round.db)
    expect(datesOf(await tick(given), 'collect')).toEqual([date, shiftDate(date, 1)])
    await sql`update editions set archive = false where date = ${date}`.execute(round.db)
    expect(datesOf(await tick(given), 'collect')).toEqual([...daysBefore(date, 7), date, shiftDate(date, 1)])
  })

  it('asks for the rank of what is cut off and not settled, every time until it is', async () => {
    const { date, given } = await nearCutoff(5)
    expect(datesOf(await tick(given), 'rank')).toEqual([])
    await sql`update editions set cutoff_at = cutoff_at - interval '6 minutes'`.execute(round.db)
    expect(await tick(given)).toContainEqual({ name: 'rank', date, kind: 'daily' })
    const edition = await findEdition(round.db, date, 'daily')
    await markState(round.db, edition?.id ?? 0, { state: 'held', reason: 'too few' })
    expect(datesOf(await tick(given), 'rank')).toEqual([date])
    await markState(round.db, edition?.id ?? 0, { state: 'empty', reason: 'source' })
    expect(datesOf(await tick(given), 'rank')).toEqual([])
  })

  it('asks for a plan only when the hour of some reader has come', async () => {
    const asksForPlan = async () => (await tick(round)).some((job) => job.name === 'plan')
    await addReader(round.db, 'ada')
    expect(await asksForPlan()).toBe(false)
    await sql`update reader_clocks set next_due_at = now() - interval '1 second'`.execute(round.db)
    expect(await asksForPlan()).toBe(true)
  })

  it('asks for the week of the last cut-off only when a weekly reader waits for just that one', async () => {
    const now = await getNow(round.db)
    const week = shiftDate(dateOf(now), -1)
    const given = { ...round, cutoffMinutes: cutoffIn(now, week, -10) }
    const weeks = async () => (await tick(given)).filter((job) => job.name === 'rank' && job.kind === 'weekly')
    const dueIn = (hours: number) =>
      sql`update reader_clocks set next_due_at = now() + make_interval(hours => ${hours}::int)`.execute(round.db)
    await addReader(round.db, 'daily')
    await dueIn(2)
    expect(await weeks()).toEqual([])
    await addReader(round.db, 'weekly', { cadence: 'weekly' })
    await dueIn(26)
    expect(await weeks()).toEqual([])
    await dueIn(2)
    expect(await weeks()).toEqual([{ name: 'rank', date: week, kind: 'weekly' }])
    await freezeEdition(round, week, { kind: 'weekly' })
    expect(await weeks()).toEqual([])
  })
})

describe('tick beside dates kept by hand', () => {
  it('goes on making dates after one of the future was collected', async () => {
    const today = dateOf(await getNow(round.db))
    await ensureEdition(round.db, { date: '2999-01-01', kind: 'daily', cutoffAt: cutoffOf('2999-01-01', 30) })
    await tick(round)
    expect((await findEdition(round.db, today, 'daily'))?.state).toBe('open')
  })

  it('makes the archive at the first start even when a date was collected before', async () => {
    const today = dateOf(await getNow(round.db))
    const kept = shiftDate(today, -3)
    await ensureEdition(round.db, { date: kept, kind: 'daily', cutoffAt: cutoffOf(kept, 30) })
    await tick(round)
    expect((await findEdition(round.db, shiftDate(today, -30), 'daily'))?.archive).toBe(true)
    expect((await findEdition(round.db, kept, 'daily'))?.archive).toBe(false)
  })
})

describe('getTickAgeMs', () => {
  it('is endless before the first tick, then counts from the last one', async () => {
    expect(await getTickAgeMs(round)).toBe(Number.POSITIVE_INFINITY)
    await tick(round)
    const fresh = await getTickAgeMs(round)
    expect(fresh).toBeGreaterThanOrEqual(0)
    await sql`update ticks set at = at - interval '5 minutes'`.execute(round.db)
    expect(await getTickAgeMs(round)).toBeGreaterThanOrEqual(300_000)
    await tick(round)
    expect(await getTickAgeMs(round)).toBeLessThan(300_000)
  })
})
