// How a step takes tables from programs of before, which go on beside it.
import { type Kysely, sql } from 'kysely'

/** Shorter than PostgreSQL waits before it ends a deadlock: this side gives way first. */
const LOCK_TIMEOUT_MS = 500
const LOCK_ATTEMPTS = 240

/**
 * Takes what `lock` names ("subscribers in access exclusive mode"). Programs lock tables in any
 * order, so a wait that lasts gives all of them back and tries again.
 */
export async function takeTables(db: Kysely<unknown>, lock: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    await sql`savepoint taking`.execute(db)
    try {
      await sql.raw(`set local lock_timeout = ${LOCK_TIMEOUT_MS}`).execute(db)
      await sql.raw(`lock table ${lock}`).execute(db)
      await sql`set local lock_timeout = 0`.execute(db)
      await sql`release savepoint taking`.execute(db)
      return
    } catch (error) {
      if (attempt === LOCK_ATTEMPTS || (error as { code?: string }).code !== '55P03') throw error
      await sql`rollback to savepoint taking`.execute(db)
    }
  }
}
