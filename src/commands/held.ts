// Says who keeps a table from a command that only looks, and what to do about it.
import type { Kysely } from 'kysely'
import { findHolders, type Holder, isKept, type Session } from '../database/holders.ts'
import { TABLE_WAIT_MS } from '../database/look-limits.ts'
import type { Database } from '../database/schema.ts'
import { momentInWords } from './accounts.ts'

export interface Held {
  says: string
  remedy: string
}

/** Of a statement, enough to know it again. */
const STATEMENT_CHARACTERS = 60

/**
 * Returns who keeps a table, where an error says that somebody does; undefined where it says
 * something else.
 */
export async function findHeld(db: Kysely<Database>, error: unknown): Promise<Held | undefined> {
  return isKept(error) ? sayHeld(await findHolders(db).catch(() => [])) : undefined
}

/** Says who keeps a table; none where they were gone by the time they were looked for. */
export function sayHeld(holders: readonly Holder[]): Held {
  if (holders.length === 0) {
    return { says: `a table was held for more than ${TABLE_WAIT_MS / 1_000} s`, remedy: 'try again' }
  }
  const each = holders.map((holder) => `${sessionInWords(holder)} holds the table ${holder.table}${doing(holder)}`)
  return { says: each.join('; '), remedy: `wait for its end, or ${endingInWords(holders)}` }
}

/** Says whose transaction was forgotten. */
export function sayForgotten(session: Session): Held {
  return {
    says: `${sessionInWords(session)} has an open transaction and does nothing${doing(session)}`,
    remedy: `it keeps what it locked, and old rows from being cleared away: let its user end it, or ${endingInWords([session])}`,
  }
}

function sessionInWords({ pid, user, program }: Session): string {
  return `session ${pid} (${program === '' ? '' : `${program}, `}user ${user})`
}

function doing({ since, statement, isIdle }: Session): string {
  const begun = since === null ? '' : `, in a transaction since ${momentInWords(since)}`
  if (statement === null) return `${begun}; what it does is hidden from this user`
  const words = statement.replaceAll(/\s+/g, ' ').trim()
  const shown = words.length > STATEMENT_CHARACTERS ? `${words.slice(0, STATEMENT_CHARACTERS)} …` : words
  return `${begun}${isIdle ? ', idle after' : ':'} "${shown}"`
}

function endingInWords(sessions: readonly Session[]): string {
  return `end it as its user or a superuser: select ${sessions.map(({ pid }) => `pg_terminate_backend(${pid})`).join(', ')}`
}
