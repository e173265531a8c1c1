// Which keys links in emails were signed with: where none of them is in the ring any more, every
// link that readers have is dead. Nobody may do that by mistake.
import type { Kysely } from 'kysely'
import type { Database } from '../database/schema.ts'
import { UsageError } from '../errors.ts'
import type { LinkKeys } from './token.ts'

export const OTHER_SECRET =
  "LINK_SECRET is not what the links in readers' emails were signed with, so all of them would be dead"
export const OTHER_SECRET_REMEDY =
  'add the old one behind the new, separated by a comma; if it is lost, say "start --new-secret" once'

/** Tells whether a key of the ring has signed here before, or nobody has. */
export async function isLinkKeyKnown(db: Kysely<Database>, { byId }: LinkKeys): Promise<boolean> {
  const kept = await db.selectFrom('link_keys').select('id').execute()
  return kept.length === 0 || kept.some(({ id }) => byId.has(id))
}

/**
 * Keeps the key that signs from now on. Throws a UsageError when none of the ring has signed here
 * before, unless that `isNew`: then the earlier ones are forgotten.
 */
export async function ensureLinkKey(db: Kysely<Database>, keys: LinkKeys, { isNew = false } = {}): Promise<void> {
  if (isNew) await db.deleteFrom('link_keys').execute()
  else if (!(await isLinkKeyKnown(db, keys))) throw new UsageError(`${OTHER_SECRET}: ${OTHER_SECRET_REMEDY}`)
  await db
    .insertInto('link_keys')
    .values({ id: keys.currentKeyId })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}
