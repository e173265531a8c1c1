// Answers for machines: is the process up, of which version, can it do its work. They say no more
// than that.
import type { Context } from 'hono'
import { DEFAULT_MIGRATION_TABLE, type Kysely, sql } from 'kysely'
import { migrations } from '../../database/migrations/index.ts'
import type { Database } from '../../database/schema.ts'
import { describeError } from '../../errors.ts'
import type { Logger } from '../../logger.ts'
import { within } from '../../time.ts'
import { VERSION } from '../../version.ts'

/** Below the five seconds that health checks commonly wait. */
const READY_TIMEOUT_MS = 3_000

/** Answers as long as the process runs: what a restart depends on, so nothing else is asked. */
export function showHealth(c: Context): Response {
  return c.text(`ok ${VERSION}`)
}

/**
 * Answers 200 when `isReady` finds that requests can be served, 503 with one line otherwise. Pages
 * need no queue: that it is away is said, and no more.
 */
export function showReadiness(isReady: () => Promise<boolean>, logger: Logger, hasQueue = () => true) {
  return async (c: Context): Promise<Response> => {
    try {
      const ready = await within(READY_TIMEOUT_MS, 'asking the database', isReady())
      if (ready) return c.text(hasQueue() ? 'ok' : 'ok, without the queue: jobs of pages wait for the sweep')
      return c.text('the schema is not that of this version: run migrate', 503)
    } catch (error) {
      logger.warn({ event: 'web.unready', reason: describeError(error) }, 'the database could not be asked')
      return c.text('the database does not answer', 503)
    }
  }
}

/**
 * Tells whether the database has exactly the migrations of this version. Throws when it does not
 * answer.
 */
export async function isSchemaCurrent(db: Kysely<Database>): Promise<boolean> {
  const { rows: found } = await sql<{ exists: boolean }>`
    select to_regclass(${DEFAULT_MIGRATION_TABLE}) is not null as exists`.execute(db)
  if (found[0]?.exists !== true) return false
  const { rows: applied } = await sql<{ name: string }>`
    select name from ${sql.table(DEFAULT_MIGRATION_TABLE)} order by name`.execute(db)
  return applied.map((row) => row.name).join() === Object.keys(migrations).sort().join()
}
