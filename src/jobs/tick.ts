// Once a minute: looks at the clock and at Postgres and says which jobs are wanted now. Remembers
// nothing; a tick too many is harmless.
import { sql } from 'kysely'
import { getNow } from '../database/clock.ts'
import { cutoffOf, dateOf, type Edition, shiftDate } from '../edition/edition.ts'
import { ensureEdition, listUnfrozenEditions } from '../edition/store.ts'
import type { EditionDate } from '../source/paper.ts'
import { listLastLooks } from '../source/store.ts'
import { isReaderDue, listWantedWeeks } from '../subscriber/store.ts'
import type { Job } from './queue/job.ts'
import type { Round } from './round.ts'

type TickRound = Pick<Round, 'db' | 'cutoffMinutes'>

/** Open and held dates are read this often. */
const COLLECT_EVERY_MS = 30 * 60_000
/**
 * Before a freeze the earlier dates are read once more, for late risers: this long before the
 * cut-off it begins.
 */
const SECOND_LOOK_MS = 45 * 60_000
const SECOND_LOOK_DAYS = 7
/** Dates that the first start collects without sending them to anybody. */
const ARCHIVE_DAYS = 30

/** Returns the jobs that are wanted now, and notes that the clock ticked. */
export async function tick(round: TickRound): Promise<Job[]> {
  const { db } = round
  const now = await getNow(db)
  await ensureDates(round, dateOf(now))
  await sql`insert into ticks (name) values ('tick') on conflict (name) do update set at = round_clock()`.execute(db)
  const unfrozen = await listUnfrozenEditions(db)
  const jobs: Job[] = [{ name: 'sweep' }]
  jobs.push(...(await collectJobs(round, now, unfrozen)))
  for (const edition of unfrozen) {
    if (edition.cutoffAt <= now) jobs.push({ name: 'rank', date: edition.date, kind: 'daily' })
  }
  for (const week of await listWantedWeeks(db, round.cutoffMinutes)) {
    jobs.push({ name: 'rank', date: week, kind: 'weekly' })
  }
  if (await isReaderDue(db)) jobs.push({ name: 'plan' })
  return jobs
}

/**
 * Returns how long ago the last tick was, in milliseconds by the database's clock; Infinity before
 * the first.
 */
export async function getTickAgeMs({ db }: Pick<Round, 'db'>): Promise<number> {
  const { rows } = await sql<{ age: number }>`
    select (extract(epoch from round_clock() - at) * 1000)::float8 as age from ticks where name = 'tick'`.execute(db)
  return rows[0]?.age ?? Number.POSITIVE_INFINITY
}

/**
 * The first tick of all keeps the last 30 dates as an archive; from then on every date up to today
 * gets its edition, however long nothing ran.
 */
async function ensureDates({ db, cutoffMinutes }: TickRound, today: EditionDate): Promise<void> {
  const isFirst = (await getTickAgeMs({ db })) === Number.POSITIVE_INFINITY
  const { rows } = await sql<{ newest: string | null }>`
    select max(date)::text as newest from editions where kind = 'daily' and date <= ${today}`.execute(db)
  const newest = rows[0]?.newest ?? null
  // After a longer silence only the last week is caught up: older votes interest nobody any more.
  const earliest = shiftDate(today, isFirst || newest === null ? -ARCHIVE_DAYS : -SECOND_LOOK_DAYS)
  let date = isFirst || newest === null || newest < earliest ? earliest : shiftDate(newest, 1)
  for (; date <= today; date = shiftDate(date, 1)) {
    const archive = isFirst && date < today
    await ensureEdition(db, { date, kind: 'daily', cutoffAt: cutoffOf(date, cutoffMinutes), archive })
  }
}

async function collectJobs({ db }: TickRound, now: Date, unfrozen: readonly Edition[]): Promise<Job[]> {
  const wanted = new Map<EditionDate, number>(
    unfrozen.map((edition) => [edition.date, now.getTime() - COLLECT_EVERY_MS]),
  )
  for (const edition of unfrozen) {
    const lookAgainAt = edition.cutoffAt.getTime() - SECOND_LOOK_MS
    // Every open edition is read within the hour before its cut-off, so that its last look is
    // fresh.
    if (now.getTime() >= lookAgainAt) wanted.set(edition.date, Math.max(now.getTime() - COLLECT_EVERY_MS, lookAgainAt))
    if (edition.archive || now.getTime() < lookAgainAt || now >= edition.cutoffAt) continue
    for (let days = 1; days <= SECOND_LOOK_DAYS; days++) {
      const date = shiftDate(edition.date, -days)
      if (!wanted.has(date)) wanted.set(date, lookAgainAt)
    }
  }
  const looks = await listLastLooks(db, [...wanted.keys()])
  return [...wanted]
    .filter(([date, since]) => (looks.get(date)?.getTime() ?? 0) <= since)
    .map(([date]) => ({ name: 'collect', date }))
}
