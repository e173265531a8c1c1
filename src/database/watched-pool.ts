// The driver's pool as Kysely takes it, watched: each answer and each failure to answer is noted.
import type { PostgresPool, PostgresPoolClient, PostgresQueryResult } from 'kysely'
import type pg from 'pg'
import type { Outage } from './outage.ts'
import { BusyError, unavailabilityOf } from './unavailable.ts'

/** What both handles on a pool need of a connection: no cursors. */
export interface Connection {
  query(text: string, values: readonly unknown[]): Promise<PostgresQueryResult<unknown>>
  release(destroy?: boolean): void
}

export interface ConnectionPool {
  connect(): Promise<Connection>
  end(): Promise<void>
}

/** Watches `pool`, which opens at most `max` connections. */
export function watchPool(pool: pg.Pool, max: number, outage: Outage): ConnectionPool {
  let lent = 0
  const note = (error: unknown) => {
    if (unavailabilityOf(error) === 'away') outage.lost()
  }
  const watch = (client: pg.PoolClient): Connection => ({
    async query(text, values) {
      try {
        const result = await client.query(text, [...values])
        outage.answered()
        return result as PostgresQueryResult<unknown>
      } catch (error) {
        note(error)
        throw error
      }
    },
    release(destroy) {
      lent--
      client.release(destroy)
    },
  })
  // The same object each time: Kysely keeps what it knows of a connection by it.
  const watched = new WeakMap<pg.PoolClient, Connection>()
  return {
    async connect() {
      try {
        const client = await pool.connect()
        lent++
        const known = watched.get(client) ?? watch(client)
        watched.set(client, known)
        return known
      } catch (error) {
        // All are lent out: PostgreSQL has nothing to do with it.
        if (lent >= max) throw new BusyError('every connection is in use')
        note(error)
        throw error
      }
    },
    end: () => pool.end(),
  }
}

/** The pool in the shape that Kysely's dialect names. */
export function toKysely(pool: ConnectionPool): PostgresPool {
  return {
    connect: async () => (await pool.connect()) as unknown as PostgresPoolClient,
    end: () => pool.end(),
  }
}
