// Addresses that must not be written to, by keyed hash: they outlive the subscriber, a second
// import and an erasure. A graver reason replaces a lighter one and never the reverse, so that
// reports may come in any order.
import { type Kysely, sql, type Transaction } from 'kysely'
import type { Database } from '../database/schema.ts'
import { getAddressKey } from './store.ts'
import { hashAddress } from './subscriber.ts'

/**
 * In rising order. All but *erased*, which bars adding and importing only, bar everything until the
 * operator lifts them.
 */
export const SUPPRESSION_REASONS = ['erased', 'operator', 'bounce', 'provider', 'complaint'] as const
export type SuppressionReason = (typeof SUPPRESSION_REASONS)[number]

/**
 * Makes sure that an address is suppressed for this reason or a graver one, since `at` or earlier.
 * `note` is what the operator says of it. Returns the reason that it then has.
 */
export async function ensureSuppression(
  db: Kysely<Database>,
  addressHash: Buffer,
  reason: SuppressionReason,
  at: Date,
  note: string | null = null,
): Promise<string> {
  const gravity = (column: string) => sql`array_position(${[...SUPPRESSION_REASONS]}::text[], ${sql.ref(column)})`
  const { rows } = await sql<{ reason: string }>`
    insert into suppressions as s (address_hash, reason, since, note) values (${addressHash}, ${reason}, ${at}, ${note})
    on conflict (address_hash) do update set since = least(s.since, excluded.since), 
      note = case when excluded.reason <> 'erased' then coalesce(excluded.note, s.note) end,
      reason = case when ${gravity('excluded.reason')} > ${gravity('s.reason')} then excluded.reason else s.reason end
    returning s.reason`.execute(db)
  return rows[0]?.reason ?? reason
}

/**
 * Forgets what the operator says of a suppressed address. Returns the reason, which stays;
 * undefined where nothing was said.
 */
export async function pruneSuppressionNote(db: Kysely<Database>, address: string): Promise<string | undefined> {
  const silenced = await db
    .updateTable('suppressions')
    .set({ note: null })
    .where('address_hash', '=', hashAddress(await getAddressKey(db), address))
    .where('note', 'is not', null)
    .returning('reason')
    .executeTakeFirst()
  return silenced?.reason
}

/**
 * Lifts the suppression of a normalised address, as of `at`; the soft bounces behind it count no
 * more. Consent stays as it is: who complained was unsubscribed and has to sign up again. Returns
 * the reason that was lifted, undefined when there was none.
 */
export async function pruneSuppression(db: Kysely<Database>, address: string, at: Date): Promise<string | undefined> {
  const hash = hashAddress(await getAddressKey(db), address)
  return db.transaction().execute((trx) => pruneSuppressionOf(trx, hash, at))
}

/** Lifts a suppression by its hash, like pruneSuppression. */
export async function pruneSuppressionOf(
  trx: Transaction<Database>,
  addressHash: Buffer,
  at: Date,
): Promise<string | undefined> {
  const lifted = await trx
    .deleteFrom('suppressions')
    .where('address_hash', '=', addressHash)
    .returning('reason')
    .executeTakeFirst()
  if (!lifted) return undefined
  await liftSoftBounces(trx, addressHash)
  await ensureLifted(trx, addressHash, at)
  return lifted.reason
}

async function ensureLifted(trx: Transaction<Database>, addressHash: Buffer, at: Date): Promise<void> {
  await sql`
    insert into lifted_suppressions as l (address_hash, lifted_at) values (${addressHash}, ${at})
    on conflict (address_hash) do update set lifted_at = greatest(l.lifted_at, excluded.lifted_at)`.execute(trx)
}

/** Forgets what was lifted longer ago than `keptMs`, in milliseconds. */
export async function pruneLifted(db: Kysely<Database>, keptMs: number): Promise<void> {
  await sql`
    delete from lifted_suppressions where lifted_at < round_now() - make_interval(secs => ${keptMs / 1000})`.execute(db)
}

/** What the database knows of an address that the journal names. */
export interface KnownSuppression {
  reason: string | null
  since: Date | null
  /** When one was last lifted. */
  liftedAt: Date | null
  /** Somebody subscribes, or did, who is not erased. */
  isTaken: boolean
}

/** Returns what is known of each address, by the hash in hexadecimal. */
export async function mapKnownSuppressions(
  db: Kysely<Database>,
  hashes: readonly string[],
): Promise<Map<string, KnownSuppression>> {
  const { rows } = await sql<{
    hex: string | null
    reason: string | null
    since: Date | null
    liftedAt: Date | null
    isTaken: boolean
  }>`
    select g.hex, x.reason, x.since, l.lifted_at as "liftedAt",
      exists (
        select from subscribers s where s.address_hash = decode(g.hex, 'hex') and s.address is not null and s.consent <> 'pending'
      ) as "isTaken"
    from unnest(${[...hashes]}::text[]) g(hex)
    left join suppressions x on x.address_hash = decode(g.hex, 'hex')
    left join lifted_suppressions l on l.address_hash = decode(g.hex, 'hex')`.execute(db)
  return new Map(rows.flatMap(({ hex, ...known }) => (hex === null ? [] : [[hex, known] as const])))
}

/** Tells whether one reason is graver than another, or than none; of a newer program, none is. */
export function isGraver(reason: SuppressionReason, than: string | null): boolean {
  if (than === null) return true
  const rising: readonly string[] = SUPPRESSION_REASONS
  return rising.includes(than) && rising.indexOf(reason) > rising.indexOf(than)
}

async function liftSoftBounces(trx: Transaction<Database>, addressHash: Buffer): Promise<void> {
  await sql`
    update events e set lifted = true from subscribers s
    where s.address_hash = ${addressHash} and e.subscriber_id = s.id and e.type = 'soft-bounce'`.execute(trx)
}

/** Counts suppressed addresses by reason. */
export async function listSuppressionCounts(db: Kysely<Database>): Promise<{ reason: string; count: number }[]> {
  return db
    .selectFrom('suppressions')
    .select(['reason', (eb) => eb.fn.countAll<number>().as('count')])
    .groupBy('reason')
    .execute()
}
