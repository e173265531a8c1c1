// A crowd of readers and days of papers for benches of planning: most readers take the defaults,
// a share of them has choices of their own (topics, mutes, authors, bars), and papers of a day rise
// into the next.
import { type Kysely, sql } from 'kysely'
import type { Database } from '../../src/database/schema.ts'
import { TOPIC_GROUPS } from '../../src/digest/topics/groups.ts'
import type { Place } from '../../src/edition/place.ts'
import { parseChoices } from '../../src/subscriber/preferences.ts'
import { ensurePreferences } from '../../src/subscriber/store.ts'
import { inventPlaces } from '../support/round.ts'

export interface Crowd {
  readers: number
  /** The share of readers with choices of their own, 0 to 1. */
  personal: number
  /** How many different choices those have. */
  sets: number
}

const TOPICS = TOPIC_GROUPS.flat()
const PAPERS = 30
/** So many choices of a statement: they travel as one JSON. */
const SETS_A_STEP = 20_000

/** Adds confirmed daily readers whose next hour is tomorrow. */
export async function addCrowd(db: Kysely<Database>, { readers, personal, sets }: Crowd): Promise<void> {
  const preferences = await ensurePreferences(db, [parseChoices({})])
  for (let from = 0; from < sets; from += SETS_A_STEP) {
    const step = Array.from({ length: Math.min(SETS_A_STEP, sets - from) }, (_, index) => ownChoices(from + index))
    preferences.push(...(await ensurePreferences(db, step)))
  }
  const every = Math.round(1 / personal)
  await sql`
    insert into subscribers (address, address_hash, consent, consent_source, preferences_id, cadence, hour, zone)
    select 'reader-' || n || '@example.net', decode(md5(n::text), 'hex'), 'confirmed', 'bench',
      (${preferences}::int[])[case when n % ${every}::int = 0 then 2 + (n / ${every}::int) % ${sets}::int else 1 end], 'daily', 7, 'UTC'
    from generate_series(1, ${readers}::int) n`.execute(db)
  await sql`
    insert into reader_clocks (subscriber_id, waiting_since, next_due_at, weekly)
    select id, now() - interval '30 days', now() + interval '1 day', false from subscribers order by id`.execute(db)
  await sql`analyze subscribers, reader_clocks`.execute(db)
}

/** Invents the places of one day, with what rises into it from the day before. */
export function inventDay(date: string, before: readonly Place[] = []): Place[] {
  const rising = before.filter((place) => place.section === 'ranked' && place.rank >= 8 && place.rank <= 12)
  const risen = rising.map((place, index) => ({
    ...place,
    section: 'rising' as const,
    rank: index + 1,
    position: PAPERS + index + 1,
  }))
  return [...inventPlaces(date, PAPERS).map(withTopics), ...risen]
}

/** Choices that no other number has. */
function ownChoices(index: number) {
  return parseChoices({
    papers: 1 + (index % 25),
    minimumVotes: Math.floor(index / 25) % 60,
    include: [topic(index), topic(index * 7 + 1), topic(index * 13 + 2)],
    mute: [topic(index * 5 + 3)],
    authors: [`Author ${index}`],
    includeMeans: index % 3 === 0 ? 'only' : 'first',
  })
}

/** Gives an invented paper two topics in its title and some more in its abstract. */
function withTopics(place: Place, index: number): Place {
  const abstract = Array.from({ length: 12 }, (_, at) => `${topic(index * 31 + at * 17)} is what this is about`).join(
    '. ',
  )
  const title = `${topic(index * 11)} for ${topic(index * 23 + 5)}`
  return { ...place, paper: { ...place.paper, title, abstract, authors: [`Author ${index * 7}`, 'Ada Lovelace'] } }
}

function topic(at: number): string {
  return TOPICS[at % TOPICS.length] as string
}
