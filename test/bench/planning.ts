// Times planning on PostgreSQL: N readers, a share of them with choices of their own, several
// editions of history whose papers rise into the new one. `npx tsx test/bench/planning.ts
// [--readers 100000] [--editions 4] [--personal 0.05] [--sets 5000] [--slice 5000] [--database
// postgres://…/EMPTY]`. Without a database, which is left full, PostgreSQL is one of its own, with
// fsync, and gone afterwards.
import { parseArgs } from 'node:util'
import { sql } from 'kysely'
import type { Place } from '../../src/edition/place.ts'
import { planAll } from '../../src/jobs/plan.ts'
import { SLICE_SIZES } from '../../src/jobs/round.ts'
import { freezeEdition, openTestRound, readAccounts } from '../support/round.ts'
import { openTemporaryPostgres } from '../support/servers.ts'
import { addCrowd, inventDay } from './crowd.ts'

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
let peak = 0
const watch = setInterval(() => {
  peak = Math.max(peak, process.memoryUsage().rss)
}, 50)
const print = (line: string) => process.stdout.write(`${line}\n`)

const server = values.database === undefined ? await openTemporaryPostgres({ fsync: true }) : undefined
const url = values.database ?? server?.url
if (url === undefined) throw new Error('PostgreSQL is not installed here: name an empty database with --database')
const round = await openTestRound(url, { sliceSize: Number(values.slice) })
const { db } = round
try {
  await addCrowd(db, { readers, personal: Number(values.personal), sets: Number(values.sets) })
  let places: Place[] = []
  for (let day = 1; day <= Number(values.editions); day++) {
    const date = `2026-03-0${day}`
    places = inventDay(date, places)
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
  await server?.close()
}
