// How long a page waits, for a read too: somebody sits before it.
import { LateError, within } from '../time.ts'
import { lendLimited, limitTransactions } from './transaction-limits.ts'
import { BusyError } from './unavailable.ts'
import type { Connection, ConnectionPool } from './watched-pool.ts'

/**
 * Whoever holds a reader's row for longer is planning or stuck, and whoever holds a table is an
 * operator: better told than kept waiting.
 */
const ROW_WAIT_MS = 1_000
/** Far above any write of a page. */
const STATEMENT_MS = 5_000
/** A process that stops between two statements lets go of the reader by then. */
const IDLE_MS = 10_000
const CONNECT_MS = 3_000
/** The network's part on top; a search of everything may take a while. */
const ANSWER_MS = 15_000

const READ_LIMITS = `set local lock_timeout = ${ROW_WAIT_MS}; set local idle_in_transaction_session_timeout = ${IDLE_MS}`
const LIMITS = `${READ_LIMITS}; set local statement_timeout = ${STATEMENT_MS}`
const READ = /^\s*select\b(?!.*\bfor (no key )?(update|share)\b)/is

/** Lends the connections of `pool` with a page's limits. Ending the pool is for who opened it. */
export function limitPages(pool: ConnectionPool): ConnectionPool {
  const limit = (connection: Connection) =>
    limitTransactions(answering(connection), (text) => (READ.test(text) ? READ_LIMITS : LIMITS))
  return lendLimited(pool, limit, async () => {
    const connecting = pool.connect()
    try {
      return await within(CONNECT_MS, 'connecting to PostgreSQL', connecting)
    } catch (error) {
      // One that comes too late goes back at once.
      connecting.then((late) => late.release()).catch(() => {})
      throw error instanceof LateError && pool.isCrowded() ? new BusyError() : error
    }
  })
}

/** Waits for no answer longer than a page does. */
function answering(connection: Connection): Connection {
  let isBroken = false
  return {
    async query(text, values) {
      const asking = connection.query(text, values)
      try {
        return await within(ANSWER_MS, 'an answer of PostgreSQL', asking)
      } catch (error) {
        // Its answer may still come: nobody else may take it for theirs.
        if (error instanceof LateError) {
          isBroken = true
          asking.catch(() => {})
        }
        throw error
      }
    },
    release(destroy) {
      connection.release(destroy || isBroken)
    },
  }
}
