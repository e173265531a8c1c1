// Shows what a reader costs: bytes a delivery with its indexes after a real round and a vacuum,
// bytes of log and time a reader who joins a shared clock, is planned and sent to. `npx tsx
// test/bench/million.ts [--readers 50000] [--due 50000] [--rounds 1] [--apart] [--deliveries 0]
// [--editions 730] [--database postgres://…/EMPTY]`. Emails leave while the rest is planned, or
// with `--apart` after it, so that both are told apart. `--deliveries 50000000` are made by SQL
// before, in as many editions, and `--due` are the readers whose hour it is. Without a database
// PostgreSQL is one of its own, with fsync, in the system's folder for temporary files, and gone
// afterwards. Nothing leaves: the provider takes every email and gives it an id as Resend does.
import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { type Kysely, sql } from 'kysely'
import type { Database } from '../../src/database/schema.ts'
import { listBatchesOf } from '../../src/delivery/sending/batch.ts'
import type { Edition } from '../../src/edition/edition.ts'
import type { Place } from '../../src/edition/place.ts'
import { dispatch } from '../../src/jobs/dispatch.ts'
import { planDue } from '../../src/jobs/plan.ts'
import { SLICE_SIZES } from '../../src/jobs/round.ts'
import { freezeEdition, openScriptedProvider, openTestRound, type TestRound } from '../support/round.ts'
import { openTemporaryPostgres } from '../support/servers.ts'
import { addCrowd, inventDay } from './crowd.ts'

const { values } = parseArgs({
  options: {
    database: { type: 'string' },
    readers: { type: 'string', default: '50000' },
    due: { type: 'string' },
    rounds: { type: 'string', default: '1' },
    deliveries: { type: 'string', default: '0' },
    editions: { type: 'string', default: '730' },
    personal: { type: 'string', default: '0.05' },
    sets: { type: 'string', default: '5000' },
    apart: { type: 'boolean', default: false },
  },
})
const readers = Number(values.readers)
const due = Number(values.due ?? readers)
const PLACES = 30
const FIRST_DAY = '2026-03-01'
/** As many requests at a time as a worker makes. */
const AT_ONCE = 4
const DROPPED = `
  alter table recovered_papers drop constraint recovered_papers_edition_id_subscriber_id_fkey;
  alter table deliveries drop constraint deliveries_pkey, drop constraint deliveries_subscriber_id_local_date_key,
    drop constraint deliveries_public_id_key`
const MADE = `
  alter table deliveries add primary key (edition_id, subscriber_id), add unique (subscriber_id, local_date), add unique (public_id);
  alter table recovered_papers add foreign key (edition_id, subscriber_id) references deliveries on delete cascade`
const TABLES = ['deliveries', 'batches', 'subscribers', 'reader_clocks', 'shared_clocks']
const print = (line: string) => process.stdout.write(`${line}\n`)

const server = values.database === undefined ? await openTemporaryPostgres({ fsync: true }) : undefined
const url = values.database ?? server?.url
if (url === undefined) throw new Error('PostgreSQL is not installed here: name an empty database with --database')
const round = await openTestRound(url, { sliceSize: SLICE_SIZES.server, provider: acceptingProvider() })
try {
  await addCrowd(round.db, { readers, personal: Number(values.personal), sets: Number(values.sets) })
  await addHistory(round.db, { deliveries: Number(values.deliveries), editions: Number(values.editions) })
  await shareClocks(round.db)
  await sql`vacuum analyze`.execute(round.db)
  let places: Place[] = inventDay(dayBefore(FIRST_DAY))
  for (let day = 1; day <= Number(values.rounds); day++) places = await runDay(day, places)
} finally {
  await round.close()
  await server?.close()
}

/** As many deliveries to each reader, spread over the editions before the first day. */
async function addHistory(
  db: Kysely<Database>,
  { deliveries, editions }: { deliveries: number; editions: number },
): Promise<void> {
  const each = Math.round(deliveries / readers)
  if (each === 0) return
  if (each > editions) throw new Error(`--editions ${editions} are fewer than the ${each} deliveries of a reader`)
  const began = performance.now()
  await sql`
    insert into editions (date, kind, state, cutoff_at, frozen_at, due)
    select ${FIRST_DAY}::date - n, 'daily', 'frozen', now() - make_interval(days => n), now() - make_interval(days => n), ${Math.round(deliveries / editions)}
    from generate_series(${editions}::int, 1, -1) n order by 1`.execute(db)
  await sql`
    with places as (
      select e.id, e.date, n, to_char(e.date, 'YYMM.DD') || lpad(n::text, 3, '0') as paper from editions e, generate_series(1, ${PLACES}::int) n
    ), made as (insert into papers (id, facts) select paper, '{}' from places)
    insert into edition_papers (edition_id, position, paper_id, section, listed_on, rank, upvotes, comments, reason, paper)
    select id, n, paper, 'ranked', date, n, 1, 0, '', '{}' from places`.execute(db)
  await sql`
    insert into selections (edition_id, id, length, papers, reasons)
    select id, 1, 'short', '{1,2,3,4,5,6,7,8,9,10}', '{1,1,1,1,1,1,1,1,1,1}' from editions`.execute(db)
  await sql.raw(DROPPED).execute(db)
  // Edition by edition, as they came; indexes once all are there.
  await sql`
    insert into deliveries (edition_id, subscriber_id, selection_id, batch_id, local_date, state, token_epoch, key_id, issued_at, provider_uuid)
    select e.id, r, 1, e.id, e.date + 1, 'submitted', 0, 1, e.frozen_at, gen_random_uuid()
    from (select * from editions order by id offset 0) e cross join lateral (
      select generate_series(1 + (e.id + j * ${Math.floor(editions / each)}::int) % ${editions}::int, ${readers}::int, ${editions}::int) as r
      from generate_series(0, ${each - 1}::int) j
    ) x`.execute(db)
  await sql`
    insert into batches (edition_id, state, members, provider, first_attempt_at, attempts)
    select e.id, 'settled', array_fill(1, array[100]), 'resend', e.frozen_at, 1
    from editions e cross join generate_series(1, ${Math.round(deliveries / editions / 100)}::int)`.execute(db)
  await sql.raw(MADE).execute(db)
  print(
    `${each * readers} deliveries of ${editions} editions made in ${((performance.now() - began) / 1_000).toFixed(0)} s`,
  )
}

/** Lets this be the hour of those who are due, and share their clocks, as it does once planned. */
async function shareClocks(db: Kysely<Database>): Promise<void> {
  await sql`
    update subscribers set hour = extract(hour from now() at time zone 'UTC') where id <= ${due} and hour <> extract(hour from now() at time zone 'UTC')`.execute(
    db,
  )
  await sql`
    update reader_clocks set next_due_at = date_trunc('hour', now()), waiting_since = now() - interval '12 hours'
    where subscriber_id <= ${due}`.execute(db)
  const joined = await measured(() => planDue(round))
  print(`${joined.value} readers joined clocks: ${inWords(joined)}`)
  await sql`update reader_clocks set waiting_since = now() - interval '30 days'`.execute(db)
}

/** One hour of all readers: an edition planned as it falls due, and sent. */
async function runDay(day: number, before: readonly Place[]): Promise<Place[]> {
  const { db } = round
  const date = FIRST_DAY.replace(/..$/, String(day).padStart(2, '0'))
  const places = inventDay(date, before)
  const edition = await freezeEdition(round, date, { hoursAgo: 6, places })
  if (day > 1) await sql`update deliveries set local_date = local_date - 1 where local_date is not null`.execute(db)
  await sql`
    update shared_clocks set next_due_at = date_trunc('hour', now()), waiting_since = now() - interval '12 hours'
    where hour = extract(hour from now() at time zone 'UTC')`.execute(db)
  if (day > 1) await sql`vacuum analyze`.execute(db)
  const sender = openSender(round, edition)
  const planned = await measured(() => planDue(round, values.apart ? undefined : () => sender.handOn()))
  print(
    `day ${day}: ${planned.value} readers ${values.apart ? 'planned' : 'planned, some of them sent to'}: ${inWords(planned)}`,
  )
  const sent = await measured(() => sender.end())
  print(`day ${day}: ${sent.value} sent: ${inWords(sent)}`)
  await sql`vacuum analyze`.execute(db)
  await printSizes(db)
  return places
}

function dayBefore(date: string): string {
  return new Date(Date.parse(date) - 86_400_000).toISOString().slice(0, 10)
}

function acceptingProvider() {
  return openScriptedProvider({
    send: async ({ mails }) => ({
      kind: 'answered',
      outcomes: mails.map(() => ({ state: 'submitted' as const, providerId: randomUUID() })),
    }),
  })
}

/** Sends what is handed on as a worker does, while the rest is planned. */
function openSender(round: TestRound, { id }: Edition): { handOn(): Promise<void>; end(): Promise<number> } {
  const ids: number[] = []
  let last = 0
  let working: Promise<unknown> = Promise.resolve()
  const work = async () => {
    for (let next = ids.shift(); next !== undefined; next = ids.shift()) ids.push(...(await dispatch(round, next)))
  }
  const handOn = async () => {
    ids.push(...(await listBatchesOf(round.db, id, null, last)))
    last = Math.max(last, ...ids)
    const before = working
    working = Promise.all([before, ...Array.from({ length: AT_ONCE }, work)])
  }
  return {
    handOn,
    async end() {
      await handOn()
      await working
      const { rows } = await sql<{ count: number }>`
        select count(*)::int as count from deliveries where edition_id = ${id} and state = 'submitted'`.execute(
        round.db,
      )
      return rows[0]?.count ?? 0
    },
  }
}

/** Bytes by heap and by index, of all and a delivery. */
async function printSizes(db: Kysely<Database>): Promise<void> {
  const { rows } = await sql<{ name: string; of: string; bytes: number; fill: string }>`
    select c.relname as name, t.relname as of, pg_relation_size(c.oid)::float8 as bytes,
      coalesce(round(100.0 * s.n_tup_hot_upd / nullif(s.n_tup_upd, 0)) || ' % of ' || s.n_tup_upd || ' updates within a page', '') as fill
    from pg_class t
    cross join lateral (select t.oid union all select indexrelid from pg_index where indrelid = t.oid
      union all select t.reltoastrelid where t.reltoastrelid <> 0) part(oid)
    join pg_class c on c.oid = part.oid
    left join pg_stat_user_tables s on s.relid = c.oid
    where t.relname = any(${TABLES}) order by t.relname, c.relkind desc, 3 desc`.execute(db)
  const { rows: counts } = await sql<{ count: number }>`select count(*)::int as count from deliveries`.execute(db)
  const deliveries = counts[0]?.count ?? 1
  for (const { name, bytes, fill } of rows) {
    print(
      `  ${name.padEnd(44)} ${(bytes / 1e6).toFixed(1).padStart(8)} MB ${(bytes / deliveries).toFixed(1).padStart(7)} B a delivery ${fill}`,
    )
  }
  const total = (tables: readonly string[]) =>
    rows.filter(({ of }) => tables.includes(of)).reduce((sum, { bytes }) => sum + bytes, 0) / deliveries
  print(
    `  a delivery: ${total(['deliveries', 'batches']).toFixed(0)} B with its indexes and its part of a batch (${deliveries} deliveries)`,
  )
}

interface Measured<T> {
  value: T
  serverMs: number
  ownMs: number
  walBytes: number
}

async function measured<T>(work: () => Promise<T>): Promise<Measured<T>> {
  const before = await readServer(round.db)
  const cpu = process.cpuUsage()
  const value = await work()
  const { user, system } = process.cpuUsage(cpu)
  const after = await readServer(round.db)
  return { value, serverMs: after.ms - before.ms, ownMs: (user + system) / 1_000, walBytes: after.wal - before.wal }
}

/**
 * Processor time of this database's sessions so far, and how far the log is; the former on Linux.
 */
async function readServer(db: Kysely<Database>): Promise<{ ms: number; wal: number }> {
  const { rows } = await sql<{ pid: number; wal: number }>`
    select pid, (pg_current_wal_insert_lsn() - '0/0')::float8 as wal from pg_stat_activity
    where datname = current_database() and backend_type = 'client backend'`.execute(db)
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
  return { ms: ticks.reduce((sum, each) => sum + each, 0) * 10, wal: rows[0]?.wal ?? 0 }
}

function inWords({ serverMs, ownMs, walBytes }: Omit<Measured<unknown>, 'value'>): string {
  const perReader = (ms: number) => ((ms * 1_000) / due).toFixed(1)
  // While both go on, sessions come and go with what they have used.
  const time = values.apart ? `${perReader(serverMs)} µs of PostgreSQL, ${perReader(ownMs)} µs of Node, ` : ''
  return `${time}${Math.round(walBytes / due)} B of log a reader`
}
