// What a provider's list says of digests: to whom, and of which edition, since every subject ends
// with its date.
import { type Kysely, sql } from 'kysely'
import type { Database } from '../../database/schema.ts'
import type { EditionKind } from '../../database/states.ts'
import { subjectDate } from '../../digest/opening.ts'
import { dateOf, shiftDate } from '../../edition/edition.ts'
import type { EditionDate } from '../../source/paper.ts'
import type { ListedMail } from '../provider/provider.ts'

/** A digest that a provider accepted. */
export interface ListedDigest {
  providerId: string
  address: string
  date: EditionDate
  kind: EditionKind
  at: Date
}

/** A subject names no year; further back than this, two dates read alike. */
const DATES_BACK = 300
const KINDS = ['daily', 'weekly'] as const

/** Returns those of the mails that are digests; others of the same account are left out. */
export function readListed(mails: readonly ListedMail[]): ListedDigest[] {
  const subjects = new Map<EditionDate, Map<string, { date: EditionDate; kind: EditionKind }>>()
  const datesBefore = (day: EditionDate) => {
    const known = subjects.get(day)
    if (known) return known
    const made = new Map(
      Array.from({ length: DATES_BACK }, (_, back) => shiftDate(day, -back)).flatMap((date) =>
        KINDS.map((kind) => [subjectDate({ date, kind }), { date, kind }] as const),
      ),
    )
    subjects.set(day, made)
    return made
  }
  return mails.flatMap(({ providerId, to, subject, at }) => {
    const edition = datesBefore(dateOf(at)).get(subject.split(' · ').at(-1) ?? '')
    return edition ? to.map((address) => ({ providerId, address: address.toLowerCase(), at, ...edition })) : []
  })
}

/** Counts the readers and editions of a list that this database never attempted. */
export async function countUnexplained(db: Kysely<Database>, mails: readonly ListedDigest[]): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(distinct (s.id, m.date, m.kind)) as count
    from unnest(${mails.map(({ address }) => address)}::text[], ${mails.map(({ date }) => date)}::date[], ${mails.map(({ kind }) => kind)}::text[])
      as m(address, date, kind)
    join subscribers s on lower(s.address) = m.address
    where not exists (
      select from editions e join deliveries d on d.edition_id = e.id and d.subscriber_id = s.id left join batches b on b.id = d.batch_id
      where e.date = m.date and e.kind = m.kind and (d.state in ('submitted', 'rejected', 'unknown') or b.first_attempt_at is not null)
    )`.execute(db)
  return rows[0]?.count ?? 0
}
