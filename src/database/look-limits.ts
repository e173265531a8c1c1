// How long a command that only looks waits for a table. Somebody sits before it, and is better told
// who keeps the table than kept waiting. As in page-limits.ts the limit is in the message of BEGIN
// and ends with the transaction, so that a pooler may hand each to another session.
import type { Connection, ConnectionPool } from './watched-pool.ts'

/** Whatever takes a table alone in the course of a round takes it for less. */
export const TABLE_WAIT_MS = 3_000

const LIMIT = `set local lock_timeout = ${TABLE_WAIT_MS}`
const BEGIN = /^(begin|start transaction)\b/i
const END = /^(commit|rollback)$/i

/** Lends the connections of `pool` with the limit. Ending the pool is for who opened it. */
export function limitLooks(pool: ConnectionPool): ConnectionPool {
  const limited = new WeakMap<Connection, Connection>()
  return {
    async connect() {
      const connection = await pool.connect()
      const known = limited.get(connection) ?? limit(connection)
      limited.set(connection, known)
      return known
    },
    isCrowded: pool.isCrowded,
    async end() {},
  }
}

function limit(connection: Connection): Connection {
  let isOpen = false
  return {
    async query(text, values) {
      if (BEGIN.test(text)) {
        isOpen = true
        return connection.query(`${text}; ${LIMIT}`, [])
      }
      if (END.test(text)) isOpen = false
      if (isOpen || END.test(text)) return connection.query(text, values)
      await connection.query(`begin; ${LIMIT}`, [])
      try {
        return await connection.query(text, values)
      } finally {
        // Of what failed it keeps nothing.
        await connection.query('commit', [])
      }
    },
    release(destroy) {
      isOpen = false
      connection.release(destroy)
    },
  }
}
