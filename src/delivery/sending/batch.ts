// A batch: up to a hundred deliveries of one edition in one request. What of the common life is its
// own: its members, who may still leave it at the mark, and the edition that may be stopped.
import { type Kysely, sql } from 'kysely'
import { fixedPart, prepared } from '../../database/prepared.ts'
import type { Database } from '../../database/schema.ts'
import type { EditionKind } from '../../database/states.ts'
import { isStoppedSql } from '../../edition/edition.ts'
import { isHeldAsRestoredSql } from '../../edition/restored.ts'
import { isStoppedByHandSql, mayMarkSql } from '../../edition/stop.ts'
import { type Out, type OutJson, outSql, readOut } from '../provider/out.ts'
import {
  deliveryOfSql,
  hasSlidSql,
  leavingInAnyCaseSql,
  leavingSql,
  type MaybeLeaving,
  type MembersJson,
  membersSql,
  readMembers,
} from './members.ts'
import type { Claimed, ClaimRow, Subject } from './subject.ts'
import { BATCH_LIFE, isUnsettledSql } from './transitions.ts'

interface BatchFacts {
  editionId: number
  /** What its edition is called. */
  edition: { date: string; kind: EditionKind }
  /** Whether RETENTION has removed what its emails are made of. */
  isPruned: boolean
  /** How many members it has. */
  size: number
  /**
   * Its members as the claim saw them; none where a digest of theirs has slid. Whoever left while
   * the claim waited for a lock is found by the mark.
   */
  members: MaybeLeaving[]
  /** The providers that were out at the claim, by name. */
  out: ReadonlyMap<string, Out>
}

type BatchRow = ClaimRow & {
  editionId: number
  date: string
  kind: EditionKind
  isPruned: boolean
  size: number
  mayHaveSlid: boolean
  /** MembersJson. */
  members: unknown
  /** OutJson. */
  out: unknown
}

/** A batch in the hands of one worker until its lease is over. */
export type ClaimedBatch = Claimed & BatchFacts

export const BATCH: Subject<BatchFacts> = {
  name: 'batch',
  table: 'batches',
  life: BATCH_LIFE,
  hashColumn: 'recipe_sha256',
  versionColumn: 'join_version',
  async runClaim(db, update, u) {
    const batch = sql.table(u)
    const { rows } = await sql<BatchRow>`${prepared}
      with taken as (${update}, ${batch}.edition_id, ${batch}.members)
      select taken.id, taken.epoch, taken.attempts, taken."fixedHash", taken.version, taken."idempotencyKey",
        taken.provider, taken."ageMs", taken.edition_id as "editionId", e.date, e.kind,
        e.pruned_at is not null as "isPruned", cardinality(taken.members) as size, m.slid as "mayHaveSlid",
        m.list as members, ${outSql()} as out
      from taken join editions e on e.id = taken.edition_id cross join ${membersSql('taken')} m`.execute(db)
    return rows.map(({ date, kind, members, out, ...facts }) => ({
      ...facts,
      edition: { date, kind },
      members: facts.mayHaveSlid ? [] : readMembers(members as MembersJson),
      out: readOut(out as OutJson),
    }))
  },
  // A restored copy holds even what it marked: what became of that since, it does not know.
  // What is marked when the operator stops finishes, its repeats too: they settle what may have
  // gone.
  isHeldSql: fixedPart(
    (u: string) => sql<boolean>`exists (
    select from editions e where e.id = ${sql.table(u)}.edition_id
      and (${isStoppedSql('e')} or ${isHeldAsRestoredSql('e')} or (${sql.table(u)}.recipe_sha256 is null and ${isStoppedByHandSql('e')}))
  )`,
  ),
  mayMarkSql: (u) => mayMarkSql(sql.ref(`${u}.edition_id`)),
  lookingSql: ({ id, mayHaveSlid }) => sql`looked as materialized (
      ${mayHaveSlid ? eachMemberSql() : eachLeaverSql()}
      where b.id = ${id}
    )`,
  hasLeaversSql: () => sql<boolean>`exists (select from looked where leaves)`,
  personal: [],
  stamp: [],
}

const eachMemberSql = fixedPart(
  () => sql`select m.id as subscriber_id, ${leavingSql('d', 's')} is not null as leaves, ${hasSlidSql('d', 's')} as slid
      from batches b cross join unnest(b.members) m(id) join subscribers s on s.id = m.id
      cross join ${deliveryOfSql('b', sql`m.id`)} d`,
)

/** As a rule nobody. */
const eachLeaverSql = fixedPart(
  () => sql`select true as leaves
      from batches b cross join unnest(b.members) m(id) join subscribers s on s.id = m.id
      join ${deliveryOfSql('b', sql`m.id`)} d on ${leavingInAnyCaseSql('d', 's')} is not null or ${hasSlidSql('d', 's')}`,
)

/**
 * Lists the batches of an edition that may be attempted now; with `only`, those of one subscriber.
 * `after`: only those that were planned after that one.
 */
export async function listBatchesOf(
  db: Kysely<Database>,
  editionId: number,
  only: number | null,
  after = 0,
): Promise<number[]> {
  const { rows } = await sql<{ id: number }>`
    select b.id from batches b
    where b.edition_id = ${editionId} and ${isUnsettledSql('b')} and b.next_attempt_at <= round_clock() and b.id > ${after}
      and (${only}::int is null or ${only}::int = any(b.members))
    order by b.id`.execute(db)
  return rows.map((row) => row.id)
}
