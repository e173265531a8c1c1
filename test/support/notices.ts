// Notices for tests: what a row says inside its seal, and what its mail links to.
import { type Kysely, sql } from 'kysely'
import type { Database } from '../../src/database/schema.ts'
import type { NoticeContent, SealedNotice } from '../../src/delivery/notice/notice.ts'
import { unseal } from '../../src/delivery/notice/seal.ts'
import type { LinkKeys } from '../../src/subscriber/token.ts'

export async function readNotice(db: Kysely<Database>, id: number | null) {
  return db
    .selectFrom('notices')
    .selectAll()
    .where('id', '=', id ?? -1)
    .executeTakeFirstOrThrow()
}

/** Opens what a notice says, as only a worker does. */
export async function readContent(
  { db, linkKeys }: { db: Kysely<Database>; linkKeys: LinkKeys },
  id: number | null,
): Promise<NoticeContent> {
  const row = await readNotice(db, id)
  return (unseal(linkKeys, row.key_id, row.public_id, row.sealed as Buffer) as SealedNotice).content
}

/** Returns the one-time token of a notice. */
export async function readToken(round: Parameters<typeof readContent>[0], id: number | null): Promise<string> {
  const content = await readContent(round, id)
  if (!('token' in content)) throw new Error(`a notice of kind ${content.kind} carries no token`)
  return content.token
}

/**
 * Lets the waits and leases of all notices end now; those that are unknown for good stay as they
 * are.
 */
export async function endNoticeWaits(db: Kysely<Database>): Promise<void> {
  await sql`update notices set next_attempt_at = now() - interval '1 second' where next_attempt_at < 'infinity'`.execute(
    db,
  )
}

/** Makes all notices older, so that their limits no longer count a day. */
export async function ageNotices(db: Kysely<Database>, hours: number): Promise<void> {
  await sql`update notices set issued_at = issued_at - make_interval(hours => ${hours})`.execute(db)
}
