// Times planning on PostgreSQL: N readers, a share of them with choices of their own (topics,
// mutes, authors, bars), several editions of history whose papers rise into the new one. `npx tsx
// test/bench/planning.ts --database postgres://…/EMPTY [--readers 100000] [--editions 4]
// [--personal 0.05] [--sets 5000] [--slice 5000]`; the database must be empty and is left full.
import { parseArgs } from 'node:util'
import { sql } from 'kysely'
import { TOPIC_GROUPS } from '../../src/digest/topics/groups.ts'
import type { Place } from '../../src/edition/place.ts'
import { planAll } from '../../src/jobs/plan.ts'
import { SLICE_SIZES } from '../../src/jobs/round.ts'
import { parseChoices } from '../../src/subscriber/preferences.ts'
import { ensurePreferences } from '../../src/subscriber/store.ts'
import { freezeEdition, inventPlaces, openTestRound, readAccounts } from '../support/round.ts'

const { values } = parseArgs({
  options: {
    database: { type: 'string' },
    readers: { type: 'string', default: '100000' },
    editions: { type: 'string', default: '4' },
    personal: { type: 'string', default: '0.05' },
    sets: { type: 'string', default: '5000' },
    slice: { type: 'string', default: `${SLICE_SIZES.server}` },
  },
})
const readers = Number(values.readers)
const editions = Number(values.editions)
const every = Math.round(1 / Number(values.personal))
const sets = Number(values.sets)
const PAPERS = 30
const TOPICS = TOPIC_GROUPS.flat()
const topic = (at: number) => TOPICS[at % TOPICS.length] as string
let peak = 0
const watch = setInterval(() => {
  peak = Math.max(peak, process.memoryUsage().rss)
}, 50)
const print = (line: string) => process.stdout.write(`${line}\n`)

if (!values.database) throw new Error('--database is missing: name an empty one')
const round = await openTestRound(values.database, { sliceSize: Number(values.slice) })
const { db } = round
try {
  // Most take the defaults; the others share so many sets of choices, no two of them alike.
  const own = Array.from({ length: sets }, (_, index) =>
    parseChoices({
      papers: 1 + (index % 25),
      minimumVotes: Math.floor(index / 25) % 60,
      include: [topic(index), topic(index * 7 + 1), topic(index * 13 + 2)],
      mute: [topic(index * 5 + 3)],
      authors: [`Author ${index}`],
      includeMeans: index % 3 === 0 ? 'only' : 'first',
    }),
  )
  const preferences = await ensurePreferences(db, [parseChoices({}), ...own])
  await sql`
    insert into subscribers (address, address_hash, consent, consent_source, preferences_id, cadence, hour, zone, waiting_since, next_due_at)
    select 'reader-' || n || '@example.net', decode(md5(n::text), 'hex'), 'confirmed', 'bench',
      (${preferences}::int[])[case when n % ${every}::int = 0 then 2 + (n / ${every}::int) % ${sets}::int else 1 end], 'daily', 7, 'UTC', now() - interval '30 days', now() + interval '1 day'
    from generate_series(1, ${readers}::int) n`.execute(db)
  await sql`analyze subscribers`.execute(db)
  const earlier: ReturnType<typeof inventPlaces> = []
  for (let day = 1; day <= editions; day++) {
    const date = `2026-03-0${day}`
    const rising = earlier.slice(-PAPERS).filter((place) => place.rank >= 8 && place.rank <= 12)
    const places = inventPlaces(date, PAPERS).map(withTopics)
    places.push(
      ...rising.map((place, index) => ({
        ...place,
        section: 'rising' as const,
        rank: index + 1,
        position: PAPERS + index + 1,
      })),
    )
    earlier.push(...inventPlaces(date, PAPERS).map(withTopics))
    const edition = await freezeEdition(round, date, { places })
    peak = 0
    const before = performance.now()
    const planned = await planAll(round, edition, null)
    const seconds = (performance.now() - before) / 1000
    const { due } = await readAccounts(db, edition.id)
    const { rows } = await sql<{
      count: number
    }>`select count(*)::int as count from selections where edition_id = ${edition.id}`.execute(db)
    print(
      `edition ${day}: ${planned} of ${due} planned in ${seconds.toFixed(1)} s (${((seconds / readers) * 1e6).toFixed(1)} µs a reader), ${rows[0]?.count} selections, process at most at ${Math.round(peak / 1e6)} MB`,
    )
  }
} finally {
  clearInterval(watch)
  await round.close()
}

/** Gives an invented paper two topics in its title and some more in its abstract. */
function withTopics(place: Place, index: number): Place {
  const abstract = Array.from({ length: 12 }, (_, at) => `${topic(index * 31 + at * 17)} is what this is about`).join(
    '. ',
  )
  const title = `${topic(index * 11)} for ${topic(index * 23 + 5)}`
  return { ...place, paper: { ...place.paper, title, abstract, authors: [`Author ${index * 7}`, 'Ada Lovelace'] } }
}
