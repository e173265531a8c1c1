// What may go into what, where one reader has two digests to get: written once, for who plans, puts
// off and explains.
import { type RawBuilder, sql } from 'kysely'
import { WEEK_DAYS } from '../edition/places.ts'

/**
 * Tells whether edition `other` takes the place of edition `own` for a reader who has both to get:
 * what a day held comes late with a later day, or with its week, be it the next one. What a week
 * held comes with nothing else.
 */
export function takesInSql(other: string, own: string): RawBuilder<boolean> {
  const [n, o] = [sql.table(other), sql.table(own)]
  return sql<boolean>`(${o}.kind = 'daily' and (${n}.kind = 'weekly' or ${n}.date > ${o}.date))`
}

/** Tells whether edition `other` brings what `own` held: a later day, or its very week. */
export function bringsSql(other: string, own: string): RawBuilder<boolean> {
  const [n, o] = [sql.table(other), sql.table(own)]
  return sql<boolean>`(${takesInSql(other, own)}
    and (${n}.kind = 'daily' or ${o}.date between ${n}.date - ${sql.lit(WEEK_DAYS - 1)} and ${n}.date))`
}
