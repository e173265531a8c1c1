// Several at once, where one job goes through a stretch of ids.
import { type Kysely, sql } from 'kysely'
import type { Database } from '../../database/schema.ts'
import { claimWhere, isFreeSql, type Lease } from './once.ts'
import type { Claimed, Subject } from './subject.ts'

/**
 * Takes the leases of whatever is free among `count` ids from `from` on, and waits for none of
 * them.
 */
export async function claimStretch<Facts>(
  db: Kysely<Database>,
  subject: Subject<Facts>,
  { from, count }: { from: number; count: number },
  lease: Lease = {},
): Promise<(Claimed & Facts)[]> {
  const free = (u: string) => sql<boolean>`${sql.ref(`${u}.id`)} = any(array(
    select x.id from ${sql.table(subject.table)} x
    where x.id >= ${from} and x.id < ${from + count} and ${isFreeSql(subject, 'x')} order by x.id for update skip locked))`
  return (await claimWhere(db, subject, free, lease)).sort((a, b) => a.id - b.id)
}
