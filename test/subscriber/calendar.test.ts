import fc from 'fast-check'
import { type Kysely, type RawBuilder, sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openDatabase } from '../../src/database/client.ts'
import type { Database } from '../../src/database/schema.ts'
import { lastHourSql, localDateSql, nextHourSql } from '../../src/subscriber/calendar.ts'
import { CADENCES, type Rhythm } from '../../src/subscriber/preferences.ts'
import { lastHour, listClockChanges, localDate, nextHour } from '../support/due.ts'
import { openTestDatabase, type TestDatabase } from '../support/stores.ts'

/**
 * Changes at night, at midnight, before midnight, by half an hour, in the south, at odd offsets, never. Zones with a law of
 * the last years are left out: PostgreSQL and the runtime bring their own data, and one knows it before the other.
 */
const ZONES = [
  'Europe/Paris',
  'Europe/London',
  'Europe/Dublin',
  'America/New_York',
  'America/St_Johns',
  'America/Havana',
  'America/Santiago',
  'America/Nuuk',
  'Atlantic/Azores',
  'Asia/Beirut',
  'Asia/Jerusalem',
  'Africa/Cairo',
  'Australia/Lord_Howe',
  'Australia/Adelaide',
  'Pacific/Auckland',
  'Pacific/Chatham',
  'Pacific/Easter',
  'Asia/Kathmandu',
  'Pacific/Kiritimati',
  'Pacific/Pago_Pago',
  'UTC',
]
const FROM = Date.UTC(2025, 0, 1)
const TO = Date.UTC(2031, 0, 1)
const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const SEED = 20_260_305

interface Case extends Rhythm {
  at: number
}

let database: TestDatabase
let db: Kysely<Database>

beforeAll(async () => {
  database = await openTestDatabase('embedded')
  db = openDatabase(database.url)
})
afterAll(async () => {
  await db.destroy()
  await database.close()
})

const changes = new Map(ZONES.map((zone) => [zone, listClockChanges(zone, FROM, TO)]))

/** Half of the moments lie within a day and a half of a clock change where the zone has any. */
const cases: fc.Arbitrary<Case> = fc.constantFrom(...ZONES).chain((zone) =>
  fc.record({
    zone: fc.constant(zone),
    cadence: fc.constantFrom(...CADENCES),
    weekday: fc.integer({ min: 1, max: 7 }),
    hour: fc.oneof(fc.integer({ min: 0, max: 23 }), fc.constantFrom(0, 1, 2, 3, 23)),
    at: fc.oneof(
      fc.integer({ min: FROM / MINUTE_MS, max: TO / MINUTE_MS }).map((minute) => minute * MINUTE_MS),
      fc
        .tuple(
          fc.constantFrom(...(changes.get(zone)?.length ? (changes.get(zone) as number[]) : [FROM])),
          fc.constantFrom(0, 1, 30 * MINUTE_MS, HOUR_MS, 2 * HOUR_MS, 23 * HOUR_MS, 24 * HOUR_MS, 36 * HOUR_MS),
          fc.constantFrom(-1, 1),
        )
        .map(([change, distance, side]) => change + side * distance),
    ),
  }),
)

/** The cases as rows that read like a reader's. */
function rowsOf(list: readonly Case[]): RawBuilder<unknown> {
  const rows = JSON.stringify(list.map((one, index) => ({ ...one, at: new Date(one.at).toISOString(), index })))
  return sql`jsonb_to_recordset(${rows}::jsonb)
    as r(index int, cadence text, weekday int, hour int, zone text, at timestamptz)`
}

/** Asks the database for one chosen hour after the other: `steps` of them a case, in order. */
async function walk(list: readonly Case[], steps: number): Promise<Date[][]> {
  const { rows } = await sql<{ dues: Date[] }>`
    with recursive w as (
      select r.*, 0 as step from ${rowsOf(list)}
      union all
      select w.index, w.cadence, w.weekday, w.hour, w.zone, ${nextHourSql('w', sql.ref('w.at'))}, w.step + 1
      from w where w.step < ${steps}::int
    )
    select array_agg(at order by step) filter (where step > 0) as dues from w group by index order by index`.execute(db)
  return rows.map((row) => row.dues)
}

const clockAround = (rhythm: Partial<Rhythm>) =>
  ZONES.flatMap((zone) =>
    (changes.get(zone) ?? []).flatMap((change) =>
      [0, 1, 2, 23].map((hour) => ({
        cadence: 'daily' as const,
        weekday: 1,
        hour,
        zone,
        ...rhythm,
        at: change - 60 * HOUR_MS,
      })),
    ),
  )

describe('nextHourSql and lastHourSql', () => {
  it('find what the offsets of the runtime say, around every kind of clock change and between', async () => {
    const list = fc.sample(cases, { seed: SEED, numRuns: 2_000 })
    const { rows } = await sql<{ next: Date; last: Date; date: string }>`
      select ${nextHourSql('r', sql.ref('r.at'))} as next, ${lastHourSql('r', sql.ref('r.at'))} as last,
        ${localDateSql('r', sql.ref('r.at'))} as date
      from ${rowsOf(list)} order by r.index`.execute(db)
    const found = rows.map(({ next, last, date }) => ({ next: next.toISOString(), last: last.toISOString(), date }))
    const wanted = list.map((one) => ({
      next: new Date(nextHour(one, one.at)).toISOString(),
      last: new Date(lastHour(one, one.at)).toISOString(),
      date: localDate(one.zone, one.at),
    }))
    const different = list.flatMap((one, index) =>
      JSON.stringify(found[index]) === JSON.stringify(wanted[index])
        ? []
        : [{ ...one, found: found[index], wanted: wanted[index] }],
    )
    expect(different).toEqual([])
    expect(list.every((one, index) => Date.parse(found[index]?.next ?? '') > one.at)).toBe(true)
    expect(list.every((one, index) => Date.parse(found[index]?.last ?? '') <= one.at)).toBe(true)
  })

  it('take the chosen hour itself for the last and not for the next', async () => {
    const at = new Date('2026-03-05T07:00:00Z')
    const { rows } = await sql<{ next: Date; last: Date }>`
      select ${nextHourSql('r', sql`${at}::timestamptz`)} as next, ${lastHourSql('r', sql`${at}::timestamptz`)} as last
      from (select 'daily' as cadence, 1 as weekday, 7 as hour, 'UTC' as zone) r`.execute(db)
    expect(rows).toEqual([{ next: new Date('2026-03-06T07:00:00Z'), last: at }])
  })

  it.each([
    ['Europe/Paris', 2, '2026-03-28T12:00:00Z', '2026-03-29T01:00:00.000Z', 'a skipped hour moves on: 03:00 in summer'],
    ['Europe/Paris', 2, '2026-10-24T12:00:00Z', '2026-10-25T01:00:00.000Z', 'a repeated hour is its second'],
    ['Europe/Paris', 2, '2026-10-25T00:30:00Z', '2026-10-25T01:00:00.000Z', 'asked between both, still the second'],
    ['Europe/Paris', 2, '2026-10-25T01:00:00Z', '2026-10-26T01:00:00.000Z', 'and then not again that day'],
    ['America/Havana', 0, '2026-03-07T12:00:00Z', '2026-03-08T05:00:00.000Z', 'a day that begins at one'],
    ['America/Havana', 0, '2026-10-31T12:00:00Z', '2026-11-01T05:00:00.000Z', 'a midnight that comes twice'],
    ['America/Nuuk', 23, '2026-03-28T12:00:00Z', '2026-03-29T00:00:00.000Z', 'not on the next date: 22:00'],
    ['Australia/Lord_Howe', 2, '2026-10-03T02:00:00Z', '2026-10-03T15:30:00.000Z', 'half an hour is skipped'],
  ])('%s at %i after %s: %s (%s)', async (zone, hour, at, wanted) => {
    const [dues] = await walk([{ cadence: 'daily', weekday: 1, zone, hour, at: Date.parse(at) }], 1)
    expect(dues?.map((due) => due.toISOString())).toEqual([wanted])
  })

  it('come once a local date for a daily reader, 22 to 26 hours apart, whatever the clocks do', async () => {
    const list = clockAround({})
    const walked = await walk(list, 6)
    expect(walked).toHaveLength(list.length)
    for (const [index, dues] of walked.entries()) {
      const zone = list[index]?.zone ?? ''
      const dates = dues.map((due) => localDate(zone, due.getTime()))
      const first = Date.parse(dates[0] ?? '')
      expect(dates).toEqual(dues.map((_, day) => new Date(first + day * 24 * HOUR_MS).toISOString().slice(0, 10)))
      for (const [day, due] of dues.slice(1).entries()) {
        const apart = (due.getTime() - (dues[day] as Date).getTime()) / HOUR_MS
        expect(apart).toBeGreaterThanOrEqual(22)
        expect(apart).toBeLessThanOrEqual(26)
      }
    }
  })

  it("come Monday to Friday of the reader's own week on working days, and on one weekday a week", async () => {
    const dayOf = (zone: string, due: Date) => new Date(localDate(zone, due.getTime())).getUTCDay() || 7
    const working = clockAround({ cadence: 'working-days' })
    for (const [index, dues] of (await walk(working, 5)).entries()) {
      const days = dues.map((due) => dayOf(working[index]?.zone ?? '', due))
      expect(days.toSorted()).toEqual([1, 2, 3, 4, 5])
    }
    const weekly = clockAround({ cadence: 'weekly', weekday: 7 })
    for (const [index, dues] of (await walk(weekly, 3)).entries()) {
      expect(dues.map((due) => dayOf(weekly[index]?.zone ?? '', due))).toEqual([7, 7, 7])
      const weeks = dues.slice(1).map((due, week) => (due.getTime() - (dues[week] as Date).getTime()) / HOUR_MS / 168)
      expect(weeks.map(Math.round)).toEqual([1, 1])
    }
  })
})
