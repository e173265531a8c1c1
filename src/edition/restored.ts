// The hold of a restored copy: the database is older than what was sent, so everything waits that
// may have gone in the gap, whether its edition is made yet or not. Only `resume --restored` lifts
// it.
import { type Kysely, type RawBuilder, sql } from 'kysely'
import type { Database } from '../database/schema.ts'

export const RESTORED_REASON = 'this database is a restored copy, older than what was sent: say "resume --restored"'

export interface RestoredHold {
  /** Since when it is held: nothing that came later was lost. */
  heldAt: Date
  /** Nothing that came before was lost: when the copy last ticked or marked. */
  gapFrom: Date
  /** In words. */
  why: string
}

/** Returns undefined where nothing is held: the database is not older than its witness. */
export async function findRestoredHold(db: Kysely<Database>): Promise<RestoredHold | undefined> {
  const row = await db
    .selectFrom('lineage')
    .select(['held_at as heldAt', 'gap_from as gapFrom', 'held_why as why'])
    .executeTakeFirst()
  const { heldAt = null, gapFrom = null, why = null } = row ?? {}
  return heldAt === null || gapFrom === null || why === null ? undefined : { heldAt, gapFrom, why }
}

/**
 * Holds every edition that could be concerned. A hold that is there stays as it is. Returns whether
 * it is new.
 */
export async function ensureRestoredHold(db: Kysely<Database>, why: string): Promise<boolean> {
  const { numAffectedRows } = await sql`
    update lineage l set held_at = round_clock(), held_why = ${why},
      gap_from = coalesce(greatest((select t.at from ticks t where t.name = 'tick'), l.marked_at), round_clock())
    where l.held_at is null`.execute(db)
  return Number(numAffectedRows) === 1
}

/**
 * Tells whether edition `e` may have gone in the gap: its cut-off was over when the hold began.
 * That holds for one that is frozen again, too.
 */
export function isHeldAsRestoredSql(edition: string): RawBuilder<boolean> {
  return sql<boolean>`exists (select from lineage l where ${sql.table(edition)}.cutoff_at <= l.held_at)`
}
