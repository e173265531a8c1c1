// What every job works with: opened once by whoever runs the round, handed down, never looked up.
import type { Kysely } from 'kysely'
import type { Outage } from '../database/outage.ts'
import type { Database } from '../database/schema.ts'
import type { Paces } from '../delivery/pace/paces.ts'
import type { Provider } from '../delivery/provider/provider.ts'
import type { Watch } from '../delivery/witness/watch.ts'
import type { Host, TemplateFiles } from '../digest/rendering.ts'
import type { Logger } from '../logger.ts'
import type { Source } from '../source/paper.ts'
import type { LinkKeys } from '../subscriber/token.ts'

/**
 * Most readers whom one transaction plans: as long as it takes, each of them waits who moves their
 * hour; embedded, where one session serves all, everybody does.
 */
export const SLICE_SIZES = { server: 5_000, embedded: 1_000 }

export interface Round extends TemplateFiles {
  db: Kysely<Database>
  source: Source
  /** In order: the next one takes what a provider cannot. */
  providers: readonly [Provider, ...Provider[]]
  /** What tells a restored copy from the database that it was copied from. */
  witness: Watch
  /** Whose turn it is at the providers, over all workers. */
  paces: Paces
  host: Host
  linkKeys: LinkKeys
  /** Minutes from the end of a date (UTC) to its cut-off. */
  cutoffMinutes: number
  /** What froze longer ago than this is withheld as late, in milliseconds. */
  latenessMs: number
  /** How long what was mailed is kept, in milliseconds; null: for good. */
  retentionMs: number | null
  /**
   * How long a worker may hold a batch between two steps before another may take it, in
   * milliseconds.
   */
  leaseMs: number
  /** Names this process on its leases, so that others know whose they are; null names nobody. */
  holder: string | null
  /** Tells how long nothing may be marked after an outage of the database; never without it. */
  outage?: Pick<Outage, 'settlingMs'>
  /** Most readers whom one transaction plans. */
  sliceSize: number
  logger: Logger
}
