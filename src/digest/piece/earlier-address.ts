// After PUBLIC_URL has changed: ready-made digests still lead to the address before it, and a
// frozen edition never changes. Says to which, and until when one of them may leave.
import { type Kysely, sql } from 'kysely'
import type { Database } from '../../database/schema.ts'
import { DAY_MS } from '../../time.ts'
import type { Envelope } from './envelope.ts'

export interface EarlierAddress {
  /** As PUBLIC_URL was. */
  address: string
  /** The last digest that leads there leaves before. */
  until: Date
}

/** What such digests need, for whoever is told of them. */
export const EARLIER_ADDRESS_REMEDY =
  'let the earlier address reach this website too, without a redirect: one-click unsubscribing follows none'

/** Says which digests lead elsewhere, and for how long they may still be sent. */
export function sayEarlierAddress({ address, until }: EarlierAddress): string {
  const minute = until.toISOString().slice(0, 16).replace('T', ' ')
  return `digests that were frozen under the earlier PUBLIC_URL still lead to ${address}: some may be sent until ${minute} UTC, and the links in all of them stay as they are`
}

/**
 * Finds the newest edition that may still be sent and whose pieces lead to another address than
 * `publicUrl`. Undefined where all lead there. `latenessMs`: how old an edition may be when it
 * goes.
 */
export async function findEarlierAddress(
  db: Kysely<Database>,
  publicUrl: string,
  latenessMs: number,
): Promise<EarlierAddress | undefined> {
  // A week's age counts from its reader's own hour, within a day of the freeze.
  const goesForMs = latenessMs + DAY_MS
  const { rows } = await sql<{ body: string; frozenAt: Date | null }>`
    select p.body, e.frozen_at as "frozenAt" from editions e
    cross join lateral (select body from pieces where edition_id = e.id and name = 'envelope' limit 1) p
    where e.frozen_at > round_clock() - make_interval(secs => ${goesForMs / 1_000}) and not e.archive
    order by e.frozen_at desc`.execute(db)
  for (const { body, frozenAt } of rows) {
    const address = addressIn(JSON.parse(body) as Envelope)
    if (frozenAt !== null && address !== undefined && address !== publicUrl) {
      return { address, until: new Date(frozenAt.getTime() + goesForMs) }
    }
  }
  return undefined
}

function addressIn({ headers }: Envelope): string | undefined {
  const link = headers.find(([name]) => name === 'Archived-At')?.[1] ?? ''
  return /^<(.+)\/view\//.exec(link)?.[1]
}
