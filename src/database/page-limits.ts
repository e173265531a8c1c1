// How long a page waits. Somebody sits before it: each statement, a read too, is in a transaction
// whose first message carries BEGIN and its time limits. They end with the transaction and are
// nothing that a session keeps, so a pooler may hand each transaction to another session.
import { LateError, within } from '../time.ts'
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
const BEGIN = /^(begin|start transaction)\b/i
const END = /^(commit|rollback)$/i
const READ = /^\s*select\b(?!.*\bfor (no key )?(update|share)\b)/is

/** Lends the connections of `pool` with a page's limits. Ending the pool is for who opened it. */
export function limitPages(pool: ConnectionPool): ConnectionPool {
  const limited = new WeakMap<Connection, Connection>()
  return {
    async connect() {
      const connecting = pool.connect()
      try {
        const connection = await within(CONNECT_MS, 'connecting to PostgreSQL', connecting)
        const known = limited.get(connection) ?? limit(connection)
        limited.set(connection, known)
        return known
      } catch (error) {
        // One that comes too late goes back at once.
        connecting.then((late) => late.release()).catch(() => {})
        throw error instanceof LateError && pool.isCrowded() ? new BusyError() : error
      }
    },
    isCrowded: pool.isCrowded,
    async end() {},
  }
}

function limit(connection: Connection): Connection {
  let isOpen = false
  let isBroken = false
  const ask: Connection['query'] = async (text, values) => {
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
  }
  const askAlone: Connection['query'] = async (text, values) => {
    await ask(`begin; ${READ.test(text) ? READ_LIMITS : LIMITS}`, [])
    try {
      const result = await ask(text, values)
      await ask('commit', [])
      return result
    } catch (error) {
      await ask('rollback', []).catch(() => {
        isBroken = true
      })
      throw error
    }
  }
  return {
    async query(text, values) {
      if (BEGIN.test(text)) {
        isOpen = true
        return ask(`${text}; ${LIMITS}`, [])
      }
      if (END.test(text)) isOpen = false
      return isOpen || END.test(text) ? ask(text, values) : askAlone(text, values)
    },
    release(destroy) {
      isOpen = false
      connection.release(destroy || isBroken)
    },
  }
}
