// Many subscribers at once, from a list and into one. An address that is known in any state stays
// as it is, and a suppressed one is never added: a list brings nobody back.
import { type Kysely, sql } from 'kysely'
import { getNow } from '../../database/clock.ts'
import type { Database } from '../../database/schema.ts'
import { startClocksSql } from '../clock.ts'
import { openChoices } from '../preferences.ts'
import { ensurePreferences, getAddressKey, type Insertion } from '../store.ts'
import { hashAddress } from '../subscriber.ts'
import { ensureSuppression, SUPPRESSION_REASONS } from '../suppression.ts'
import type { ListedSubscriber } from './file.ts'

/**
 * Adds those that are new, with their consent as it is told; one outcome each, in the same order.
 * Of an address given twice the first counts. Their zones must be among `listZones`.
 */
export async function insertListed(db: Kysely<Database>, list: readonly ListedSubscriber[]): Promise<Insertion[]> {
  const key = await getAddressKey(db)
  const preferences = await ensurePreferences(
    db,
    list.map((subscriber) => subscriber.choices),
  )
  const rows = list.map(({ choices: _, suppressed: __, ...subscriber }, place) => ({
    ...subscriber,
    place,
    preferences: preferences[place],
    hash: hashAddress(key, subscriber.address).toString('hex'),
  }))
  const { rows: results } = await sql<{ place: number | null; suppressed: boolean; added: boolean }>`
    with given as (
      select distinct on (g.address) g.*, decode(g.hash, 'hex') as address_hash, s.address_hash is not null as suppressed
      from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as g(place int, address text, hash text, consent text,
        "consentSource" text, "consentPage" text, "askedAt" timestamptz, "confirmedAt" timestamptz, "leftAt" timestamptz,
        "pausedUntil" date, "consentNote" text, "createdAt" timestamptz, silence text, preferences int, cadence text, weekday smallint, hour smallint, zone text)
      left join suppressions s on s.address_hash = decode(g.hash, 'hex')
      order by g.address, g.place
    ), added as (
      insert into subscribers (address, address_hash, consent, consent_source, consent_page, asked_at, confirmed_at, left_at,
        consent_note, created_at, preferences_id, cadence, weekday, hour, zone, silence, paused_until)
      select address, address_hash, consent, "consentSource", "consentPage", "askedAt", "confirmedAt", "leftAt",
        "consentNote", coalesce("createdAt", round_now()), preferences, cadence, weekday, hour, zone, silence, "pausedUntil"
      from given where not suppressed order by place on conflict do nothing returning id, address, consent, cadence, weekday, hour, zone
    ), clocks as (
      ${startClocksSql(sql`(select * from added where consent = 'confirmed')`)}
    )
    select given.place, given.suppressed, added.address is not null as added
    from given left join added using (address)`.execute(db)
  await suppressListed(db, key, list)
  const outcomes = list.map((): Insertion => 'known')
  for (const { place, suppressed, added } of results) {
    if (place === null) continue
    if (suppressed) outcomes[place] = 'suppressed'
    else if (added) outcomes[place] = 'added'
  }
  return outcomes
}

/** What a list says must not be written to stays so, whatever becomes of its row. */
async function suppressListed(db: Kysely<Database>, key: Buffer, list: readonly ListedSubscriber[]): Promise<void> {
  for (const { address, suppressed } of list) {
    if (!suppressed) continue
    const known = SUPPRESSION_REASONS.find((reason) => reason === suppressed.reason)
    const since = suppressed.since === null ? await getNow(db) : new Date(suppressed.since)
    const note = known ? suppressed.note : suppressed.reason
    await ensureSuppression(db, hashAddress(key, address), known ?? 'operator', since, note)
  }
}

type ListedRow = Omit<
  ListedSubscriber,
  'choices' | 'askedAt' | 'confirmedAt' | 'leftAt' | 'createdAt' | 'suppressed'
> & {
  id: number
  createdAt: Date
  suppressedReason: string | null
  suppressedNote: string | null
  suppressedSince: Date | null
  askedAt: Date | null
  confirmedAt: Date | null
  leftAt: Date | null
  preferences_id: number
  choices: unknown
}

/**
 * Lists up to `limit` subscribers that still have an address, with an id above `afterId`, by id.
 */
export async function listListed(
  db: Kysely<Database>,
  afterId: number,
  limit: number,
): Promise<(ListedSubscriber & { id: number })[]> {
  const { rows } = await sql<ListedRow>`
    select s.id, s.address, s.consent, s.consent_source as "consentSource", s.consent_page as "consentPage",
      s.consent_note as "consentNote", s.created_at as "createdAt",
      x.reason as "suppressedReason", x.note as "suppressedNote", x.since as "suppressedSince", s.asked_at as "askedAt", s.confirmed_at as "confirmedAt", s.left_at as "leftAt", s.paused_until as "pausedUntil",
      s.silence, s.cadence, s.weekday, s.hour, s.zone, s.preferences_id, p.choices
    from subscribers s join preferences p on p.id = s.preferences_id
    left join suppressions x on x.address_hash = s.address_hash
    where s.id > ${afterId} and s.address is not null order by s.id limit ${limit}`.execute(db)
  const read = openChoices()
  return rows.map(({ preferences_id, choices, askedAt, confirmedAt, leftAt, createdAt, ...given }) => {
    const { suppressedReason: reason, suppressedNote: note, suppressedSince, ...row } = given
    const since = suppressedSince?.toISOString() ?? null
    return {
      ...row,
      createdAt: createdAt.toISOString(),
      suppressed: reason === null ? null : { reason, note, since },
      askedAt: askedAt?.toISOString() ?? null,
      confirmedAt: confirmedAt?.toISOString() ?? null,
      leftAt: leftAt?.toISOString() ?? null,
      choices: read({ preferences_id, choices }),
    }
  })
}
