// What is known of sign-ups as a whole: how many of a host's addresses confirmed, and how sign-ups
// were answered.
import { type Kysely, sql } from 'kysely'
import type { Database } from '../database/schema.ts'

/**
 * How a sign-up was answered: `taken`, of those `solved` and `waited` after a challenge;
 * `challenged`; `refused` by a limit.
 */
const ANSWERS = ['taken', 'solved', 'waited', 'challenged', 'refused'] as const
export type SignUpAnswer = (typeof ANSWERS)[number]

/** Counts the confirmed subscribers of a host, `most` at most: nobody waits for a large one. */
export async function getConfirmedOfHost(db: Kysely<Database>, host: string, most: number): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*) as count from (select from subscribers
      where split_part(address, '@', 2) = ${host} and consent = 'confirmed' limit ${most}) of_host`.execute(db)
  return rows[0]?.count ?? 0
}

/** Counts one sign-up by its answer. */
export async function markAnswered(db: Kysely<Database>, answer: SignUpAnswer): Promise<void> {
  await sql`insert into sign_up_answers as a (answer, count) values (${answer}, 1)
    on conflict (answer) do update set count = a.count + 1`.execute(db)
}

/**
 * Lists how often sign-ups were answered in each way, since ever: also the ways that nobody was
 * answered in yet, as what appears from nowhere is no rise to whoever measures rises.
 */
export async function listAnswered(db: Kysely<Database>): Promise<{ answer: SignUpAnswer; count: number }[]> {
  const rows = await db.selectFrom('sign_up_answers').select(['answer', 'count']).execute()
  const counts = new Map(rows.map(({ answer, count }) => [answer, count]))
  return ANSWERS.map((answer) => ({ answer, count: counts.get(answer) ?? 0 }))
}
