// Shows how due subscribers are found among many: the plan of the query, its time, and that of the
// tick's two questions. On an own database of a server, dropped afterwards. `npx tsx
// test/bench/due.ts [--server postgres://…] [--readers 1000000]`
import { parseArgs } from 'node:util'
import { sql } from 'kysely'
import pg from 'pg'
import { openDatabase } from '../../src/database/client.ts'
import { migrate } from '../../src/database/migrate.ts'
import { migrations } from '../../src/database/migrations/index.ts'
import { parseChoices } from '../../src/subscriber/preferences.ts'
import { ensurePreferences, isReaderDue, listWantedWeeks } from '../../src/subscriber/store.ts'

const { values } = parseArgs({
  options: {
    server: { type: 'string', default: 'postgres://postgres@127.0.0.1:5432/postgres' },
    readers: { type: 'string', default: '1000000' },
  },
})
const readers = Number(values.readers)
const print = (line: string) => process.stdout.write(`${line}\n`)

const server = new pg.Client({ connectionString: values.server })
await server.connect()
const name = `bench_due_${process.pid}`
await server.query(`create database ${name}`)
const url = new URL(values.server)
url.pathname = name
const db = openDatabase(url.href)
try {
  await migrate(db, migrations)
  const [preferences] = await ensurePreferences(db, [parseChoices({})])
  // Hours spread over the next day; one in a thousand is due now; one in ten is weekly.
  await sql`
    insert into subscribers (address, address_hash, consent, consent_source, preferences_id, cadence, hour, zone)
    select 'reader-' || n || '@example.net', decode(md5(n::text), 'hex'), 'confirmed', 'bench', ${preferences},
      case when n % 10 = 0 then 'weekly' else 'daily' end, n % 24, 'UTC'
    from generate_series(1, ${readers}::int) n`.execute(db)
  await sql`
    insert into reader_clocks (subscriber_id, next_due_at, weekly)
    select id, now() + case when id % 1000 = 0 then interval '-1 second' else make_interval(secs => 60 + id % 86000) end, cadence = 'weekly'
    from subscribers order by id`.execute(db)
  await sql`vacuum analyze subscribers, reader_clocks`.execute(db)
  const plan = await sql<{ 'QUERY PLAN': string }>`
    explain (analyze, buffers) select * from reader_clocks where next_due_at <= now() order by next_due_at limit 200000`.execute(
    db,
  )
  for (const row of plan.rows) print(row['QUERY PLAN'])
  for (const [name, ask] of Object.entries({ isReaderDue, listWantedWeeks: () => listWantedWeeks(db, 30) })) {
    const before = performance.now()
    await ask(db)
    print(`${name}: ${(performance.now() - before).toFixed(1)} ms of ${readers} subscribers`)
  }
} finally {
  await db.destroy()
  await server.query(`drop database ${name} with (force)`)
  await server.end()
}
