// How columns read and write, for the row types of schema.ts and its parts.
import type { ColumnType } from 'kysely'

/** Read as Date, written as Date or ISO text. */
export type Timestamp = ColumnType<Date, Date | string, Date | string>
export type OptionalTimestamp = ColumnType<Date | null, Date | string | null | undefined, Date | string | null>
/** Set by the database's clock unless given. */
export type StampedTimestamp = ColumnType<Date, Date | string | undefined, Date | string>
/** Read as parsed JSON, written as JSON text. */
export type Json<T> = ColumnType<T, string, string>
export type Optional<T> = ColumnType<T | null, T | null | undefined, T | null>
