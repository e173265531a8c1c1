// How long a command that only looks waits for a table. Somebody sits before it, and is better told
// who keeps the table than kept waiting.
import { lendLimited, limitTransactions } from './transaction-limits.ts'
import type { ConnectionPool } from './watched-pool.ts'

/** Whatever takes a table alone in the course of a round takes it for less. */
export const TABLE_WAIT_MS = 3_000

/** Lends the connections of `pool` with the limit. Ending the pool is for who opened it. */
export function limitLooks(pool: ConnectionPool): ConnectionPool {
  return lendLimited(pool, (connection) =>
    limitTransactions(connection, () => `set local lock_timeout = ${TABLE_WAIT_MS}`),
  )
}
