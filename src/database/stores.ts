// Resolves where rows live: the named PostgreSQL, or the embedded one under DATA_DIR. Everything
// above sees a URL and a handle.
import type { Kysely } from 'kysely'
import type { Logger } from '../logger.ts'
import { openDatabase } from './client.ts'
import { openEmbedded } from './embedded.ts'
import { migrate } from './migrate.ts'
import { migrations } from './migrations/index.ts'
import type { Database } from './schema.ts'

export interface Stores {
  db: Kysely<Database>
  databaseUrl: string
  embedded: boolean
  /** Names of the migrations that opening applied. */
  migrated: string[]
  close(): Promise<void>
}

/**
 * Opens the database and brings its schema up to date. Throws a UsageError when the schema is newer
 * than this program.
 */
export async function openStores(
  settings: { databaseUrl: string | undefined; dataDir: string; schema: string },
  logger: Logger,
): Promise<Stores> {
  const embedded = settings.databaseUrl === undefined ? await openEmbedded(settings.dataDir, { logger }) : undefined
  const databaseUrl = settings.databaseUrl ?? (embedded?.url as string)
  const db = openDatabase(databaseUrl, {
    schema: settings.schema,
    onError: (error) => logger.warn({ event: 'database.error', reason: error.message }, 'an idle connection was lost'),
  })
  const close = async () => {
    await db.destroy()
    await embedded?.close()
  }
  try {
    return { db, databaseUrl, embedded: embedded !== undefined, migrated: await migrate(db, migrations), close }
  } catch (error) {
    await close()
    throw error
  }
}
