// Holds the database against its witnesses. A witness that is ahead says that this is a restored
// copy: everything that may have gone since is held. One that is equal or behind holds nothing,
// however long the outage was. Without any witness, providers are asked what they accepted.
import { type Kysely, sql } from 'kysely'
import type { Database } from '../../database/schema.ts'
import { ensureRestoredHold } from '../../edition/restored.ts'
import type { Logger } from '../../logger.ts'
import { MINUTE_MS } from '../../time.ts'
import { MayNotListError, type Provider } from '../provider/provider.ts'
import { countUnexplained, readListed } from './listed.ts'
import { type Height, isAbove, type Mark } from './witness.ts'
import type { Witnesses } from './witnesses.ts'

export interface Watch {
  /**
   * Returns once a mark stands outside of the database. Rejects where it cannot, or where a look
   * behind a new connection finds a restored copy: its request must not leave.
   */
  keep(mark: Mark): Promise<void>
  /**
   * Compares, and holds what is concerned where the database is older than the world. Rejects when
   * that cannot be known.
   */
  compare(): Promise<void>
  /** Returns the highest that any witness knows of this database, undefined where none does. */
  read(): Promise<Height | undefined>
  /** Starts a branch of its own, above all that any witness knows, and lifts the hold. */
  startBranch(): Promise<void>
}

interface WatchParts {
  db: Kysely<Database>
  witnesses: Witnesses
  providers: readonly Provider[]
  /** Connections to the database that were opened so far. */
  countConnections(): number
  logger: Logger
}

/** Whoever ticked within it cannot have missed much: nobody is asked. */
const GAP_MIN_MS = 10 * MINUTE_MS
/** Two clocks may differ by so much. */
export const CLOCKS_DIFFER_MS = 5 * MINUTE_MS

/** Opens the watch of one process. Nothing is compared before the first call. */
export function openWatch({ db, witnesses, providers, countConnections, logger }: WatchParts): Watch {
  /** Connections when it was last compared; behind a newer one may be another database. */
  let compared = -1

  /** Returns why everything is held, where it is so from now on. */
  async function compare(): Promise<string | undefined> {
    const { databaseId } = await getLineage(db)
    // The witness first: a mark of another worker in between must not look like a gap.
    const seen = await witnesses.read(databaseId)
    const own = await getLineage(db)
    const connections = countConnections()
    if (own.held) {
      compared = connections
      return undefined
    }
    const why =
      seen !== undefined && isAbove(seen, own)
        ? `a witness knows of ${inWords(seen)}, this database of ${inWords(own)}`
        : seen === undefined && own.quietMs > GAP_MIN_MS
          ? await askProviders(own.quietSince)
          : undefined
    if (why !== undefined) {
      const isNew = await ensureRestoredHold(db, why)
      if (isNew)
        logger.error({ event: 'restored.held', reason: why }, 'a restored copy was found: its editions are held')
    } else await witnesses.keep(own)
    compared = connections
    return why
  }

  /** Returns why what providers accepted cannot be what this database knows of. */
  async function askProviders(since: Date): Promise<string | undefined> {
    for (const provider of providers) {
      if (!provider.listAccepted) {
        logger.warn({ event: 'witness.lost', provider: provider.name }, 'no witness is left, and no list to ask')
        continue
      }
      try {
        const mails = readListed(await provider.listAccepted(new Date(since.getTime() - CLOCKS_DIFFER_MS)))
        const unexplained = await countUnexplained(db, mails)
        if (unexplained > 0)
          return `${provider.name} accepted ${unexplained} emails that this database does not know of`
      } catch (error) {
        // Every other failure passes, and is asked again.
        if (!(error instanceof MayNotListError)) throw error
        logger.warn(
          { event: 'witness.lost', provider: provider.name, reason: error.message },
          'no witness is left, and the key may not list',
        )
      }
    }
    return undefined
  }

  return {
    async compare() {
      await compare()
    },
    async keep(mark) {
      if (countConnections() !== compared) {
        const why = await compare()
        if (why !== undefined) throw new Error(`this database is a restored copy: ${why}`)
      }
      await witnesses.keep(mark)
    },
    async read() {
      return witnesses.read((await getLineage(db)).databaseId)
    },
    async startBranch() {
      const { databaseId } = await getLineage(db)
      const seen = await witnesses.read(databaseId)
      await sql`
        update lineage set branch = greatest(branch, ${seen?.branch ?? 0}) + 1, held_at = null, held_why = null, gap_from = null`.execute(
        db,
      )
      await witnesses.keep(await getLineage(db))
    },
  }
}

interface Lineage extends Mark {
  held: boolean
  /** When it last ticked or marked. */
  quietSince: Date
  /** How long ago that is, in milliseconds. */
  quietMs: number
}

async function getLineage(db: Kysely<Database>): Promise<Lineage> {
  const { rows } = await sql<Lineage>`
    select l.database_id as "databaseId", l.branch, l.number, l.held_at is not null as held,
      coalesce(q.since, round_clock()) as "quietSince",
      coalesce((extract(epoch from round_clock() - q.since) * 1000)::float8, 0) as "quietMs"
    from lineage l
    cross join lateral (select greatest(l.marked_at, (select t.at from ticks t where t.name = 'tick')) as since) q`.execute(
    db,
  )
  return rows[0] as Lineage
}

function inWords({ branch, number }: Height): string {
  return `mark ${number}${branch > 1 ? ` of branch ${branch}` : ''}`
}
