import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { type Kysely, type RawBuilder, sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openDatabase } from '../../src/database/client.ts'
import type { Database } from '../../src/database/schema.ts'
import { CADENCES } from '../../src/database/states.ts'
import {
  firstHourSql,
  hourOnDaySql,
  lastHourSql,
  localDateSql,
  nextHourSql,
  nextHourWithoutGapSql,
  weeklyHourSql,
  weekOfSql,
} from '../../src/subscriber/calendar.ts'
import { isZone, type Rhythm } from '../../src/subscriber/preferences.ts'
import { assertZones } from '../../src/subscriber/zone.ts'
import { lastHour, listClockChanges, localDate, nextHour } from '../support/due.ts'
import { isFull } from '../support/full.ts'
import { openTestDatabase, type TestDatabase } from '../support/stores.ts'

/**
 * Changes at night, at midnight, before midnight, by half an hour, in the south, at odd offsets,
 * never. Zones with a law of the last years are left out: PostgreSQL and the runtime bring their
 * own data, and one knows it before the other.
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
  database = await openTestDatabase('either')
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
  it('find what the offsets of the runtime say, around every kind of clock change and between', {
    tags: 'long',
  }, async () => {
    const list = fc.sample(cases, { seed: SEED, numRuns: isFull ? 20_000 : 1_000 })
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

describe('nextHourWithoutGapSql', () => {
  const CUTOFF_MINUTES = 30
  const STEPS = 40

  interface Reader extends Rhythm {
    at: number
    /** When they were last asked, and the local date that it counted for. */
    since: number
    had: string
    planned: number | null
  }

  /** Returns the next hour of each, and the week that it would bring. */
  async function ask(readers: readonly Reader[]): Promise<{ at: number; week: number }[]> {
    const time = (ms: number | null) => ms && new Date(ms).toISOString()
    const rows = JSON.stringify(
      readers.map((one, index) => ({
        ...one,
        at: time(one.at),
        since: time(one.since),
        planned: time(one.planned),
        index,
      })),
    )
    const had = hourOnDaySql(sql`r.had`, sql`r.hour`, sql`r.zone`)
    const after = sql`greatest(r.at, case when r.had >= ${localDateSql('r', sql`r.at`)} then ${had} end)`
    const next = { after, since: sql`r.since`, planned: sql`r.planned`, cutoffMinutes: CUTOFF_MINUTES }
    const { rows: found } = await sql<{ at: Date; week: string }>`
      select n.at, ${weekOfSql(sql`n.at`, CUTOFF_MINUTES)} as week
      from jsonb_to_recordset(${rows}::jsonb) as r(index int, cadence text, weekday int, hour int, zone text,
        at timestamptz, since timestamptz, planned timestamptz, had date)
      cross join lateral (select ${nextHourWithoutGapSql('r', next)} as at) n order by r.index`.execute(db)
    return found.map(({ at, week }) => ({ at: at.getTime(), week: Date.parse(week) / (24 * HOUR_MS) }))
  }

  it('leaves no day between two weeks, nor two on one local day, whatever a reader changes and when', {
    tags: 'long',
  }, async () => {
    const rhythm = fc.record({
      weekday: fc.integer({ min: 1, max: 7 }),
      hour: fc.integer({ min: 0, max: 23 }),
      zone: fc.constantFrom(...ZONES),
    })
    const change = fc.record({
      // Minutes, hours or days after what came before; often another has come until then.
      ms: fc.oneof(
        fc.integer({ min: 1, max: 5 * MINUTE_MS }),
        fc.integer({ min: 1, max: 36 * HOUR_MS }),
        fc.integer({ min: 1, max: 12 * 24 * HOUR_MS }),
      ),
      to: fc.oneof(
        rhythm,
        rhythm.map(({ weekday }) => ({ weekday })),
        rhythm.map(({ hour }) => ({ hour })),
        rhythm.map(({ zone }) => ({ zone })),
      ),
    })
    const lives = fc.sample(
      fc.record({
        rhythm,
        from: fc.integer({ min: FROM, max: TO }),
        changes: fc.array(change, { minLength: STEPS, maxLength: STEPS }),
      }),
      { seed: SEED, numRuns: isFull ? 5_000 : 300 },
    )
    const readers = lives.map(
      ({ rhythm, from }): Reader => ({
        ...rhythm,
        cadence: 'weekly',
        at: from,
        since: from,
        had: '2000-01-01',
        planned: null,
      }),
    )
    const due = await ask(readers)
    const got = readers.map(() => [] as { at: number; week: number; day: string }[])
    for (let step = 0; step < STEPS; step++) {
      for (const [index, reader] of readers.entries()) {
        const next = due[index] as { at: number; week: number }
        const { ms, to } = (lives[index] as (typeof lives)[0]).changes[step] as { ms: number; to: Partial<Rhythm> }
        if (next.at <= reader.at + ms) {
          const day = localDate(reader.zone, next.at)
          got[index]?.push({ ...next, day })
          Object.assign(reader, { at: next.at, since: next.at, had: day, planned: null })
        } else {
          Object.assign(reader, to, { at: reader.at + ms, planned: next.at })
        }
      }
      for (const [index, next] of (await ask(readers)).entries()) due[index] = next
    }
    const wrong = got.flatMap((digests, index) => {
      const days = new Set(digests.map(({ day }) => day))
      const gaps = digests.slice(1).map(({ week }, before) => week - (digests[before]?.week ?? 0))
      return days.size < digests.length || gaps.some((gap) => gap > 7 || gap < 0)
        ? [{ ...lives[index]?.rhythm, digests }]
        : []
    })
    expect(wrong).toEqual([])
    expect(got.flat().length).toBeGreaterThan(readers.length * 7)
  })
})

describe('every zone that both the database and this runtime know', () => {
  /**
   * A day of the grid breaks a rule when its hour is not on it, or not 22 to 26 hours before the
   * next day's.
   */
  const GRID = sql`
    select count(*)::int as days, count(*) filter (where local <> day)::int as elsewhere,
      count(*) filter (where next - at not between interval '22 hours' and interval '26 hours')::int as apart
    from (
      select g.*, (at at time zone zone)::date as local from (
        select p.*, ${hourOnDaySql(sql`p.day`, sql`p.hour`, sql`p.zone`)} as at,
          ${hourOnDaySql(sql`(p.day + 1)`, sql`p.hour`, sql`p.zone`)} as next from picked p offset 0
      ) g
    ) checked`

  async function listZones(on: Kysely<Database>): Promise<string[]> {
    const { rows } = await sql<{ name: string }>`
      select name from pg_timezone_names where name = 'UTC' or name not in (select abbrev from pg_timezone_abbrevs) order by 1`.execute(
      on,
    )
    const zones = rows.map(({ name }) => name).filter(isZone)
    await assertZones(on, new Set(zones))
    return zones
  }

  /**
   * Lists the days of 2025 to 2030 on which a zone's offset changes, in two columns: of the weeks
   * that are longer or shorter than others, because asking for every day takes seconds. Nobody
   * changes the clocks and back within a week.
   */
  async function listChanges(on: Kysely<Database>): Promise<{ zones: string[]; days: string[] }> {
    const isLonger = (days: number) => sql`
      (d.day::timestamp at time zone z.zone) + make_interval(days => ${days}::int)
        <> ((d.day + ${days}::int)::timestamp at time zone z.zone)`
    const { rows } = await sql<{ zones: string[] | null; days: string[] | null }>`
      with weeks as materialized (
        select z.zone, d.day from unnest(${await listZones(on)}::text[]) z(zone)
        cross join (select date '2024-12-31' + n as day from generate_series(0, 2192, 7) n) d where ${isLonger(7)}
      )
      select array_agg(z.zone) as zones, array_agg(d.day) as days from weeks z
      cross join lateral (select z.day + n as day from generate_series(0, 6) n) d
      where d.day <= date '2031-01-01' and ${isLonger(1)}`.execute(on)
    return { zones: rows[0]?.zones ?? [], days: rows[0]?.days ?? [] }
  }

  let changed: Awaited<ReturnType<typeof listChanges>>
  beforeAll(async () => {
    changed = await listChanges(db)
  })
  /** A table expression of rows (zone, day). */
  const changesSql = () => sql`unnest(${changed.zones}::text[], ${changed.days}::date[]) c(zone, day)`

  it('has each hour of each local day exactly once: every clock change and a sample of all days', {
    tags: 'long',
  }, async () => {
    const zones = await listZones(db)
    expect(zones.length).toBeGreaterThan(400)
    const around = await sql<{ days: number; elsewhere: number; apart: number }>`
      with picked as (
        select distinct c.zone, c.day + n as day, hour from ${changesSql()}
        cross join generate_series(-2, 2) n cross join generate_series(0, 23) hour
      ) ${GRID}`.execute(db)
    const sampled = await sql<{ days: number; elsewhere: number; apart: number }>`
      with picked as (
        select z.zone, date '2025-01-01' + abs(hashtext(${String(SEED)} || z.zone || n)) % 2191 as day,
          abs(hashtext(z.zone || n)) % 24 as hour
        from unnest(${zones}::text[]) z(zone) cross join generate_series(1, 100) n
      ) ${GRID}`.execute(db)
    expect(around.rows[0]).toMatchObject({ elsewhere: 0, apart: 0 })
    expect(sampled.rows).toEqual([{ days: zones.length * 100, elsewhere: 0, apart: 0 }])
    expect(around.rows[0]?.days).toBeGreaterThan(50_000)
  })

  it('walks from one hour to the next of its own days in every cadence, at every clock change', async () => {
    const { rows } = await sql<{ asked: number; wrong: number }>`
      with picked as (
        select c.zone, c.day + abs(hashtext(c.zone || c.day)) % 5 - 2 as day, abs(hashtext(c.day || c.zone)) % 24 as hour,
          cadence, extract(isodow from c.day)::int as weekday
        from ${changesSql()} cross join unnest(${[...CADENCES]}::text[]) cadence
      ), own as (
        select p.*, ${hourOnDaySql(sql`p.day`, sql`p.hour`, sql`p.zone`)} as at,
          (select min(n) from generate_series(1, 7) n where case p.cadence when 'daily' then true
            when 'working-days' then extract(isodow from p.day + n) <= 5 else extract(isodow from p.day + n) = p.weekday end) as step
        from picked p where hashtext(p.zone || p.day || p.cadence) % 4 = 0
      )
      select count(*)::int as asked, count(*) filter (where ${nextHourSql('o', sql`o.at`)}
        is distinct from ${hourOnDaySql(sql`(o.day + o.step)`, sql`o.hour`, sql`o.zone`)})::int as wrong
      from own o`.execute(db)
    expect(rows[0]?.wrong).toBe(0)
    expect(rows[0]?.asked).toBeGreaterThan(500)
  })

  it.runIf(isFull)('has each of 24 hours on every local day of 2025 to 2030', { timeout: 1_200_000 }, async () => {
    const real = await openTestDatabase('real')
    const on = real ? openDatabase(real.url) : db
    try {
      const zones = await listZones(on)
      const sum = { days: 0, elsewhere: 0, apart: 0 }
      for (const zone of zones) {
        const { rows } = await sql<{ days: number; elsewhere: number; apart: number }>`
          with picked as (
            select ${zone}::text as zone, date '2025-01-01' + n as day, hour from generate_series(0, 2190) n cross join generate_series(0, 23) hour
          ) ${GRID}`.execute(on)
        sum.days += rows[0]?.days ?? 0
        sum.elsewhere += rows[0]?.elsewhere ?? 0
        sum.apart += rows[0]?.apart ?? 0
      }
      process.stdout.write(
        `${zones.length} zones, ${sum.days} local days and hours, ${sum.elsewhere + sum.apart} exceptions\n`,
      )
      expect(sum).toMatchObject({ days: zones.length * 24 * 2191, elsewhere: 0, apart: 0 })
    } finally {
      if (on !== db) await on.destroy()
      await real?.close()
    }
  })

  it.each([
    ['Pacific/Apia', '2011-12-28', '2011-12-30'],
    ['Pacific/Kwajalein', '1993-08-19', '1993-08-21'],
  ])('goes on in %s over a date that was left out, at every hour', async (zone, from, skipped) => {
    for (const hour of [0, 7, 12, 22, 23]) {
      const at = Date.parse(`${from}T00:00:00Z`)
      const [daily] = await walk([{ cadence: 'daily', weekday: 1, zone, hour, at }], 4)
      const dates = (daily ?? []).map((due) => localDate(zone, due.getTime()))
      expect(new Set(dates).size).toBe(4)
      expect(dates).not.toContain(skipped)
      expect((dates.at(-1) ?? '') > skipped).toBe(true)
      const weekday = new Date(skipped).getUTCDay() || 7
      const [weekly] = await walk([{ cadence: 'weekly', weekday, zone, hour, at }], 2)
      expect(weekly).toHaveLength(2)
    }
  })
})

describe('which edition arrives when, at 07:00, editions frozen at 00:30 UTC', () => {
  const EDITIONS = ['2026-03-09', '2026-03-10', '2026-03-11', '2026-03-12', '2026-03-13']
  const say = sql`to_char(a.at at time zone a.zone, 'Dy DD HH24:MI')`

  const DAYS = [
    [
      'daily',
      'Asia/Tokyo',
      'Mon 09 → Wed 11 07:00, Tue 10 → Thu 12 07:00, Wed 11 → Fri 13 07:00, Thu 12 → Sat 14 07:00, Fri 13 → Sun 15 07:00',
    ],
    [
      'daily',
      'America/Los_Angeles',
      'Mon 09 → Tue 10 07:00, Tue 10 → Wed 11 07:00, Wed 11 → Thu 12 07:00, Thu 12 → Fri 13 07:00, Fri 13 → Sat 14 07:00',
    ],
    [
      'daily',
      'Pacific/Kiritimati',
      'Mon 09 → Wed 11 07:00, Tue 10 → Thu 12 07:00, Wed 11 → Fri 13 07:00, Thu 12 → Sat 14 07:00, Fri 13 → Sun 15 07:00',
    ],
    // Their hour is the cut-off itself.
    [
      'daily',
      'Asia/Yangon',
      'Mon 09 → Tue 10 07:00, Tue 10 → Wed 11 07:00, Wed 11 → Thu 12 07:00, Thu 12 → Fri 13 07:00, Fri 13 → Sat 14 07:00',
    ],
    [
      'working-days',
      'Asia/Tokyo',
      'Mon 09 → Wed 11 07:00, Tue 10 → Thu 12 07:00, Wed 11 → Fri 13 07:00, Thu 12 → Mon 16 07:00 (merged), Fri 13 → Mon 16 07:00',
    ],
    [
      'working-days',
      'America/Los_Angeles',
      'Mon 09 → Tue 10 07:00, Tue 10 → Wed 11 07:00, Wed 11 → Thu 12 07:00, Thu 12 → Fri 13 07:00, Fri 13 → Mon 16 07:00',
    ],
    [
      'working-days',
      'Pacific/Kiritimati',
      'Mon 09 → Wed 11 07:00, Tue 10 → Thu 12 07:00, Wed 11 → Fri 13 07:00, Thu 12 → Mon 16 07:00 (merged), Fri 13 → Mon 16 07:00',
    ],
  ] as const

  it.each(DAYS)('%s in %s', async (cadence, zone, wanted) => {
    const { rows } = await sql<{ table: string }>`
      with e as (select unnest(${EDITIONS}::date[]) as date),
      a as (
        select e.date, r.zone, ${firstHourSql('r', sql`((e.date + 1)::timestamp at time zone 'UTC' + interval '30 minutes')`)} as at
        from e cross join (select ${cadence}::text as cadence, 1 as weekday, 7 as hour, ${zone}::text as zone) r
      )
      select string_agg(to_char(date, 'Dy DD') || ' → ' || ${say} || case when newest then '' else ' (merged)' end, ', ' order by date) as table
      from (select a.*, date = max(date) over (partition by at) as newest from a) a`.execute(db)
    expect(rows[0]?.table).toBe(wanted)
  })

  const WEEKS = [
    ['Asia/Tokyo', 'Mon 16 07:00 ← the week to Sat 14'],
    ['America/Los_Angeles', 'Mon 16 07:00 ← the week to Sun 15'],
    ['Pacific/Kiritimati', 'Mon 16 07:00 ← the week to Sat 14'],
    ['Europe/Paris', 'Mon 16 07:00 ← the week to Sun 15'],
    ['Asia/Yangon', 'Mon 16 07:00 ← the week to Sun 15'],
  ] as const

  it.each(WEEKS)('weekly on Mondays in %s', async (zone, wanted) => {
    const { rows } = await sql<{ table: string }>`
      select ${say} || ' ← the week to ' || to_char(${weekOfSql(sql`a.at`, 30)}, 'Dy DD') as table
      from (select r.zone, ${nextHourSql('r', sql`'2026-03-12T00:00:00Z'::timestamptz`)} as at
        from (select 'weekly' as cadence, 1 as weekday, 7 as hour, ${zone}::text as zone) r) a`.execute(db)
    expect(rows[0]?.table).toBe(wanted)
  })

  it('is at the hour that a clock stands at for six days, and then at the last chosen one', async () => {
    // Their weekday is today, at midnight: chosen since, whatever hour it is.
    const { rows } = await sql<{ kept: boolean; passed: boolean; coming: boolean }>`
      select ${weeklyHourSql('r', sql`near`)} = near as kept, ${weeklyHourSql('r', sql`far`)} = midnight as passed,
        ${weeklyHourSql('r', sql`coming`)} = coming as coming
      from (
        select 'weekly' as cadence, extract(isodow from now at time zone 'UTC')::int as weekday, 0 as hour, 'UTC' as zone,
          now - interval '5 days 23 hours 59 minutes' as near, now - interval '6 days 1 minute' as far,
          now + interval '2 days' as coming, date_trunc('day', now, 'UTC') as midnight
        from (select round_now() as now) clock
      ) r`.execute(db)
    expect(rows).toEqual([{ kept: true, passed: true, coming: true }])
  })

  it('is of the last week that another cut-off has closed', async () => {
    const { rows } = await sql<{ before: string; at: string }>`
      select to_char(${weekOfSql(sql`'2026-03-16T09:59:59Z'::timestamptz`, 600)}, 'Dy DD') as before,
        to_char(${weekOfSql(sql`'2026-03-16T10:00:00Z'::timestamptz`, 600)}, 'Dy DD') as at`.execute(db)
    expect(rows).toEqual([{ before: 'Sat 14', at: 'Sun 15' }])
  })

  it('is the table of docs/calendar.md', () => {
    const page = readFileSync(new URL('../../docs/calendar.md', import.meta.url), 'utf8')
    const shown = page.split('\n').flatMap((line) => {
      const [places, cadence, cells = []] = readRow(line)
      return (places?.split(' and ') ?? []).map((place) => ({
        place,
        cadence,
        cells: cells.slice(0, 5),
        week: cells[5],
      }))
    })
    const wanted = DAYS.map(([cadence, zone, days]) => ({
      place: placeOf(zone),
      cadence: cadence.replace('-', ' '),
      cells: days.split(', ').map((day) => {
        const [, weekday, date, merged] = /→ (\w+) (\d+) 07:00( \(merged\))?/.exec(day) ?? []
        return merged ? `in ${weekday} ${date}'s` : `${weekday} ${date}`
      }),
      week: cadence === 'daily' ? WEEKS.find(([each]) => each === zone)?.[1].split(' ← ')[1] : '',
    }))
    const byName = (one: { place: string; cadence: string | undefined }) => `${one.place} ${one.cadence}`
    const sorted = <T extends Parameters<typeof byName>[0]>(list: T[]) =>
      list.toSorted((a, b) => byName(a).localeCompare(byName(b)))
    expect(sorted(shown)).toEqual(sorted(wanted))
  })

  /** A row `| Tokyo and Kiritimati, daily | … |`; nothing for any other line. */
  function readRow(line: string): [places?: string, cadence?: string, cells?: string[]] {
    const [, places, cadence = '', rest = ''] = /^\| (.+), (daily|working days) \|(.+)\|$/.exec(line) ?? []
    return places === undefined ? [] : [places, cadence, rest.split('|').map((cell) => cell.trim())]
  }

  const placeOf = (zone: string) => zone.split('/')[1]?.replace('_', ' ') ?? zone
})
