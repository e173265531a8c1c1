// Times planning on PostgreSQL: N readers, 5 % with choices of their own, several editions of history whose papers rise into the
// new one. `npx tsx test/bench/planning.ts --database postgres://…/EMPTY [--readers 100000] [--editions 4]`; the database must be
// empty and is left full.
import { parseArgs } from 'node:util'
import { sql } from 'kysely'
import { planAll } from '../../src/jobs/plan.ts'
import { parseChoices } from '../../src/subscriber/preferences.ts'
import { ensurePreferences } from '../../src/subscriber/store.ts'
import { freezeEdition, inventPlaces, openTestRound, readAccounts } from '../support/round.ts'

const { values } = parseArgs({
  options: {
    database: { type: 'string' },
    readers: { type: 'string', default: '100000' },
    editions: { type: 'string', default: '4' },
  },
})
const readers = Number(values.readers)
const editions = Number(values.editions)
const PAPERS = 30
const print = (line: string) => process.stdout.write(`${line}\n`)

if (!values.database) throw new Error('--database is missing: name an empty one')
const round = await openTestRound(values.database)
const { db } = round
try {
  // Most take the defaults; one in twenty has one of 2,000 sets of choices.
  const own = Array.from({ length: 2_000 }, (_, index) =>
    parseChoices({ papers: 1 + (index % 50), minimumVotes: Math.floor(index / 50) }),
  )
  const preferences = await ensurePreferences(db, [parseChoices({}), ...own])
  await sql`
    insert into subscribers (address, address_hash, consent, consent_source, preferences_id, cadence, hour, zone, waiting_since, next_due_at)
    select 'reader-' || n || '@example.net', decode(md5(n::text), 'hex'), 'confirmed', 'bench',
      (${preferences}::int[])[case when n % 20 = 0 then 2 + (n / 20) % 2000 else 1 end], 'daily', 7, 'UTC', now() - interval '30 days', now() + interval '1 day'
    from generate_series(1, ${readers}::int) n`.execute(db)
  await sql`analyze subscribers`.execute(db)
  const earlier: ReturnType<typeof inventPlaces> = []
  for (let day = 1; day <= editions; day++) {
    const date = `2026-03-0${day}`
    const rising = earlier.slice(-PAPERS).filter((place) => place.rank >= 8 && place.rank <= 12)
    const places = inventPlaces(date, PAPERS)
    places.push(
      ...rising.map((place, index) => ({
        ...place,
        section: 'rising' as const,
        rank: index + 1,
        position: PAPERS + index + 1,
      })),
    )
    earlier.push(...inventPlaces(date, PAPERS))
    const edition = await freezeEdition(round, date, { places })
    const before = performance.now()
    const planned = await planAll(round, edition, null)
    const seconds = (performance.now() - before) / 1000
    const { due } = await readAccounts(db, edition.id)
    const { rows } = await sql<{
      count: number
    }>`select count(*)::int as count from selections where edition_id = ${edition.id}`.execute(db)
    print(
      `edition ${day}: ${planned} of ${due} planned in ${seconds.toFixed(1)} s (${((seconds / readers) * 1e6).toFixed(1)} µs a reader), ${rows[0]?.count} selections, process at ${Math.round(process.memoryUsage().rss / 1e6)} MB`,
    )
  }
} finally {
  await round.close()
}
