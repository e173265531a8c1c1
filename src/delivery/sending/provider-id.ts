// A provider's id of an email, as a delivery keeps it: a UUID in 16 bytes, any other as it is.
import { type RawBuilder, sql } from 'kysely'

/** As PostgreSQL writes one: any other spelling is kept to the letter. */
const UUID = sql.lit('^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$')

/** Returns the values of both columns for an id, given as SQL of a text. */
export function splitIdSql(id: RawBuilder<unknown>): { uuid: RawBuilder<unknown>; other: RawBuilder<unknown> } {
  return {
    uuid: sql`case when ${id} ~ ${UUID} then ${id}::uuid end`,
    other: sql`case when ${id} !~ ${UUID} then ${id} end`,
  }
}

/** The assignments of an update. */
export function setIdSql(id: RawBuilder<unknown>): RawBuilder<unknown> {
  const { uuid, other } = splitIdSql(id)
  return sql`provider_uuid = ${uuid}, provider_id = ${other}`
}

/** Reads the id of delivery `d`. */
export function providerIdSql(delivery: string): RawBuilder<string | null> {
  const d = sql.table(delivery)
  return sql<string | null>`coalesce(${d}.provider_uuid::text, ${d}.provider_id)`
}
