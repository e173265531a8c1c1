// One report of a provider in our words, and what each kind of it leads to. Whom it is about is
// decided in feedback.ts.
import { type Kysely, type RawBuilder, sql } from 'kysely'
import type { Database } from '../../database/schema.ts'
import type { Fate, ReportType } from '../../database/states.ts'
import { getAddressKey } from '../../subscriber/store.ts'
import { hashAddress, normalizeAddress } from '../../subscriber/subscriber.ts'
import type { SuppressionReason } from '../../subscriber/suppression.ts'

/** One report, read and verified. */
export interface Report {
  /** The provider's own id of the report: the same in every repeat of it. */
  id: string
  type: ReportType
  /** The public id of the delivery that the mail was tagged with. */
  delivery: string | null
  /** The public id of the notice that the mail was tagged with. */
  notice: string | null
  /** The provider's id of the mail. */
  providerId: string | null
  /** The address that the mail went to, as the provider writes it. */
  address: string | null
  /** When it happened, by the provider's clock. */
  at: Date
}

/** In rising order, as in database/states.ts. */
const FATES: readonly Fate[] = ['none', 'delayed', 'delivered', 'bounced', 'failed', 'suppressed', 'complained']

export const FATE_OF: Partial<Record<ReportType, Fate>> = {
  delayed: 'delayed',
  delivered: 'delivered',
  'soft-bounce': 'bounced',
  'hard-bounce': 'bounced',
  failed: 'failed',
  suppressed: 'suppressed',
  complained: 'complained',
}

/** What suppresses at once. Soft bounces do so only when they go on. */
export const SUPPRESSION_OF: Partial<Record<ReportType, SuppressionReason>> = {
  'hard-bounce': 'bounce',
  suppressed: 'provider',
  complained: 'complaint',
}

/** The SQL that is true where the column `fate` is outranked by this one. */
export function isLowerSql(fate: Fate): RawBuilder<boolean> {
  const order = sql`${[...FATES]}::text[]`
  return sql<boolean>`array_position(${order}, fate::text) < array_position(${order}, ${fate}::text)`
}

/**
 * Returns the hash of the address that the mail went to: its reader may have another one by now.
 * `otherwise` where it is not said.
 */
export async function hashReported(db: Kysely<Database>, report: Report, otherwise: Buffer): Promise<Buffer> {
  const address = normalizeAddress(report.address ?? '')
  return address === undefined ? otherwise : hashAddress(await getAddressKey(db), address)
}
