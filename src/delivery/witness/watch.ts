// Holds the database against its witnesses. A witness that is ahead says that this is a restored
// copy: everything that may have gone since is held. One that is equal or behind holds nothing,
// however long the outage was. Without any witness, providers are asked what they accepted.
import { type Kysely, sql } from 'kysely'
import type { Database } from '../../database/schema.ts'
import { ensureRestoredHold } from '../../edition/restored.ts'
import { describeError } from '../../errors.ts'
import type { Logger } from '../../logger.ts'
import { MINUTE_MS } from '../../time.ts'
import { MayNotListError, type Provider } from '../provider/provider.ts'
import { countUnexplained, readListed } from './listed.ts'
import { type Height, isAbove, isMark, type Mark } from './witness.ts'
import type { Witnesses } from './witnesses.ts'

export interface Watch {
  /**
   * Compares where connections were opened since the last time. Rejects with a RestoredCopyError,
   * or with an UnwitnessedError where it cannot be known. Not inside a transaction.
   */
  look(): Promise<void>
  /**
   * Runs what marks. On a connection that was not compared, it is committed only where no witness
   * knows of its number: a copy gives the numbers of what it has lost a second time, and afterwards
   * nothing tells them apart. Rejects as look does, with nothing marked.
   */
  guard<T>(db: Kysely<Database>, mark: (db: Kysely<Database>) => Promise<Mark | T>): Promise<Mark | T>
  /** Returns once a mark stands outside of the database. Rejects with an UnwitnessedError. */
  keep(mark: Mark): Promise<void>
  /**
   * Compares, and holds what is concerned where the database is older than the world. Rejects when
   * that cannot be known.
   */
  compare(): Promise<void>
  /**
   * Compares with what witnesses know, and no more: no provider is asked, and no witness written,
   * which would keep whoever marks from asking. Rejects when none can be read.
   */
  compareWithWitnesses(): Promise<void>
  /** Returns the highest that any witness knows of this database, undefined where none does. */
  read(): Promise<Height | undefined>
  /** Starts a branch of its own, above all that any witness knows, and lifts the hold. */
  startBranch(): Promise<void>
}

/** No witness can be asked or written: nothing may be marked now. */
export class UnwitnessedError extends Error {}

/** The database is older than the world. */
export class RestoredCopyError extends UnwitnessedError {
  constructor(why: string) {
    super(`this database is a restored copy: ${why}`)
  }
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
    // What is opened from here on may lead to another database.
    const connections = countConnections()
    const { seen, own } = await readHeights()
    if (own.held) {
      compared = connections
      return undefined
    }
    const why =
      seen !== undefined && isAbove(seen, own)
        ? gapInWords(seen, own)
        : seen === undefined && own.quietMs > GAP_MIN_MS
          ? await askProviders(own.quietSince)
          : undefined
    if (why !== undefined) await hold(why)
    else await witnesses.keep(own)
    compared = connections
    return why
  }

  async function readHeights(): Promise<{ seen: Height | undefined; own: Lineage }> {
    const { databaseId } = await getLineage(db)
    // The witness first: a mark of another worker in between must not look like a gap.
    const seen = await witnesses.read(databaseId)
    return { seen, own: await getLineage(db) }
  }

  async function hold(why: string): Promise<void> {
    if (await ensureRestoredHold(db, why)) {
      logger.error({ event: 'restored.held', reason: why }, 'a restored copy was found: its editions are held')
    }
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

  /**
   * Marks are numbered one after the other, each behind the commit of the one before: while this
   * one is open, nobody can have kept its number, or a higher one, but for another database.
   */
  async function demandUnknown(mark: Mark): Promise<void> {
    const seen = await orUnwitnessed(witnesses.read(mark.databaseId))
    const before = { branch: mark.branch, number: mark.number - 1 }
    if (seen !== undefined && isAbove(seen, before)) throw new RestoredCopyError(gapInWords(seen, before))
  }

  return {
    async compare() {
      await compare()
    },
    async compareWithWitnesses() {
      const { seen, own } = await readHeights()
      if (seen !== undefined && isAbove(seen, own)) await hold(gapInWords(seen, own))
    },
    async look() {
      if (countConnections() === compared) return
      const why = await orUnwitnessed(compare())
      if (why !== undefined) throw new RestoredCopyError(why)
    },
    async guard(db, mark) {
      return onOneConnection(db, async (own, inTransaction) => {
        // It is this connection's turn: a new one is counted by now.
        const connections = countConnections()
        if (connections === compared) return mark(own)
        const marked = await inTransaction(async (trx) => {
          const result = await mark(trx)
          if (isMark(result)) await demandUnknown(result)
          return result
        })
        if (isMark(marked)) compared = connections
        return marked
      })
    },
    keep: (mark) => orUnwitnessed(witnesses.keep(mark)),
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

type InTransaction = <R>(work: (trx: Kysely<Database>) => Promise<R>) => Promise<R>

/** Lends the one connection of an open transaction, or any other. */
function onOneConnection<T>(
  db: Kysely<Database>,
  use: (own: Kysely<Database>, inTransaction: InTransaction) => Promise<T>,
): Promise<T> {
  if (db.isTransaction) return use(db, (work) => work(db))
  return db.connection().execute((own) => use(own, (work) => own.transaction().execute(work)))
}

function orUnwitnessed<T>(reading: Promise<T>): Promise<T> {
  return reading.catch((error: unknown) => {
    throw new UnwitnessedError(describeError(error), { cause: error })
  })
}

function gapInWords(seen: Height, own: Height): string {
  return `a witness knows of ${inWords(seen)}, this database of ${inWords(own)}`
}

function inWords({ branch, number }: Height): string {
  return `mark ${number}${branch > 1 ? ` of branch ${branch}` : ''}`
}
