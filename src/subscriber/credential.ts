// One-time links: a random token in the mail, its hash in the database. Looking uses nothing up;
// using one works once. Whatever is wrong with a token (unknown, malformed, expired, used, of
// another purpose), the answer is the same: undefined. What became of one that was genuine is told
// for 30 days by its hash alone (spent.ts).
import { randomBytes } from 'node:crypto'
import { type Kysely, sql, type Transaction } from 'kysely'
import type { Database } from '../database/schema.ts'
import type { CredentialPurpose } from '../database/states.ts'
import { hashToken, insertSpent, isToken } from './spent.ts'

export interface Credential {
  subscriberId: number
  /** What using it does; parsed by whoever wrote it. */
  payload: unknown
  issuedAt: Date
  expiresAt: Date
}

const TOKEN_BYTES = 32
/** How long a link works. An undo is for people who read their mail once a week. */
const LIFE_HOURS: Record<CredentialPurpose, number> = { confirm: 48, address: 48, export: 48, erase: 48, undo: 7 * 24 }

/**
 * Makes a link for a subscriber and returns its token. Of each purpose but `undo` only the newest
 * link of a subscriber works.
 */
export async function ensureCredential(
  trx: Transaction<Database>,
  purpose: CredentialPurpose,
  subscriberId: number,
  payload: object | null,
): Promise<string> {
  const token = randomBytes(TOKEN_BYTES).toString('base64url')
  if (purpose !== 'undo')
    await insertSpent(trx, sql`subscriber_id = ${subscriberId} and purpose = ${purpose}`, 'replaced')
  await sql`
    insert into credentials (hash, purpose, subscriber_id, payload, expires_at)
    values (${hashToken(token)}, ${purpose}, ${subscriberId}, ${payload === null ? null : JSON.stringify(payload)}::jsonb,
      round_clock() + make_interval(hours => ${LIFE_HOURS[purpose]}))
    on conflict (subscriber_id, purpose) where purpose <> 'undo' do update set hash = excluded.hash,
      payload = excluded.payload, issued_at = excluded.issued_at, expires_at = excluded.expires_at, used_at = null`.execute(
    trx,
  )
  return token
}

/** Looks at a link without using it: what a page shows. */
export async function findCredential(
  db: Kysely<Database>,
  purpose: CredentialPurpose,
  token: string,
): Promise<Credential | undefined> {
  if (!isToken(token)) return undefined
  const { rows } = await sql<Credential>`
    select ${columnsSql} from credentials where ${usableSql(purpose, token)}`.execute(db)
  return rows[0]
}

/** Uses a link up, in the transaction that does what it says: of two at once, one gets it. */
export async function claimCredential(
  trx: Transaction<Database>,
  purpose: CredentialPurpose,
  token: string,
): Promise<Credential | undefined> {
  if (!isToken(token)) return undefined
  const { rows } = await sql<Credential>`
    update credentials set used_at = round_clock() where ${usableSql(purpose, token)} returning ${columnsSql}`.execute(
    trx,
  )
  return rows[0]
}

/**
 * Uses a link up by what `meet` does with it, in one transaction. Where that returns undefined,
 * what the link says cannot be done: nothing of it is, and the link can be used once it can.
 */
export async function claimCredentialFor<Done>(
  db: Kysely<Database>,
  purpose: CredentialPurpose,
  token: string,
  meet: (trx: Transaction<Database>, credential: Credential) => Promise<Done | undefined>,
): Promise<Done | undefined> {
  // Only what is thrown rolls back.
  const unmet = new Error(`a link of the purpose ${purpose} cannot do what it says`)
  try {
    return await db.transaction().execute(async (trx) => {
      const credential = await claimCredential(trx, purpose, token)
      if (!credential) return undefined
      const done = await meet(trx, credential)
      if (done === undefined) throw unmet
      return done
    })
  } catch (error) {
    if (error === unmet) return undefined
    throw error
  }
}

/** Withdraws every link of a subscriber, or those of some purposes. */
export async function pruneCredentialsOf(
  trx: Transaction<Database>,
  subscriberId: number,
  purposes: readonly CredentialPurpose[] = ['confirm', 'address', 'export', 'erase', 'undo'],
): Promise<void> {
  const those = sql`subscriber_id = ${subscriberId} and purpose = any(${[...purposes]}::text[])`
  await insertSpent(trx, those, 'withdrawn')
  await sql`delete from credentials where ${those}`.execute(trx)
}

/**
 * Removes links whose time is over, used or not, and what they did with them. What somebody signed
 * up for and has yet to confirm stays for as long as the sign-up itself. Returns how many.
 */
export async function pruneCredentials(db: Kysely<Database>): Promise<number> {
  return db.transaction().execute(async (trx) => {
    const over = sql`expires_at <= round_now() and not (purpose = 'confirm' and exists (
      select from subscribers s where s.id = subscriber_id and s.consent = 'pending'))`
    await insertSpent(trx, over, 'expired')
    const { numAffectedRows } = await sql`delete from credentials where ${over}`.execute(trx)
    return Number(numAffectedRows)
  })
}

const columnsSql = sql`subscriber_id as "subscriberId", payload, issued_at as "issuedAt", expires_at as "expiresAt"`

/**
 * The token itself is never compared: only its hash is known here, so timing tells nothing of it.
 */
function usableSql(purpose: CredentialPurpose, token: string) {
  return sql`hash = ${hashToken(token)} and purpose = ${purpose} and used_at is null and expires_at > round_clock()`
}
