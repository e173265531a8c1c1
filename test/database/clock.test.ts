import { type Kysely, sql } from 'kysely'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { openDatabase } from '../../src/database/client.ts'
import { followClock, getNow, inMs } from '../../src/database/clock.ts'
import type { Database } from '../../src/database/schema.ts'
import { moveClock, stopClock } from '../support/clock.ts'
import { describeStores } from '../support/stores.ts'

describeStores('The clock', (stores) => {
  let db: Kysely<Database>

  beforeEach(() => {
    db = openDatabase(stores.databaseUrl)
  })

  afterEach(() => db.destroy())

  it("is PostgreSQL's own, and planned as that one", async () => {
    const { rows } = await sql<{ begun: boolean; runs: boolean }>`
      select round_now() = now() as begun, round_clock() between now() and clock_timestamp() as runs`.execute(db)
    expect(rows).toEqual([{ begun: true, runs: true }])
    // Inlined: nothing is left of the functions.
    const own = await sql<{ 'QUERY PLAN': string }>`
      explain select subscriber_id from reader_clocks where next_due_at <= round_now() limit 1`.execute(db)
    const theirs = await sql<{ 'QUERY PLAN': string }>`
      explain select subscriber_id from reader_clocks where next_due_at <= now() limit 1`.execute(db)
    expect(own.rows).toEqual(theirs.rows)
  })

  it('gives every column its first value', async () => {
    const { rows } = await sql<{ initial: string }>`
      select adrelid::regclass || ' ' || pg_get_expr(adbin, adrelid) as initial from pg_attrdef
      where pg_get_expr(adbin, adrelid) ~ 'now|clock|CURRENT' and adrelid::regclass::text !~ 'bullmq'`.execute(db)
    expect(rows.length).toBeGreaterThan(15)
    expect(rows.filter(({ initial }) => !/round_(now|clock)\(\)/.test(initial))).toEqual([])
  })

  it('is set by a test, for what reads it and for what begins by it', async () => {
    await stopClock(stores.databaseUrl, '2031-02-03 04:05:06Z')
    expect(await getNow(db)).toEqual(new Date('2031-02-03T04:05:06Z'))
    const { rows } = await sql<{ at: Date }>`select ${inMs(1500)} as at`.execute(db)
    expect(rows).toEqual([{ at: new Date('2031-02-03T04:05:07.500Z') }])
    const kept = await db.insertInto('ticks').values({ name: 'tick' }).returning('at').executeTakeFirstOrThrow()
    expect(kept.at).toEqual(new Date('2031-02-03T04:05:06Z'))

    await moveClock(stores.databaseUrl, '1 year')
    const ahead = (await getNow(db)).getTime() - Date.now()
    expect(ahead).toBeGreaterThan(364 * 24 * 3_600_000)
  })

  it('is followed soon when it is put right', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    const clock = await followClock(db)
    const aheadMs = () => clock.now().getTime() - Date.now()
    try {
      await moveClock(stores.databaseUrl, '3 years')
      const before = aheadMs()
      // As often as it takes: a busy machine may answer too late to tell the time by.
      await vi.waitFor(
        () => {
          vi.advanceTimersByTime(10_000)
          expect(aheadMs() - before).toBeGreaterThan(364 * 24 * 3_600_000)
        },
        { interval: 500, timeout: 10_000 },
      )
    } finally {
      clock.close()
      vi.useRealTimers()
    }
  }, 15_000)
})
