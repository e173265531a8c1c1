// Whether a time zone is one that this runtime and the database both know. Asked on every write,
// because each accepts names that the other refuses, and one unknown name would fail a whole plan.
import { type Kysely, sql } from 'kysely'
import type { Database } from '../database/schema.ts'
import { isZone } from './preferences.ts'

/** A zone that this runtime or PostgreSQL does not know. */
export class UnknownZoneError extends RangeError {
  override name = 'UnknownZoneError'
}

/**
 * Throws an UnknownZoneError that names the zones which either this runtime or PostgreSQL does not
 * know: both must. CET and the like count as unknown, because PostgreSQL takes them for
 * abbreviations, which have no summer time.
 */
export async function assertZones(db: Kysely<Database>, zones: ReadonlySet<string>): Promise<void> {
  // UTC is everyone's default and known everywhere, and asking reads every zone file there is.
  const asked = [...zones].filter((zone) => zone !== 'UTC')
  if (asked.length === 0) return
  const known = await sql<{ name: string | null }>`
    select name from pg_timezone_names where name = any(${asked}::text[])
      and (name = 'GMT' or name not in (select abbrev from pg_timezone_abbrevs))`.execute(db)
  const inDatabase = new Set(known.rows.map((row) => row.name))
  const unknown = asked.filter((zone) => !isZone(zone) || !inDatabase.has(zone))
  if (unknown.length > 0) {
    throw new UnknownZoneError(
      `unknown time zone ${unknown.map((zone) => JSON.stringify(zone)).join(', ')}: use an IANA name such as Europe/Paris`,
    )
  }
}

/** Lists every zone that assertZones takes, for whoever has many to ask about. */
export async function listZones(db: Kysely<Database>): Promise<ReadonlySet<string>> {
  const { rows } = await sql<{ name: string | null }>`
    select name from pg_timezone_names
    where name in ('UTC', 'GMT') or name not in (select abbrev from pg_timezone_abbrevs)`.execute(db)
  return new Set(rows.flatMap(({ name }) => name ?? []).filter(isZone))
}
