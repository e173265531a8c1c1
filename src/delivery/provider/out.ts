// Which provider is out and until when, so that all workers agree. The moments are the database's.
import { type Kysely, type RawBuilder, sql } from 'kysely'
import { inMs } from '../../database/clock.ts'
import { fixedPart } from '../../database/prepared.ts'
import type { Database } from '../../database/schema.ts'

/** Why nothing goes to a provider now. */
export interface Out {
  reason: string
  /** In milliseconds from now; null until the operator resumes. */
  waitMs: number | null
}

/** Lists the providers that are out now, by name. */
export async function listOutProviders(db: Kysely<Database>): Promise<Map<string, Out>> {
  const { rows } = await sql<Out & { name: string }>`
    select name, stopped_reason as reason,
      (extract(epoch from stopped_until - round_clock()) * 1000)::float8 as "waitMs"
    from providers where stopped_until is null or stopped_until > round_clock()`.execute(db)
  return readOut(rows)
}

/** What listOutProviders lists, as another statement reads it along. */
export type OutJson = (Out & { name: string })[]

export const outSql = fixedPart(
  (): RawBuilder<unknown> => sql`coalesce((
    select json_agg(json_build_object('name', name, 'reason', stopped_reason,
      'waitMs', (extract(epoch from stopped_until - round_clock()) * 1000)::float8))
    from providers where stopped_until is null or stopped_until > round_clock()
  ), '[]')`,
)

export function readOut(listed: OutJson): Map<string, Out> {
  return new Map(listed.map(({ name, ...out }) => [name, out]))
}

/**
 * Notes that a provider is out for `waitMs` milliseconds, with null until the operator resumes. A
 * longer stop stays.
 */
export async function markOut(db: Kysely<Database>, name: string, { reason, waitMs }: Out): Promise<void> {
  const until = waitMs === null ? sql`null` : inMs(waitMs)
  await sql`
    insert into providers (name, stopped_reason, stopped_until) values (${name}, ${reason}, ${until})
    on conflict (name) do update set stopped_reason = excluded.stopped_reason, stopped_until = excluded.stopped_until,
      since = excluded.since
    where coalesce(providers.stopped_until, 'infinity') < coalesce(excluded.stopped_until, 'infinity')`.execute(db)
}
