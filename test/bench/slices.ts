// Times a plan in slices beside the same plan in one transaction, the hour of all readers at once,
// in turns on copies of one database: `npx tsx test/bench/slices.ts [--readers 500000]
// [--personal 0.05] [--sets 5000] [--waiting] [--rounds 3] [--slice 5000]`. With `--waiting` nobody
// has had the digest of the day before: it waits, and the new one takes it along. PostgreSQL is one
// of its own, with fsync, in the system's folder for temporary files; it is gone afterwards.
import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { type Kysely, sql } from 'kysely'
import { openDatabase } from '../../src/database/client.ts'
import type { Database } from '../../src/database/schema.ts'
import { planAll, planDue } from '../../src/jobs/plan.ts'
import { SLICE_SIZES } from '../../src/jobs/round.ts'
import { freezeEdition, openTestRound, readAccounts } from '../support/round.ts'
import { openTemporaryPostgres, query } from '../support/servers.ts'
import { addCrowd, inventDay } from './crowd.ts'
import { median } from './measured.ts'

const { values } = parseArgs({
  options: {
    readers: { type: 'string', default: '500000' },
    personal: { type: 'string', default: '0.05' },
    sets: { type: 'string', default: '5000' },
    waiting: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '3' },
    slice: { type: 'string', default: `${SLICE_SIZES.server}` },
  },
})
const readers = Number(values.readers)
const print = (line: string) => process.stdout.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`)

const server = await openTemporaryPostgres({ fsync: true })
if (server === undefined) throw new Error('PostgreSQL is not installed here')
const urlOf = (name: string) => Object.assign(new URL(server.url), { pathname: name }).href

try {
  await query(server.url, 'create database seeded')
  await seed(urlOf('seeded'))
  const sizes = { slices: Number(values.slice), whole: readers }
  const took: Record<keyof typeof sizes, Took[]> = { slices: [], whole: [] }
  for (let turn = 0; turn < Number(values.rounds); turn++) {
    for (const way of ['slices', 'whole'] as const) took[way].push(await time(way, sizes[way]))
  }
  for (const of of ['seconds', 'cpu'] as const) {
    const [slices, whole] = [took.slices, took.whole].map((list) => median(list.map((each) => each[of]))) as [
      number,
      number,
    ]
    print(
      `medians of ${of}: ${slices.toFixed(1)} in slices, ${whole.toFixed(1)} in one transaction: ${(slices / whole).toFixed(2)}`,
    )
  }
} finally {
  await server.close()
}

interface Took {
  seconds: number
  /** Of the planner and of its sessions, where other work on the machine counts least; on Linux. */
  cpu: number
}

/** Readers, and an edition that they have had or that still waits for them. */
async function seed(url: string): Promise<void> {
  const round = await openTestRound(url, { sliceSize: 50_000 })
  const { db } = round
  try {
    await addCrowd(db, { readers, personal: Number(values.personal), sets: Number(values.sets) })
    const places = inventDay('2026-03-04')
    const older = await freezeEdition(round, '2026-03-04', { hoursAgo: 30, places })
    await planAll(round, older, null)
    await sql`update deliveries set local_date = current_date - 1 where local_date is not null`.execute(db)
    if (!values.waiting) {
      await sql`update deliveries set state = 'submitted' where state = 'planned'`.execute(db)
      await sql`update batches set state = 'settled'`.execute(db)
    }
    await freezeEdition(round, '2026-03-05', { hoursAgo: 6, places: inventDay('2026-03-05', places) })
    await sql`update subscribers set hour = extract(hour from now() at time zone 'UTC')`.execute(db)
    await sql`update reader_clocks set next_due_at = date_trunc('hour', now())`.execute(db)
    await sql`vacuum analyze`.execute(db)
    print(`${readers} readers, ${(await readAccounts(db, older.id)).waiting} older deliveries waiting`)
  } finally {
    await round.close()
  }
}

async function time(way: string, sliceSize: number): Promise<Took> {
  await query(server?.url ?? '', 'create database tried template seeded')
  await query(server?.url ?? '', 'checkpoint')
  const round = await openTestRound(urlOf('tried'), { sliceSize, db: openDatabase(urlOf('tried')) })
  try {
    const cpu = process.cpuUsage()
    const before = performance.now()
    let longest = 0
    let last = before
    const looked = await planDue(round, async () => {
      longest = Math.max(longest, performance.now() - last)
      last = performance.now()
    })
    const seconds = (performance.now() - before) / 1000
    const { user, system } = process.cpuUsage(cpu)
    const inSessions = await readSessionsCpu(round.db)
    const { rows } = await sql<{ planned: number; merged: number }>`
      select count(*) filter (where state = 'planned')::int as planned, count(*) filter (where reason = 'merged')::int as merged from deliveries`.execute(
      round.db,
    )
    print(
      `${way}: ${looked} looked at, ${rows[0]?.planned} planned, ${rows[0]?.merged} merged in ${seconds.toFixed(1)} s (longest transaction ${(longest / 1000).toFixed(2)} s), CPU ${inSessions.toFixed(1)} s of PostgreSQL and ${((user + system) / 1e6).toFixed(1)} s of Node`,
    )
    return { seconds, cpu: inSessions + (user + system) / 1e6 }
  } finally {
    await round.close()
    await query(server?.url ?? '', 'drop database tried with (force)')
  }
}

/** Seconds of processor time that the sessions of this database have taken so far. */
async function readSessionsCpu(db: Kysely<Database>): Promise<number> {
  const { rows } = await sql<{ pid: number }>`
    select pid from pg_stat_activity where datname = current_database() and backend_type = 'client backend'`.execute(db)
  const ticks = await Promise.all(
    rows.map(async ({ pid }) => {
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
      const [user = 0, system = 0] = stat
        .slice(stat.lastIndexOf(')') + 2)
        .split(' ')
        .slice(11, 13)
        .map(Number)
      return user + system
    }),
  )
  return ticks.reduce((sum, each) => sum + each, 0) / 100
}
