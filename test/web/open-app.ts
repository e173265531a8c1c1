// The web surface on real stores for a test file: an app to ask, a round that fills it, and what
// was logged.
import type { Hono } from 'hono'
import { type Kysely, sql } from 'kysely'
import { afterAll, beforeAll, beforeEach } from 'vitest'
import type { Database } from '../../src/database/schema.ts'
import type { Mail } from '../../src/delivery/provider/provider.ts'
import type { Edition } from '../../src/edition/edition.ts'
import { dispatch } from '../../src/jobs/dispatch.ts'
import { planAll } from '../../src/jobs/plan.ts'
import { openLogger } from '../../src/logger.ts'
import { createApp, type WebDependencies } from '../../src/web/app.ts'
import { emptyRound, openTestRound, type TestRound } from '../support/round.ts'
import { openTestDatabase, type TestDatabase } from '../support/stores.ts'

interface Web {
  round: TestRound
  app: Hono
  /** JSON lines since the test began. */
  log: string[]
}

/**
 * Opens one migrated database for the file and empties it before each test; ids count on, as
 * prepared pieces are kept by edition. Read the fields inside tests only.
 */
export function keepWeb(): Web {
  const web = { log: [] as string[] } as Web
  let database: TestDatabase
  beforeAll(async () => {
    database = await openTestDatabase('either')
    web.round = await openTestRound(database.url)
    web.app = openApp(web)
  })
  beforeEach(async () => {
    await emptyRound(web.round.db)
    web.round.provider.accepted.length = 0
    web.log.length = 0
  })
  afterAll(async () => {
    await web.round.close()
    await database.close()
  })
  return web
}

/** Makes an app on the round's stores, with other settings where given. */
export function openApp({ round, log }: Pick<Web, 'round' | 'log'>, given: Partial<WebDependencies> = {}): Hono {
  return createApp({
    db: round.db,
    linkKeys: round.linkKeys,
    publicUrl: round.host.publicUrl,
    cutoffMinutes: round.cutoffMinutes,
    logger: openLogger('debug', { write: (line) => log.push(line) }),
    ...given,
  })
}

/** Sends a frozen edition to every reader of its kind and returns the mails, by address. */
export async function mailEdition(round: TestRound, edition: Edition): Promise<Map<string, Mail>> {
  await planAll(round, edition, null)
  const batches = await round.db.selectFrom('batches').select('id').where('edition_id', '=', edition.id).execute()
  for (const { id } of batches) await dispatch(round, id)
  return new Map(round.provider.accepted.map((mail) => [mail.to, mail]))
}

/** Returns the token of the mail's link to leave, or to view it in a browser. */
export function tokenOf(mail: Mail | undefined, purpose: 'unsubscribe' | 'view'): string {
  const link = mail?.headers[purpose === 'unsubscribe' ? 'List-Unsubscribe' : 'Archived-At'] ?? ''
  const token = new RegExp(`/${purpose}/([\\w-]+)`).exec(link)?.[1]
  if (token === undefined) throw new Error(`the mail has no link to ${purpose}`)
  return token
}

/** Returns all rows of the tables that a link could change. */
export async function snapshot(db: Kysely<Database>): Promise<unknown> {
  const tables = ['subscribers', 'deliveries', 'batches', 'suppressions', 'editions', 'preferences'] as const
  const rows = tables.map(async (table) => {
    const found = await sql<{ row: unknown }>`select to_jsonb(t) as row from ${sql.table(table)} t`.execute(db)
    return [table, found.rows.map(({ row }) => JSON.stringify(row)).sort()] as const
  })
  return Object.fromEntries(await Promise.all(rows))
}
