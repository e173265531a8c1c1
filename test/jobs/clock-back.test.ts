import { type RawBuilder, sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { getNow } from '../../src/database/clock.ts'
import { cutoffOf, dateOf, shiftDate } from '../../src/edition/edition.ts'
import { ensureEdition, findEdition, listUnfrozenEditions, markState } from '../../src/edition/store.ts'
import { mendClockBack } from '../../src/jobs/clock-back.ts'
import { collect } from '../../src/jobs/collect.ts'
import { planDue } from '../../src/jobs/plan.ts'
import { tick } from '../../src/jobs/tick.ts'
import { listLastLooks } from '../../src/source/store.ts'
import { nextHourSql } from '../../src/subscriber/calendar.ts'
import { keepRound } from '../support/kept-round.ts'
import { addReader, freezeEdition, openListedSource, type TestRound } from '../support/round.ts'

let round: TestRound
keepRound((kept) => {
  round = kept
})

const AHEAD = sql`interval '4 days'`

/** What a clock four days ahead leaves behind: a date given up, one frozen, everybody asked. */
async function runAhead() {
  const today = dateOf(await getNow(round.db))
  const tomorrow = shiftDate(today, 1)
  const hour = new Date().getUTCHours()
  const reader = await addReader(round.db, 'own', { hour: (hour + 12) % 24 })
  const member = await addReader(round.db, 'member', { hour })
  await sql`update reader_clocks set next_due_at = now() where subscriber_id = ${member.id}`.execute(round.db)
  await planDue(round)
  const { id } = await ensureEdition(round.db, { date: tomorrow, kind: 'daily', cutoffAt: cutoffOf(tomorrow, 30) })
  await collect({ ...round, source: openListedSource({}) }, tomorrow)
  await markState(round.db, id, { state: 'empty', reason: 'source' })
  const frozen = await freezeEdition(round, shiftDate(today, -1))
  for (const [table, column] of [
    ['ticks', 'at'],
    ['collections', 'collected_at'],
    ['editions', 'frozen_at'],
    ['reader_clocks', 'next_due_at'],
    ['reader_clocks', 'waiting_since'],
    ['shared_clocks', 'next_due_at'],
    ['shared_clocks', 'waiting_since'],
  ] as const) {
    await sql`update ${sql.table(table)} set ${sql.ref(column)} = ${sql.ref(column)} + ${AHEAD}`.execute(round.db)
  }
  return { tomorrow, frozen, reader, member }
}

/** Tells of each reader whether they are asked at their next hour. */
async function areAskedNext(hours: RawBuilder<unknown>) {
  const { rows } = await sql<{ is: boolean | null }>`
    select k.next_due_at = ${nextHourSql('s', sql`now()`)} as is from ${hours} k join subscribers s on true
    where s.hour = k.hour`.execute(round.db)
  return rows.map(({ is }) => is)
}

describe('mendClockBack', () => {
  it('takes back what lies ahead of a clock that was set back', async () => {
    await sql`insert into ticks (name) values ('tick')`.execute(round.db)
    const { tomorrow, frozen } = await runAhead()
    await mendClockBack(round)
    await tick(round)
    expect((await listUnfrozenEditions(round.db)).map(({ date }) => date)).toContain(tomorrow)
    const now = await getNow(round.db)
    expect((await listLastLooks(round.db, [tomorrow])).get(tomorrow)?.getTime()).toBeLessThanOrEqual(now.getTime())
    expect((await findEdition(round.db, frozen.date, 'daily'))?.frozenAt?.getTime()).toBeLessThanOrEqual(now.getTime())
    const own = sql`(select c.next_due_at, s.hour from reader_clocks c join subscribers s on s.id = c.subscriber_id
      where c.next_due_at is not null)`
    expect(await areAskedNext(own)).toEqual([true])
    expect(await areAskedNext(sql`shared_clocks`)).toEqual([true])
    // What froze meanwhile waits for everybody.
    const { rows } = await sql`
      select from reader_clocks c left join shared_clocks k on k.id = c.shared_clock_id
      where greatest(c.waiting_since, k.waiting_since) >= (select frozen_at from editions where id = ${frozen.id})`.execute(
      round.db,
    )
    expect(rows).toEqual([])
  })

  it('touches nothing by a clock that goes on, whatever lies ahead', async () => {
    await sql`insert into ticks (name) values ('tick')`.execute(round.db)
    const { tomorrow, frozen } = await runAhead()
    await sql`update ticks set at = now() + interval '1 minute'`.execute(round.db)
    await mendClockBack(round)
    expect(await findEdition(round.db, tomorrow, 'daily')).toMatchObject({ state: 'empty', reason: 'source' })
    expect((await findEdition(round.db, frozen.date, 'daily'))?.frozenAt).not.toEqual(frozen.frozenAt)
  })
})
