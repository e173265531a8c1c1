// Answers for machines: is the process up, of which version, can it do its work. They say no more
// than that.
import type { Context } from 'hono'
import { DEFAULT_MIGRATION_TABLE, type Kysely, sql } from 'kysely'
import { findReadOnlyCause } from '../../database/inspecting.ts'
import { migrations } from '../../database/migrations/index.ts'
import type { Database } from '../../database/schema.ts'
import { describeError } from '../../errors.ts'
import type { Logger } from '../../logger.ts'
import { within } from '../../time.ts'
import { VERSION } from '../../version.ts'

/** Below the five seconds that health checks commonly wait. */
const READY_TIMEOUT_MS = 3_000
/** Anybody may ask, and each answer of the queue costs its store a write. */
const QUEUE_ANSWER_KEPT_MS = 5_000

/** Answers as long as the process runs: what a restart depends on, so nothing else is asked. */
export function showHealth(c: Context): Response {
  return c.text(`ok ${VERSION}`)
}

interface ReadinessParts {
  db: Kysely<Database>
  logger: Logger
  /** Rejects when the queue takes no jobs. */
  checkQueue?: (() => Promise<void>) | undefined
}

/**
 * Answers 200 when the database has the schema of this version and takes writes, 503 with one line
 * otherwise. Pages need no queue: that it takes no jobs is said, and no more.
 */
export function showReadiness({ db, logger, checkQueue = async () => {} }: ReadinessParts) {
  let asked: { at: number; takesJobs: Promise<boolean> } | undefined
  const askQueue = () => {
    if (asked === undefined || performance.now() - asked.at > QUEUE_ANSWER_KEPT_MS) {
      const checking = within(READY_TIMEOUT_MS, 'asking the queue', checkQueue())
      asked = {
        at: performance.now(),
        takesJobs: checking.then(
          () => true,
          () => false,
        ),
      }
    }
    return asked.takesJobs
  }
  return async (c: Context): Promise<Response> => {
    try {
      const asking = Promise.all([isSchemaCurrent(db), findReadOnlyCause(db)])
      const [[isCurrent, readOnly], takesJobs] = await Promise.all([
        within(READY_TIMEOUT_MS, 'asking the database', asking),
        askQueue(),
      ])
      if (!isCurrent) return c.text('the schema is not that of this version: run migrate', 503)
      if (readOnly !== null) return c.text('the database takes no writes', 503)
      return c.text(takesJobs ? 'ok' : 'ok, without the queue: jobs of pages wait for the sweep')
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
