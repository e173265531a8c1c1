// @module-tag long
import { sql } from 'kysely'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { findTheirWeek, listDays } from '../../src/delivery/account/history.ts'
import { shiftDate } from '../../src/edition/edition.ts'
import { planDue } from '../../src/jobs/plan.ts'
import { type Change, markChanged } from '../../src/subscriber/change.ts'
import type { Rhythm } from '../../src/subscriber/preferences.ts'
import { findSubscriberById, listWantedWeeks } from '../../src/subscriber/store.ts'
import { keepClock } from '../support/clock.ts'
import { keepRound } from '../support/kept-round.ts'
import { asOwner } from '../support/program-user.ts'
import { addReader, freezeEdition, inventPlaces, type TestRound } from '../support/round.ts'
import { query } from '../support/servers.ts'

const START = '2026-03-08T12:00:00Z'
/** Every hour at which somebody here is due, and noon, by UTC. */
const HOURS = ['08', '10', '12', '18', '19']

let round: TestRound
keepRound((kept) => {
  round = kept
})
beforeAll(() => keepClock(round.databaseUrl, START))
beforeEach(() => setClock(START))

const setClock = (at: string) => query(asOwner(round.databaseUrl), `update test_clock set at = '${at}'`)

async function addWeekly(rhythm: Partial<Rhythm>): Promise<number> {
  const { id } = await addReader(round.db, 'weekly', { cadence: 'weekly', ...rhythm, choices: { papers: 50 } })
  await sql`update reader_clocks set waiting_since = round_now() - interval '1 day'`.execute(round.db)
  await sql`update subscribers set created_at = round_now(), changed_at = round_now()`.execute(round.db)
  return id
}

const change = (id: number, given: Change) =>
  round.db.transaction().execute((trx) => markChanged(trx, id, given, round))

/** Lets days pass, as the tick would, with a change at its moment: what it tells. */
async function live(id: number, at: string, given: Change, until = '2026-03-25'): Promise<string | null | undefined> {
  let extra: string | null | undefined
  const moments: string[] = []
  for (let date = '2026-03-08'; date <= until; date = shiftDate(date, 1)) {
    moments.push(...HOURS.map((hour) => `${date}T${hour}:00:00Z`).filter((moment) => moment >= START))
  }
  for (const moment of moments) {
    await setClock(moment)
    if (moment === at) extra = (await change(id, given))?.extra
    for (const week of await listWantedWeeks(round.db, round.cutoffMinutes)) {
      const places = [0, 1, 2, 3, 4, 5, 6].flatMap((days) => inventPlaces(shiftDate(week, -days), 2))
      await freezeEdition(round, week, {
        kind: 'weekly',
        places: places.map((place, index) => ({ ...place, position: index + 1 })),
      })
      await sql`update editions set frozen_at = round_now() where date = ${week}::date and kind = 'weekly'`.execute(
        round.db,
      )
    }
    while ((await planDue(round)) > 0) {}
    await sql`update deliveries set state = 'submitted' where state = 'planned'`.execute(round.db)
  }
  return extra
}

/** What came on which local day: the week's last date, and how many days were new to the reader. */
async function listGot(id: number): Promise<string[]> {
  const { rows } = await sql<{ day: string; week: string; papers: number }>`
    select to_char(d.local_date, 'Dy DD') as day, to_char(e.date, 'DD') as week, cardinality(s.papers) as papers
    from deliveries d join editions e on e.id = d.edition_id
    join selections s on s.edition_id = d.edition_id and s.id = d.selection_id
    where d.subscriber_id = ${id} and d.state = 'submitted' order by e.date`.execute(round.db)
  return rows.map(({ day, week, papers }) => `${day}: to ${week}, ${papers / 2} days`)
}

describe('a weekly reader who moves their digest', () => {
  it.each([
    [
      'to an earlier hour on the day itself: at the hour that was planned',
      { weekday: 1, hour: 18 },
      '2026-03-16T12:00:00Z',
      { hour: 7 },
      '2026-03-16 18:00',
      ['Mon 09: to 08, 7 days', 'Mon 16: to 15, 7 days', 'Mon 23: to 22, 7 days'],
    ],
    [
      'to the weekday that it is: on the day that was planned',
      { weekday: 2, hour: 8 },
      '2026-03-16T12:00:00Z',
      { weekday: 1 },
      '2026-03-17 08:00',
      ['Tue 10: to 09, 7 days', 'Tue 17: to 16, 7 days', 'Mon 23: to 22, 6 days'],
    ],
    [
      'to a weekday of the week after, and another hour: on the day that was planned, at the new hour',
      { weekday: 5, hour: 8 },
      '2026-03-19T12:00:00Z',
      { weekday: 3, hour: 10 },
      '2026-03-20 10:00',
      ['Fri 13: to 12, 7 days', 'Fri 20: to 19, 7 days', 'Wed 25: to 24, 5 days'],
    ],
    [
      'to a day later: both',
      { weekday: 1, hour: 8 },
      '2026-03-11T12:00:00Z',
      { weekday: 2 },
      '2026-03-16 08:00',
      ['Mon 09: to 08, 7 days', 'Mon 16: to 15, 7 days', 'Tue 17: to 16, 1 days', 'Tue 24: to 23, 7 days'],
    ],
    [
      'across the date line: both where a cut-off lies between',
      { weekday: 1, hour: 8, zone: 'Pacific/Kiritimati' },
      '2026-03-11T12:00:00Z',
      { zone: 'Pacific/Pago_Pago' },
      '2026-03-15 08:00',
      ['Mon 09: to 07, 7 days', 'Sun 15: to 14, 7 days', 'Mon 16: to 15, 1 days', 'Mon 23: to 22, 7 days'],
    ],
    [
      'to a day before: earlier from then on',
      { weekday: 5, hour: 8 },
      '2026-03-14T12:00:00Z',
      { weekday: 2 },
      null,
      ['Fri 13: to 12, 7 days', 'Tue 17: to 16, 4 days', 'Tue 24: to 23, 7 days'],
    ],
    [
      'to a later hour of the same day: then',
      { weekday: 1, hour: 8 },
      '2026-03-11T12:00:00Z',
      { hour: 10 },
      null,
      ['Mon 09: to 08, 7 days', 'Mon 16: to 15, 7 days', 'Mon 23: to 22, 7 days'],
    ],
  ] as const)('%s', async (_, rhythm, at, given, extra, wanted) => {
    const id = await addWeekly(rhythm)
    const told = await live(id, at, given)
    expect((await listGot(id)).slice(0, wanted.length)).toEqual(wanted)
    // The days tell of nothing but what came.
    const who = await findSubscriberById(round.db, id)
    if (!who) throw new Error('the reader is gone')
    const { cutoffMinutes, topics } = round
    const days = await listDays(round.db, who, { days: 18, cutoffMinutes, topics })
    expect(days.filter(({ outcome }) => outcome.kind === 'silence')).toEqual([])
    expect(told).toBe(extra)
  })

  it('says when the one between comes, and makes no other of it by another change of mind', async () => {
    await setClock('2026-03-11T12:00:00Z')
    const id = await addWeekly({ weekday: 1, hour: 8 })
    await sql`update reader_clocks set waiting_since = '2026-03-09T08:00:00Z'`.execute(round.db)
    const next = async () => (await findSubscriberById(round.db, id))?.nextDueAt?.toISOString()
    expect(await change(id, { weekday: 2 })).toMatchObject({ extra: '2026-03-16 08:00' })
    expect(await next()).toBe('2026-03-16T08:00:00.000Z')
    expect(await change(id, { weekday: 1 })).toMatchObject({ extra: null })
    expect(await change(id, { weekday: 3, hour: 10 })).toMatchObject({ extra: '2026-03-16 10:00' })
    expect(await change(id, { weekday: 2 })).toMatchObject({ extra: '2026-03-16 10:00' })
    expect(await next()).toBe('2026-03-16T10:00:00.000Z')
    expect(await change(id, { cadence: 'daily' })).toMatchObject({ extra: null })
    expect(await next()).toBe('2026-03-12T10:00:00.000Z')
  })

  it('is told the week of that digest, and which one was theirs where an older one was lost', async () => {
    const id = await addWeekly({ weekday: 5, hour: 8 })
    await live(id, '2026-03-19T12:00:00Z', { weekday: 3 }, '2026-03-20')
    await setClock('2026-03-20T12:00:00Z')
    expect(await findTheirWeek(round.db, id, round.cutoffMinutes)).toBe('2026-03-19')
    // As if it had never come.
    await sql`delete from deliveries d using editions e where e.id = d.edition_id and e.date = '2026-03-19'`.execute(
      round.db,
    )
    await freezeEdition(round, '2026-03-17', { kind: 'weekly' })
    await sql`update editions set frozen_at = '2026-03-18T00:31:00Z' where date = '2026-03-17'`.execute(round.db)
    const who = await findSubscriberById(round.db, id)
    if (!who) throw new Error('the reader is gone')
    const { cutoffMinutes, topics } = round
    const days = await listDays(round.db, who, { days: 7, cutoffMinutes, topics })
    expect(days.find(({ date }) => date === '2026-03-17')?.outcome).toMatchObject({
      reason: 'moved',
      sentence: 'You moved your weekly digest since: yours was the week to Thursday 12 March 2026.',
    })
  })
})
