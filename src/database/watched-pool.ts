// The driver's pool as Kysely takes it, watched: each answer and each failure to answer is noted.
// What is prepared is asked by its name. A transaction says with its BEGIN how long it may do
// nothing: a process that was stopped in the middle of one holds everybody's locks.
import type { PostgresPool, PostgresPoolClient, PostgresQueryResult } from 'kysely'
import type pg from 'pg'
import { damagedError } from './embedded/damage.ts'
import type { Outage } from './outage.ts'
import type { Names } from './prepared.ts'
import { BusyError, unavailabilityOf } from './unavailable.ts'

/** What both handles on a pool need of a connection: no cursors. */
export interface Connection {
  query(text: string, values: readonly unknown[]): Promise<PostgresQueryResult<unknown>>
  release(destroy?: boolean): void
}

export interface ConnectionPool {
  connect(): Promise<Connection>
  /** Whether what is late only waits for its turn: PostgreSQL has nothing to do with it. */
  isCrowded(): boolean
  end(): Promise<void>
}

const BEGIN = /^(begin|start transaction)\b[^;]*/i
/** As long as the embedded database, which has its own way to it (turns.ts), lets one wait. */
const IDLE_IN_TRANSACTION_MS = 30_000
const IDLE_LIMIT = `set local idle_in_transaction_session_timeout = ${IDLE_IN_TRANSACTION_MS}`
const END = /^(commit|rollback)$/i

/**
 * Watches `pool`, which opens at most `max` connections. Without `names`, nothing is asked by a
 * name.
 */
export function watchPool(pool: pg.Pool, max: number, outage: Outage, names?: Names): ConnectionPool {
  let lent = 0
  const note = (error: unknown) => {
    if (unavailabilityOf(error) === 'away') outage.lost()
  }
  const watch = (client: pg.PoolClient): Connection => {
    let isOpen = false
    async function ask(text: string, values: readonly unknown[]): Promise<pg.QueryResult> {
      if (BEGIN.test(text)) {
        isOpen = true
        // First, so that a shorter limit behind it counts.
        return client.query(text.replace(BEGIN, `$&; ${IDLE_LIMIT}`))
      }
      if (END.test(text)) isOpen = false
      const name = names?.nameOf(text)
      if (name === undefined) return client.query(text, [...values])
      try {
        return await client.query({ name, text, values: [...values] })
      } catch (error) {
        // An open transaction is lost with the statement: whoever began it begins anew.
        if (!names?.renounced(text, error) || isOpen) throw error
        return ask(text, values)
      }
    }
    return {
      async query(text, values) {
        try {
          const result = await ask(text, values)
          outage.answered()
          return result as PostgresQueryResult<unknown>
        } catch (error) {
          note(error)
          throw damagedError(error) ?? error
        }
      },
      release(destroy) {
        isOpen = false
        lent--
        client.release(destroy)
      },
    }
  }
  // Some have come and none may be added. Where none has, all of them may wait for PostgreSQL.
  const isCrowded = () => lent > 0 && pool.totalCount >= max
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
        if (isCrowded()) throw new BusyError()
        note(error)
        throw error
      }
    },
    isCrowded,
    end: () => pool.end(),
  }
}

/** The pool in the shape that Kysely's dialect names. */
export function toKysely(pool: Pick<ConnectionPool, 'connect' | 'end'>): PostgresPool {
  return {
    connect: async () => (await pool.connect()) as unknown as PostgresPoolClient,
    end: () => pool.end(),
  }
}
