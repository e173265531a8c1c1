// What was in the digests of a gap, email by email: where it is read, no paper of the gap comes to
// the same reader again. A provider's list says only that there was a digest.
import { type Kysely, sql } from 'kysely'
import type { Database } from '../../database/schema.ts'
import { linkedPapers } from '../../digest/piece/links.ts'
import { counted } from '../../digest/text/words.ts'
import { describeError } from '../../errors.ts'
import { MINUTE_MS, SECOND_MS } from '../../time.ts'
import type { Provider } from '../provider/provider.ts'
import type { Had } from '../sending/recovered.ts'
import type { ListedDigest } from '../witness/listed.ts'

interface PapersParts {
  db: Kysely<Database>
  providers: readonly Provider[]
  /** Hears of it, in words. */
  say(line: string): void
}

/**
 * Returns the digests, those that the copy has not planned itself with the papers in them. One
 * request an email, at the provider's pace. Rejects where one cannot be read: nothing is decided
 * then, and it may be asked again.
 */
export async function withPapers(
  { db, providers, say }: PapersParts,
  digests: readonly ListedDigest[],
): Promise<(ListedDigest & Pick<Had, 'papers'>)[]> {
  const wanted = new Set(await listUnplanned(db, digests))
  const pace = Math.max(...providers.map(({ requestsPerSecond }) => requestsPerSecond ?? 1))
  const minutes = Math.ceil((wanted.size / pace) * (SECOND_MS / MINUTE_MS))
  if (wanted.size > 0)
    say(`Reading ${counted(wanted.size, 'email')} for its papers, about ${counted(minutes, 'minute')} …`)
  const known: (ListedDigest & Pick<Had, 'papers'>)[] = []
  for (const digest of digests) {
    known.push(wanted.has(digest.providerId) ? { ...digest, papers: await readPapers(providers, digest) } : digest)
  }
  return known
}

async function readPapers(providers: readonly Provider[], { providerId }: ListedDigest): Promise<string[]> {
  const failures: string[] = []
  for (const { name, fetchAccepted } of providers) {
    try {
      if (fetchAccepted) return linkedPapers(await fetchAccepted(providerId))
      failures.push(`${name} keeps no emails`)
    } catch (error) {
      failures.push(`${name}: ${describeError(error)}`)
    }
  }
  throw new Error(
    `an email of the gap cannot be read (${failures.join('; ')}): the editions stay held; say it again, or without --exact`,
  )
}

/** Lists the digests, by the provider's id, of which the copy has no selection. */
async function listUnplanned(db: Kysely<Database>, digests: readonly ListedDigest[]): Promise<string[]> {
  const list = JSON.stringify(
    digests.map(({ providerId, address, date, kind }) => ({ providerId, address, date, kind })),
  )
  const { rows } = await sql<{ providerId: string }>`
    select m."providerId" from jsonb_to_recordset(${list}::jsonb) as m("providerId" text, address text, date date, kind text)
    join subscribers s on lower(s.address) = m.address
    where m."providerId" is not null and not exists (
      select from deliveries d join editions e on e.id = d.edition_id
      where e.date = m.date and e.kind = m.kind and d.subscriber_id = s.id and d.selection_id is not null
    )`.execute(db)
  return rows.map(({ providerId }) => providerId)
}
