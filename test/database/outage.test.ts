import { type Kysely, sql } from 'kysely'
import type pg from 'pg'
import { describe, expect, it, vi } from 'vitest'
import { openHandles } from '../../src/database/client.ts'
import { openOutage } from '../../src/database/outage.ts'
import { limitPages } from '../../src/database/page-limits.ts'
import { BusyError, unavailabilityOf } from '../../src/database/unavailable.ts'
import { watchPool } from '../../src/database/watched-pool.ts'
import { openTemporaryPostgres, realPostgresUrl } from '../support/stores.ts'

function openTold() {
  const clock = { now: 0 }
  return { clock, outage: openOutage(() => clock.now) }
}

describe('an outage', () => {
  it('is followed by ten seconds without a mark', () => {
    const { clock, outage } = openTold()
    outage.lost()
    clock.now = 400
    outage.lost()
    expect(outage.awayMs()).toBe(400)
    clock.now = 1_001
    outage.answered()
    expect([outage.awayMs(), outage.settlingMs()]).toEqual([null, 10_000])
    clock.now = 11_000
    expect(outage.settlingMs()).toBe(1)
    clock.now = 20_000
    expect(outage.settlingMs()).toBe(0)
  })

  it('may have been before this process', () => {
    const { clock, outage } = openTold()
    outage.settle(4_000)
    outage.settle(1_000)
    clock.now = 1_000
    expect(outage.settlingMs()).toBe(3_000)
  })

  it('of a second or less is none', () => {
    const { clock, outage } = openTold()
    outage.answered()
    outage.lost()
    clock.now = 1_000
    outage.answered()
    expect(outage.settlingMs()).toBe(0)
  })
})

describe('what PostgreSQL says', () => {
  it.each([
    ['away', { code: 'ECONNREFUSED' }],
    ['away', { code: '57P01' }],
    ['away', { code: '08006' }],
    ['away', { code: '25006' }],
    ['away', { code: '53100' }],
    ['busy', { code: '55P03' }],
    ['busy', { code: '57014' }],
    [undefined, { code: '23505' }],
  ])('%s: %j', (expected, fields) => {
    expect(unavailabilityOf(Object.assign(new Error('no'), fields))).toBe(expected)
    expect(unavailabilityOf(new Error('behind it', { cause: Object.assign(new Error('no'), fields) }))).toBe(expected)
  })

  it('is read from a driver without codes, and from our own pool', () => {
    expect(unavailabilityOf(new Error('Connection terminated unexpectedly'))).toBe('away')
    expect(unavailabilityOf(new BusyError())).toBe('busy')
    expect(unavailabilityOf('ECONNREFUSED')).toBeUndefined()
  })

  it('is noted where nothing listens', async () => {
    const { db, outage } = openHandles('postgres://nobody@127.0.0.1:1/none')
    expect(unavailabilityOf(await ask(db).catch((error: unknown) => error))).toBe('away')
    expect(outage.awayMs()).not.toBeNull()
    await db.destroy()
  })
})

describe('a connection that does not come', () => {
  /** Lends so many, and then lets everybody wait in vain, as the driver does. */
  function openPool(lent: number, totalCount: number) {
    let left = lent
    const late = () =>
      new Promise((_, reject) => {
        setTimeout(() => reject(new Error('timeout exceeded when trying to connect')), 10_000)
      })
    const connect = () => (left-- > 0 ? Promise.resolve({}) : late())
    return { totalCount, connect } as unknown as pg.Pool
  }

  it.each([
    ['busy', 2, 2],
    // The other one is on its way, or being closed.
    ['busy', 1, 2],
    ['away', 1, 1],
    ['away', 0, 2],
  ])('is told as %s where %d of %d are lent, of 2 at most', async (expected, lent, open) => {
    vi.useFakeTimers()
    try {
      const { outage } = openTold()
      const pool = watchPool(openPool(lent, open), 2, outage)
      for (let index = 0; index < lent; index++) await pool.connect()
      const asked = [pool, limitPages(pool)].map((each) => each.connect().catch(unavailabilityOf))
      await vi.advanceTimersByTimeAsync(10_000)
      expect(await Promise.all(asked)).toEqual([expected, expected])
      expect(outage.awayMs()).toBe(expected === 'busy' ? null : 0)
    } finally {
      vi.useRealTimers()
    }
  })
})

describe.skipIf((await realPostgresUrl()) === undefined)('a server that dies', () => {
  it('is noted when it goes and when it is back', { tags: 'long' }, async () => {
    const server = await openTemporaryPostgres()
    if (!server) return
    const { db, outage } = openHandles(server.url)
    try {
      await ask(db)
      expect(outage.awayMs()).toBeNull()
      await server.kill('SIGKILL')
      while (outage.awayMs() === null) await ask(db).catch(() => {})
      while ((outage.awayMs() ?? 0) < 1_050) await new Promise((resolve) => setTimeout(resolve, 50))
      await server.restart()
      await ask(db)
      expect(outage.settlingMs()).toBeGreaterThan(9_000)
    } finally {
      await db.destroy()
      await server.close()
    }
  })
})

/** The server holds no tables: anything that it can answer will do. */
function ask<T>(db: Kysely<T>): Promise<unknown> {
  return sql<{ one: number }>`select 1 as one`.execute(db)
}
