import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openOutage } from '../../../src/database/outage.ts'
import { settleAtStart } from '../../../src/delivery/sending/after-outage.ts'
import { markAlive } from '../../../src/delivery/sending/heartbeats.ts'
import { moveClock } from '../../support/clock.ts'
import { openTestRound, type TestRound } from '../../support/round.ts'
import { describeStores } from '../../support/stores.ts'

describeStores('a start', (stores) => {
  let round: TestRound
  beforeEach(async () => {
    round = await openTestRound(stores.databaseUrl)
    // Whenever the server itself came up, here it is a day ago.
    await moveClock(stores.databaseUrl, '1 day')
  })
  afterEach(() => round.close())

  const settling = async () => {
    const outage = openOutage(() => 0)
    await settleAtStart(round.db, outage)
    return outage.settlingMs()
  }
  const tickAgo = (interval: string) =>
    sql`insert into ticks (name, at) values ('tick', round_clock() - ${interval}::interval) on conflict (name) do update set at = excluded.at`.execute(
      round.db,
    )

  it('marks at once while schedulers tick, and where none has ever', async () => {
    expect(await settling()).toBe(0)
    await tickAgo('80 seconds')
    expect(await settling()).toBe(0)
  })

  it('lets the wishes of every host come first after a longer silence', async () => {
    await tickAgo('100 seconds')
    expect(await settling()).toBe(10_000)
  })

  it('does so while a process is not heard that should be, and not while all are', async () => {
    await tickAgo('30 seconds')
    await markAlive(round.db, { id: randomUUID(), roles: ['worker'], host: 'here', settings: {} })
    expect(await settling()).toBe(0)
    await sql`update heartbeats set beat_at = beat_at - interval '8 seconds'`.execute(round.db)
    expect(await settling()).toBe(10_000)
  })

  it('does so for what is left of ten seconds since PostgreSQL came up', async () => {
    const { rows } = await sql<{ up: number }>`
      select extract(epoch from clock_timestamp() - pg_postmaster_start_time())::float8 as up`.execute(round.db)
    await moveClock(stores.databaseUrl, `${-Math.floor(rows[0]?.up ?? 0)} seconds`)
    const left = await settling()
    expect(left).toBeGreaterThan(0)
    expect(left).toBeLessThanOrEqual(10_000)
  })
})
