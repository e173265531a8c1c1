// Resolves where rows live: the named PostgreSQL, or the embedded one under DATA_DIR. Everything
// above sees a URL and a handle.
import { type Kysely, sql } from 'kysely'
import type { Logger } from '../logger.ts'
import { type Handles, openHandles, USUAL_SCHEMA } from './client.ts'
import { openEmbedded } from './embedded/embedded.ts'
import { migrate } from './migrate.ts'
import { migrations } from './migrations/index.ts'
import type { Database } from './schema.ts'
import { unavailabilityOf } from './unavailable.ts'

export interface StoreSettings {
  databaseUrl: string | undefined
  dataDir: string
  schema: string
}

export interface Stores extends Handles {
  databaseUrl: string
  embedded: boolean
  /** How many connections were opened so far: behind a new one may be another database. */
  countConnections(): number
  /** Names of the migrations that opening applied. */
  migrated: string[]
  close(): Promise<void>
}

/**
 * No such user, another password, no such database, a certificate that does not hold, or none of
 * the files that an address names.
 */
const NOT_LET_IN = /^(28...|3D000|ERR_TLS_\w+|\w*CERT\w*|UNABLE_TO_\w+|ENOENT)$/
/** What the driver says without a code: of TLS, and of a password that is missing. */
const NOT_LET_IN_WORDS = /^(The server does not support SSL|There was an error establishing an SSL|SASL: )/
/** It answers, and says itself why it takes no writes. */
const NO_WRITES = /^(25006|53100)$/

/**
 * Opens the database and brings its schema up to date. Throws a UsageError when the schema is newer
 * than this program.
 */
export function openStores(settings: StoreSettings, logger: Logger): Promise<Stores> {
  return reaching(settings, async () => {
    const stores = await openAsItIs(settings, logger)
    try {
      const migrated = await migrate(stores.db, migrations)
      tellUpdate(migrated, logger)
      return { ...stores, migrated }
    } catch (error) {
      await stores.close()
      throw error
    }
  })
}

/** Whoever asked for a list has changed the schema under whatever else runs: they should know. */
function tellUpdate(migrated: string[], logger: Logger): void {
  const isNew = migrated.length === Object.keys(migrations).length
  if (migrated.length === 0 || isNew) return
  logger.warn(
    { event: 'schema.updated', migrated },
    'the schema was brought up to date: an earlier version of the program works with it no more',
  )
}

/** Opens the database with the schema that it has: for what changes nothing. */
export function openUnmigrated(settings: StoreSettings, logger: Logger): Promise<Omit<Stores, 'migrated'>> {
  return reaching(settings, () => openAsItIs(settings, logger))
}

/** Says of a database that cannot be reached which setting names it. */
async function reaching<T>({ databaseUrl }: StoreSettings, open: () => Promise<T>): Promise<T> {
  try {
    return await open()
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    const isRefused = NOT_LET_IN.test(code) || (error instanceof Error && NOT_LET_IN_WORDS.test(error.message))
    const isReached = NO_WRITES.test(code) || (!isRefused && unavailabilityOf(error) !== 'away')
    if (databaseUrl === undefined || isReached) throw error
    throw new Error('PostgreSQL cannot be reached (see DATABASE_URL)', { cause: error })
  }
}

async function openAsItIs(settings: StoreSettings, logger: Logger): Promise<Omit<Stores, 'migrated'>> {
  const embedded = settings.databaseUrl === undefined ? await openEmbedded(settings.dataDir, { logger }) : undefined
  const databaseUrl = settings.databaseUrl ?? (embedded?.url as string)
  let connections = 0
  const open = (schema?: string) =>
    openHandles(databaseUrl, {
      ...(schema === undefined ? {} : { schema }),
      prepares: embedded === undefined,
      onConnect: () => {
        connections += 1
      },
      onError: (error) =>
        logger.warn({ event: 'database.error', reason: error.message }, 'an idle connection was lost'),
    })
  // Named at the start of a session only where that is needed: PgBouncer takes no such parameter.
  const isUsual = embedded === undefined && settings.schema === USUAL_SCHEMA
  let handles = open(isUsual ? undefined : settings.schema)
  if (isUsual && (await leadsElsewhere(handles.db))) {
    await handles.db.destroy()
    handles = open(USUAL_SCHEMA)
  }
  const close = async () => {
    await handles.db.destroy()
    await embedded?.close()
  }
  return { ...handles, databaseUrl, embedded: embedded !== undefined, countConnections: () => connections, close }
}

/**
 * Tells whether a plain session finds our tables elsewhere: its user has a schema of their own, or
 * a search_path. Where PostgreSQL does not answer, whoever asks it next hears why.
 */
async function leadsElsewhere(db: Kysely<Database>): Promise<boolean> {
  const { rows } = await sql<{ is: boolean }>`
    select current_schema() is distinct from ${USUAL_SCHEMA} as is`
    .execute(db)
    .catch(() => ({ rows: [] }))
  return rows[0]?.is === true
}
