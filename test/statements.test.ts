// SQL that cannot drift: what the source says of the rows of every raw statement, and of the
// tables, is what PostgreSQL says of them. Runs after all other tests, on the statements that they
// executed; who runs a part of the suite has that part checked.
import { fileURLToPath } from 'node:url'
import { type Kysely, sql } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { openDatabase } from '../src/database/client.ts'
import type { Database } from '../src/database/schema.ts'
import { WORK_TABLES } from '../src/delivery/planning/work-tables.ts'
import { findDrift, findSchemaDrift, SHAPES } from './support/statements/checking.ts'
import { type Described, type Describer, openDescriber } from './support/statements/description.ts'
import { LARGE, openPlanner, type Planner } from './support/statements/plans.ts'
import { readRecorded } from './support/statements/recording.ts'
import { readSources, type Site, type Sources } from './support/statements/sources.ts'
import { openTestDatabase, type TestDatabase } from './support/stores.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Rows that a source may say of `STATEMENT`, by file. */
const ROWS = {
  'src/right.ts': '{ id: number; address: string; sentAt: Date | null; date: string }',
  'src/renamed.ts': '{ id: number; mail: string; sentAt: Date | null; date: string }',
  'src/retyped.ts': '{ id: number; address: string; sentAt: Date | null; date: Date }',
  'src/sure.ts': '{ id: number; address: string; sentAt: Date; date: string }',
  'src/open.ts': 'Record<string, unknown>',
}
const STATEMENT = `
  select r.id, r.address, m.sent_at as "sentAt", m.date from readers_of_fixture r
  join mails_of_fixture m on m.reader_id = r.id where r.id = $1`
const FIXTURE = `
  create table readers_of_fixture (id int primary key, address text not null);
  create table mails_of_fixture (reader_id int not null, date date not null, sent_at timestamptz)`

const RESTORED = 'by the operator, once a restored copy: each reader is held against a list from outside'
const SET_BACK = 'once, after the clock was set back'
/** What reads a large table from end to end, and why it may: by file and table. */
const WHOLE: Readonly<Record<string, string>> = {
  'src/delivery/account/morning.ts subscribers': 'once a day, all readers are counted',
  'src/delivery/restoring/healing.ts subscribers': RESTORED,
  'src/delivery/restoring/papers.ts subscribers': RESTORED,
  'src/delivery/restoring/reading.ts batches': RESTORED,
  'src/delivery/restoring/reading.ts subscribers': RESTORED,
  'src/delivery/sending/recovered.ts subscribers': RESTORED,
  'src/delivery/witness/listed.ts subscribers': RESTORED,
  'src/subscriber/journal/readers.ts subscribers': `${RESTORED}; the hashes are of a key that no index knows`,
  'src/jobs/clock-back.ts collections': SET_BACK,
  'src/jobs/clock-back.ts reader_clocks': SET_BACK,
  'src/jobs/clock-back.ts subscribers': SET_BACK,
  'src/source/store.ts collections': 'a row a look at the source, some twenty a day',
}

let sources: Sources
let database: TestDatabase
let db: Kysely<Database>
let client: pg.Client
let describer: Describer

beforeAll(async () => {
  const rows = Object.entries(ROWS).map(([path, row]) => [path, `export const f = (db) => sql<${row}>\`\`.execute(db)`])
  sources = readSources(root, Object.fromEntries(rows))
  database = await openTestDatabase('embedded')
  db = openDatabase(database.url)
  client = new pg.Client(database.url)
  await client.connect()
  await client.query(FIXTURE)
  await makeWorkTables(client)
  describer = await openDescriber(client)
})

afterAll(async () => {
  // The embedded server keeps one session, whoever is connected.
  await client?.query('drop table readers_of_fixture, mails_of_fixture')
  await client?.query('discard all')
  await client?.end()
  await db?.destroy()
  await database?.close()
})

/** For the life of a connection: described, not used. */
async function makeWorkTables(client: pg.Client): Promise<void> {
  for (const [name, columns] of Object.entries(WORK_TABLES)) {
    const list = Object.entries(columns).map(([column, type]) => `${column} ${type}`)
    await client.query(`create temp table ${name} (${list.join(', ')})`)
  }
}

describe('what the tests executed', () => {
  const recorded = readRecorded()

  it.skipIf(recorded.length === 0)('gives the rows that the source says', async () => {
    const drift: string[] = []
    for (const { place, text } of recorded) {
      const site = sources.siteAt(place)
      if (!site) drift.push(`${place} executes a statement that is not found there`)
      else drift.push(...(await describeAt(site, text)))
    }
    expect([...new Set(drift)]).toEqual([])
  })

  it.skipIf(recorded.length === 0)('reads no large table from end to end', async () => {
    const planner = await openPlanner(client)
    const read = new Set<string>()
    for (const { place, text } of recorded) {
      for (const table of await planner.findReadWhole(text)) read.add(`${place.split(':')[0]} ${table}`)
    }
    await planner.close()
    expect([...read].filter((each) => !Object.hasOwn(WHOLE, each)).sort()).toEqual([])
    if (inject('isWhole')) expect(Object.keys(WHOLE).filter((each) => !read.has(each))).toEqual([])
  })

  it.skipIf(!inject('isWhole'))('is every raw statement of the source', () => {
    const reached = new Set(recorded.map(({ place }) => sources.siteAt(place)))
    const own = sources.sites.filter(({ path }) => !Object.hasOwn(ROWS, path))
    const unreached = own.filter((site) => !reached.has(site))
    expect(unreached.map(({ path, line }) => `${path}:${line} is executed by no test`)).toEqual([])
  })
})

async function describeAt(site: Site, text: string): Promise<string[]> {
  try {
    return findDrift(site, await describer.describe(text), sources.tables)
  } catch (error) {
    return [`${site.path}:${site.line} is refused: ${(error as Error).message}`]
  }
}

describe('a large table read from end to end', () => {
  let planner: Planner
  beforeAll(async () => {
    planner = await openPlanner(client)
  })
  afterAll(() => planner.close())

  it.each([
    ['select state from deliveries where provider_id = $1', ['deliveries']],
    ['select state from deliveries where public_id = $1', []],
    ['select state from deliveries where edition_id = $1 and subscriber_id = any($2::int[])', []],
    [
      'select s.id from subscribers s where exists (select from suppressions x where x.address_hash = s.address_hash)',
      ['subscribers', 'suppressions'],
    ],
    ['update batches b set attempts = 0 from deliveries d where d.public_id = $1 and b.id = d.batch_id', []],
    ['delete from notices where sealed is null', ['notices']],
    ['select id from editions where date = $1', []],
    ['set local lock_timeout = 1', []],
  ])('%s', async (text, tables) => {
    expect(await planner.findReadWhole(text)).toEqual(tables)
  })

  it('is one of these', async () => {
    const { rows } = await client.query('select relname from pg_class where relname = any($1)', [Object.keys(LARGE)])
    expect(rows).toHaveLength(Object.keys(LARGE).length)
  })
})

it('the picture of the tables is what migrating makes', () => {
  expect(sources.tables.length).toBeGreaterThan(20)
  expect(findSchemaDrift(sources.tables, describer.attributes)).toEqual([])
})

describe('a difference is found', () => {
  const drift = (path: string, result: Described[]) =>
    findDrift(sources.sites.find((site) => site.path === path) as Site, result, sources.tables)

  it('and none where there is none', async () => {
    expect(drift('src/right.ts', await describer.describe(STATEMENT))).toEqual([])
  })

  it('when a column has another name', async () => {
    expect(drift('src/renamed.ts', await describer.describe(STATEMENT))).toEqual([
      'src/renamed.ts:1 gives address, which its row does not have',
      'src/renamed.ts:1 says that it gives mail, and does not',
    ])
  })

  it('when a column has another type', async () => {
    expect(drift('src/retyped.ts', await describer.describe(STATEMENT))).toEqual([
      'src/retyped.ts:1 date is string, not Date',
    ])
  })

  it('when a column may be null, and nobody says so', async () => {
    expect(drift('src/sure.ts', await describer.describe(STATEMENT))).toEqual(['src/sure.ts:1 sentAt may be null'])
  })

  it('when a table no longer promises a value', async () => {
    await client.query('begin; alter table readers_of_fixture alter address drop not null')
    const changed = await openDescriber(client)
    expect(drift('src/right.ts', await changed.describe(STATEMENT))).toEqual(['src/right.ts:1 address may be null'])
    await client.query('rollback')
  })

  it('when a join no longer promises a row', async () => {
    const left = STATEMENT.replace(' join', ' left join')
    expect(drift('src/right.ts', await describer.describe(left))).toEqual(['src/right.ts:1 date may be null'])
  })

  it('when a row names no columns', async () => {
    expect(drift('src/open.ts', await describer.describe(STATEMENT))).toEqual([
      'src/open.ts:1 says of its rows that they may be anything: name their columns',
    ])
  })
})

/** Expressions on the tables of the fixture, where `m` is the outer side of a join. */
const NEVER_NULL = [
  'r.address',
  'count(m.date)',
  'coalesce(max(m.date), current_date)',
  "case when r.id = 1 then 'a' else 'b' end",
  'exists (select from mails_of_fixture)',
  '(select count(*) from mails_of_fixture where reader_id = r.id)',
  'array(select date from mails_of_fixture)',
  'clock_timestamp() - make_interval(mins => 1)',
  '(r.id * 2)::float8',
  'r.address in (select address from readers_of_fixture where id = 2) is true',
  'row_number() over (order by r.id)',
  'm.date is not null and r.id > 1',
]
const MAYBE_NULL = [
  'm.date',
  'max(r.id)',
  '$1::int',
  'nullif(r.id, 1)',
  "case when r.id = 1 then 'a' end",
  '(select date from mails_of_fixture limit 1)',
  '(select max(date) from mails_of_fixture)',
  "'{}'::jsonb ->> r.address",
  'r.id + extract(isodow from m.date)::int',
  'm.date > current_date',
  'sum(r.id) over ()',
]

it('an expression may be null unless a rule says that it never is', async () => {
  const tell = async (expression: string) => {
    const [column] = await describer.describe(`
      select ${expression} as x from readers_of_fixture r left join mails_of_fixture m on m.reader_id = r.id
      group by r.id, m.date`)
    return column?.nullable
  }
  for (const expression of NEVER_NULL) expect([expression, await tell(expression)]).toEqual([expression, false])
  for (const expression of MAYBE_NULL) expect([expression, await tell(expression)]).toEqual([expression, true])
})

it.each([
  [
    'a column that the statement demands',
    'select sent_at as x from mails_of_fixture where sent_at is not null and date > $1',
    false,
  ],
  [
    'a column that one of two demands',
    'select sent_at as x from mails_of_fixture where sent_at is not null or date > $1',
    true,
  ],
  ['through with', 'with a as (select id from readers_of_fixture) select id as x from a', false],
  [
    'outer, through with',
    'with a as (select reader_id from mails_of_fixture) select a.reader_id as x from (select 1) one left join a on true',
    true,
  ],
  [
    'what an update gives',
    'update mails_of_fixture set sent_at = $1 where sent_at is not null returning sent_at as x',
    true,
  ],
  ['of two selects in one', 'select date as x from mails_of_fixture union select null', true],
  ['a place in a list', "select place as x from unnest('{1}'::int[]) with ordinality l(id, place)", false],
  ['an element of a list', "select id as x from unnest('{1}'::int[]) with ordinality l(id, place)", true],
])('%s', async (_, text, nullable) => {
  expect((await describer.describe(text)).map((column) => column.nullable)).toEqual([nullable])
})

it('types read as the driver reads them', async () => {
  const { rows } = await sql<{ type: number; name: string }>`
    select oid::int as type, format_type(oid, null) as name from pg_type
    where oid = any(${Object.keys(SHAPES).map(Number)}::int[])`.execute(db)
  for (const { type, name } of rows) {
    const literal = LITERALS[name.replace('[]', '')] ?? ''
    const given = sql.raw(`'${name.endsWith('[]') ? `{${literal}}` : literal}'::${name} as value`)
    const read = await sql<{ value: unknown }>`select ${given}`.execute(db)
    expect([name, shapeOf(read.rows[0]?.value)]).toEqual([name, SHAPES[type]])
  }
})

/** A value of each type that has no text for one. */
const LITERALS: Record<string, string> = {
  boolean: 'true',
  date: '2026-01-05',
  'timestamp with time zone': '2026-01-05 07:00:00+00',
  uuid: '00000000-0000-4000-8000-000000000000',
  ...Object.fromEntries(['bigint', 'smallint', 'integer', 'double precision', 'numeric'].map((name) => [name, '7'])),
}

function shapeOf(value: unknown): string {
  if (Array.isArray(value)) return `${shapeOf(value[0] ?? '')}[]`
  return typeof value === 'object' && value !== null ? value.constructor.name : typeof value
}
