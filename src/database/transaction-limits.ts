// Time limits that no session keeps: they are in the message of BEGIN and end with the transaction,
// so that a pooler may hand each transaction to another session. A statement alone is one.
import type { Connection, ConnectionPool } from './watched-pool.ts'

const BEGIN = /^(begin|start transaction)\b/i
const END = /^(commit|rollback)$/i

/**
 * Lends the connections that `connect` takes from `pool`, each as `limit` limits it, always as the
 * same one. Ending the pool is for who opened it.
 */
export function lendLimited(
  pool: ConnectionPool,
  limit: (connection: Connection) => Connection,
  connect = pool.connect,
): ConnectionPool {
  const limited = new WeakMap<Connection, Connection>()
  return {
    async connect() {
      const connection = await connect()
      const known = limited.get(connection) ?? limit(connection)
      limited.set(connection, known)
      return known
    },
    isCrowded: pool.isCrowded,
    async end() {},
  }
}

/** Sets limits (`set local …`) in every transaction: those for BEGIN, or for a statement alone. */
export function limitTransactions(connection: Connection, limitsFor: (text: string) => string): Connection {
  let isOpen = false
  let isBroken = false
  async function askAlone(...[text, values]: Parameters<Connection['query']>): ReturnType<Connection['query']> {
    await connection.query(`begin; ${limitsFor(text)}`, [])
    try {
      const result = await connection.query(text, values)
      await connection.query('commit', [])
      return result
    } catch (error) {
      await connection.query('rollback', []).catch(() => {
        isBroken = true
      })
      throw error
    }
  }
  return {
    async query(text, values) {
      if (BEGIN.test(text)) {
        isOpen = true
        return connection.query(`${text}; ${limitsFor(text)}`, [])
      }
      if (END.test(text)) isOpen = false
      return isOpen || END.test(text) ? connection.query(text, values) : askAlone(text, values)
    },
    release(destroy) {
      isOpen = false
      connection.release(destroy || isBroken)
    },
  }
}
