// What a coming edition will send, by current votes: to how many, when, what leads. Reads only: the
// plan decides anew at each reader's hour.
import type { Kysely } from 'kysely'
import type { Database } from '../database/schema.ts'
import type { Accounts } from '../delivery/delivery.ts'
import {
  type ComingOthers,
  type ComingReaders,
  getComingOthers,
  listComingReaders,
  listPutOff,
} from '../delivery/planning/outlook.ts'
import { indexPlaces } from '../digest/choosing/place-index.ts'
import { listSelected } from '../digest/opening.ts'
import type { Topics } from '../digest/topics/topics.ts'
import { cutoffOf } from '../edition/edition.ts'
import { type Outlook, outlookFromStore } from '../edition/outlook.ts'
import type { Place } from '../edition/place.ts'
import { latePlaces } from '../edition/places.ts'
import type { EditionKey } from '../edition/stop.ts'
import { listVoteBars } from '../subscriber/store.ts'

export interface OutlookParts {
  db: Kysely<Database>
  topics: Topics
  cutoffMinutes: number
  latenessMs: number
}

/** Emails of one hour, the zones with the most readers first. */
export interface ComingHour {
  at: Date
  emails: number
  zones: { zone: string; emails: number }[]
}

/** A paper and how many emails it has this part in. */
export interface Counted {
  place: Place
  emails: number
}

export interface DigestOutlook extends ComingOthers {
  edition: Outlook
  cutoffAt: Date
  emails: number
  /** Readers whose choices or history leave nothing of it. */
  filtered: number
  hours: ComingHour[]
  /** What a quota put off that is not merged into it, by its moment: it goes first on its day. */
  putOff: { at: Date; emails: number }[]
  /** What stands first, the most emails first. */
  leads: Counted[]
  /** Late risers that somebody will get, the most emails first. */
  lateRisers: Counted[]
}

/**
 * Tells what an edition will send if it freezes at its cut-off with the votes it has now; undefined
 * when nothing is known of it. With `everyone` as `send` would take them now, with `only` one
 * address.
 */
export async function readOutlook(
  { db, topics, cutoffMinutes, latenessMs }: OutlookParts,
  { date, kind }: EditionKey,
  { everyone = false, only = null }: { everyone?: boolean; only?: string | null } = {},
): Promise<DigestOutlook | undefined> {
  const edition = await outlookFromStore(db, date, kind, await listVoteBars(db))
  if (!edition) return undefined
  const cutoffAt = cutoffOf(date, cutoffMinutes)
  const places = [...edition.places]
  if (kind === 'daily' && edition.state !== 'frozen') {
    places.push(...(await latePlaces(db, latenessMs, date, places, cutoffAt)))
  }
  const ask = { date, kind, cutoffAt, cutoffMinutes, everyone, only }
  const readers = await listComingReaders(db, { ...ask, places })
  return {
    edition,
    cutoffAt,
    ...countDigests(places, readers, topics),
    ...(await getComingOthers(db, ask)),
    putOff: await listPutOff(db, ask),
  }
}

/** Returns the accounts that an outlook leads to, as if it were planned at once. */
export function accountsOf({ emails, filtered }: Pick<DigestOutlook, 'emails' | 'filtered'>): Accounts {
  const withheld: Record<string, number> = filtered > 0 ? { filtered } : {}
  return { due: emails + filtered, submitted: 0, withheld, rejected: 0, unknown: 0, waiting: emails }
}

/** Makes each selection once, however many readers share it. Pure. */
function countDigests(places: readonly Place[], readers: readonly ComingReaders[], topics: Topics) {
  const index = indexPlaces(places, topics)
  const selections = new Map<string, readonly number[]>()
  const leads = new Map<number, number>()
  const risers = new Map<number, number>()
  const hours = new Map<number, Map<string, number>>()
  const rising = new Set(places.filter(({ section }) => section === 'rising').map(({ position }) => position))
  let filtered = 0
  for (const { key, choices, history, at, zone, count } of readers) {
    const papers = selections.get(key) ?? listSelected(index, choices, history)
    selections.set(key, papers)
    const [lead] = papers
    if (lead === undefined) {
      filtered += count
      continue
    }
    raise(leads, lead, count)
    for (const position of papers) if (rising.has(position)) raise(risers, position, count)
    const zones = hours.get(at.getTime()) ?? new Map<string, number>()
    hours.set(at.getTime(), zones)
    raise(zones, zone, count)
  }
  const byPosition = new Map(places.map((place) => [place.position, place]))
  const counted = (counts: Map<number, number>): Counted[] =>
    mostFirst(counts).map(([position, emails]) => ({ place: byPosition.get(position) as Place, emails }))
  return {
    emails: sumOf(leads),
    filtered,
    leads: counted(leads),
    lateRisers: counted(risers),
    hours: [...hours]
      .sort(([a], [b]) => a - b)
      .map(
        ([at, zones]): ComingHour => ({
          at: new Date(at),
          emails: sumOf(zones),
          zones: mostFirst(zones).map(([zone, emails]) => ({ zone, emails })),
        }),
      ),
  }
}

function raise<Key>(counts: Map<Key, number>, key: Key, by: number): void {
  counts.set(key, (counts.get(key) ?? 0) + by)
}

function mostFirst<Key extends number | string>(counts: Map<Key, number>): [Key, number][] {
  return [...counts].sort(([a, more], [b, less]) => less - more || (a < b ? -1 : 1))
}

function sumOf(counts: Map<unknown, number>): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0)
}
