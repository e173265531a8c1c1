// What became of one-time links that are of no use any more: by hash, for 30 days, with nothing of
// what they did. Of an erased reader's links only the one that erased them is known, as nobody's
// and for 48 hours.
import { createHash } from 'node:crypto'
import { type Kysely, type RawBuilder, sql, type Transaction } from 'kysely'
import type { Database } from '../database/schema.ts'
import type { CredentialFate, CredentialPurpose } from '../database/states.ts'

/** A link that was genuine. */
export interface Spent {
  /** Null where it has erased its reader, or its sign-up has vanished since, unconfirmed. */
  subscriberId: number | null
  fate: CredentialFate
}

const TOKEN = /^[A-Za-z0-9_-]{43}$/
/** Whoever opens an older mail than this opens it for something else. */
const KEPT_DAYS = 30
/** As long as the link would have worked: for a page that is sent twice or loaded anew. */
const ERASED_KEPT_HOURS = 48

/** Tells whether a text could be the token of a one-time link. */
export function isToken(text: string): boolean {
  return TOKEN.test(text)
}

/** Returns the hash by which a token is known. */
export function hashToken(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}

/**
 * Keeps what becomes of the credentials that a condition names, before their rows go or change:
 * `fate` for those that could still have been used.
 */
export async function insertSpent(
  trx: Transaction<Database>,
  condition: RawBuilder<unknown>,
  fate: CredentialFate,
): Promise<void> {
  await sql`
    insert into spent_credentials (hash, purpose, subscriber_id, fate, spent_at)
    select hash, purpose, subscriber_id, ${fateSql(fate)}, coalesce(used_at, least(expires_at, round_clock()))
    from credentials where ${condition} for update
    on conflict (hash) do nothing`.execute(trx)
}

/** Returns what became of a link; undefined for one that still works or never did. */
export async function findSpent(
  db: Kysely<Database>,
  purpose: CredentialPurpose,
  token: string,
): Promise<Spent | undefined> {
  if (!isToken(token)) return undefined
  const { rows } = await sql<Spent>`
    select subscriber_id as "subscriberId", fate from spent_credentials
    where hash = ${hashToken(token)} and purpose = ${purpose} and ${isKept(sql`spent_at`)}
    union all
    select subscriber_id, ${fateSql('expired')} from credentials
    where hash = ${hashToken(token)} and purpose = ${purpose} and (used_at is not null or expires_at <= round_clock())
      and ${isKept(sql`coalesce(used_at, expires_at)`)}`.execute(db)
  return rows[0]
}

/** Keeps that a link erased its reader, and nothing of whom. */
export async function insertErased(trx: Transaction<Database>, token: string): Promise<void> {
  await trx
    .insertInto('spent_credentials')
    .values({ hash: hashToken(token), purpose: 'erase', subscriber_id: null, fate: 'used' })
    .execute()
}

/** Tells whether this very link erased its reader a short while ago. */
export async function hasErased(db: Kysely<Database>, token: string): Promise<boolean> {
  const spent = await findSpent(db, 'erase', token)
  return spent?.subscriberId === null && spent.fate === 'used'
}

/** Forgets every spent link of a subscriber. */
export async function pruneSpentOf(trx: Transaction<Database>, subscriberId: number): Promise<void> {
  await trx.deleteFrom('spent_credentials').where('subscriber_id', '=', subscriberId).execute()
}

/** Removes what is older than it may be kept. Returns how many. */
export async function pruneSpent(db: Kysely<Database>): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from spent_credentials where not ${isKept(sql`spent_at`)} or subscriber_id is null and purpose = 'erase'
      and spent_at <= round_now() - make_interval(hours => ${sql.lit(ERASED_KEPT_HOURS)})`.execute(db)
  return Number(numAffectedRows)
}

function fateSql(unused: CredentialFate): RawBuilder<CredentialFate> {
  return sql`case when used_at is not null then 'used' when expires_at <= round_clock() then 'expired'
    else ${sql.lit(unused)} end`
}

function isKept(at: RawBuilder<unknown>): RawBuilder<boolean> {
  return sql`(${at} > round_now() - make_interval(days => ${sql.lit(KEPT_DAYS)}))`
}
