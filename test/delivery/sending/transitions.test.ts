// Holds the table of transitions to what else says the same: who writes, the migrated database, the
// page in docs/.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Kysely, sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Database } from '../../../src/database/schema.ts'
import {
  BATCH_LIFE,
  DELIVERY_LIFE,
  isForGoodSql,
  isFreshSql,
  isUnsettledSql,
  NOTICE_LIFE,
  type Transition,
  toSql,
} from '../../../src/delivery/sending/transitions.ts'
import { readFiles } from '../../support/imports.ts'
import { asOwner } from '../../support/program-user.ts'
import { openTestRound, type TestRound } from '../../support/round.ts'
import { describeStores } from '../../support/stores.ts'
import { findWriters } from '../../support/writers.ts'
import { renderStates } from './states-picture.ts'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
/** All that changes or removes a row of these tables, its state or anything else of it. */
const MACHINE = ['ledger.ts', 'once.ts', 'parts.ts'].map((file) => `src/delivery/sending/${file}`)
/** Where *sent once* is read, and how many lines it may take. */
const ONCE = { file: 'src/delivery/sending/once.ts', lines: 250 }
const TABLES = ['batches', 'deliveries', 'notices']
const LIVES: Record<string, Readonly<Record<string, Transition<string>>>> = {
  batches: BATCH_LIFE,
  deliveries: DELIVERY_LIFE,
  notices: NOTICE_LIFE,
}

describe('who writes', () => {
  it('is the machine alone, but for the rows that planning and asking insert', () => {
    const writers = findWriters(readFiles(ROOT, ['src']), TABLES)
    const movers = new Set(writers.filter(({ verb }) => verb !== 'insert').map(({ path }) => path))
    expect([...movers].sort()).toEqual(MACHINE)
    expect(movers.size).toBeLessThanOrEqual(3)
    const inserters = writers.filter(({ path }) => !movers.has(path))
    expect(inserters).toEqual([
      { path: 'src/delivery/notice/asking.ts', table: 'notices', verb: 'insert' },
      { path: 'src/delivery/planning/planning.ts', table: 'batches', verb: 'insert' },
      { path: 'src/delivery/planning/planning.ts', table: 'deliveries', verb: 'insert' },
    ])
    const parts = writers.filter(({ path, verb }) => movers.has(path) && verb === 'insert')
    expect(parts).toEqual([
      { path: 'src/delivery/sending/ledger.ts', table: 'deliveries', verb: 'insert' },
      { path: 'src/delivery/sending/parts.ts', table: 'batches', verb: 'insert' },
    ])
  })

  it.each([
    ['sql`update batches set state = 1`', 'update'],
    ['sql`with x as (\n  UPDATE deliveries d set a = 1)`', 'update'],
    ['sql`update "batches" u set a = 1`', 'update'],
    ['sql`delete from batches`', 'delete'],
    ['sql`insert into deliveries (a) values (1)`', 'insert'],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the text of another file
    ['sql`update ${sql.table(name)} set a = 1`', 'update'],
    ["db.updateTable('batches').set({})", 'update'],
    ['trx.insertInto("deliveries").values({})', 'insert'],
    ["trx\n  .deleteFrom('batches')", 'delete'],
    ['db.updateTable(table).set({})', 'update'],
  ])('is found in %j', (text, verb) => {
    const [writer] = findWriters({ 'src/web/a.ts': text }, ['batches', 'deliveries'])
    expect(writer).toMatchObject({ path: 'src/web/a.ts', verb })
  })

  it('is nobody who reads, locks, speaks of it or writes other tables', () => {
    const texts = {
      'src/a.ts': 'sql`select from batches for update of d skip locked`',
      'src/b.ts': '// update batches\n/** delete from batches */\n * insert into deliveries',
      'src/c.ts': 'sql`insert into notes (a) values (1) on conflict (a) do update set a = 2`',
      'src/database/migrations/001.ts': 'sql`update batches set a = 1`',
    }
    expect(findWriters(texts, TABLES)).toEqual([])
  })
})

describe('sent once', () => {
  it('is read in one file that is soon read', () => {
    const lines = readFileSync(`${ROOT}/${ONCE.file}`, 'utf8').split('\n')
    expect(lines.length).toBeLessThan(ONCE.lines)
  })
})

describe('docs/states.md', () => {
  it('is drawn from the table: npx tsx test/delivery/sending/states-picture.ts', () => {
    expect(readFileSync(`${ROOT}/docs/states.md`, 'utf8')).toBe(renderStates())
  })
})

describe('toSql', () => {
  it('throws where a change leads to several states, or to none', () => {
    expect(() => toSql(BATCH_LIFE.leave)).toThrow('not one state: planned, deferred, settled')
    expect(() => toSql(BATCH_LIFE.ration)).toThrow('not one state')
  })
})

describeStores('the migrated database', (stores) => {
  let round: TestRound
  beforeEach(async () => {
    round = await openTestRound(asOwner(stores.databaseUrl))
  })
  afterEach(() => round.close())

  it.each(TABLES)('allows the states of the table, and no others: %s', async (table) => {
    const changes = Object.values(LIVES[table] ?? {})
    const states = new Set(changes.flatMap(({ from, to }) => [...from, ...to]))
    const { rows: words } = await sql<{ word: string }>`
      select e.enumlabel::text as word from pg_attribute a join pg_enum e on e.enumtypid = a.atttypid
      where a.attrelid = ${table}::regclass and a.attname = 'state'`.execute(round.db)
    const checks = (await listChecks(round.db, table)).filter((text) => /^CHECK \(\(state = ANY/.test(text))
    expect(checks).toHaveLength(words.length === 0 ? 1 : 0)
    expect(new Set([...words.map(({ word }) => word), ...wordsIn(checks[0] ?? '')])).toEqual(states)
  })

  it('demands of an attempting row what the mark writes', async () => {
    for (const [table, columns] of [
      ['batches', ['recipe_sha256', 'join_version']],
      ['notices', ['mail_sha256', 'notice_version', 'address', 'sealed']],
    ] as const) {
      const checks = (await listChecks(round.db, table)).filter((text) => text.includes("state <> 'attempting'"))
      expect(checks).toHaveLength(1)
      for (const column of [...columns, 'idempotency_key', 'provider', 'first_attempt_at']) {
        expect(checks[0]).toContain(`(${column} IS NOT NULL)`)
      }
    }
  })

  it('finds what a claim may take by the partial indexes, whose predicate is the same list', async () => {
    for (const [table, life] of [
      ['batches', BATCH_LIFE],
      ['notices', NOTICE_LIFE],
    ] as const) {
      const { rows } = await sql<{ name: string; predicate: string }>`
        select c.relname as name, pg_get_expr(i.indpred, i.indrelid) as predicate
        from pg_index i join pg_class c on c.oid = i.indexrelid
        where i.indrelid = ${table}::regclass and i.indpred is not null and pg_get_expr(i.indpred, i.indrelid) ~ 'state'`.execute(
        round.db,
      )
      expect(rows).toHaveLength(1)
      expect(wordsIn(rows[0]?.predicate ?? '')).toEqual([...life.claim.from])
      const name = rows[0]?.name as string
      expect(await explain(round.db, table, name, isUnsettledSql('u'))).toContain(name)
      expect(await explain(round.db, table, name, isForGoodSql('u'))).toContain(name)
      if (table === 'batches') expect(await explain(round.db, table, name, isFreshSql('u'))).toContain(name)
    }
  })
})

async function listChecks(db: Kysely<Database>, table: string): Promise<string[]> {
  const { rows } = await sql<{ text: string }>`
    select pg_get_constraintdef(oid) as text from pg_constraint where conrelid = ${table}::regclass and contype = 'c'`.execute(
    db,
  )
  return rows.map(({ text }) => text)
}

function wordsIn(text: string): string[] {
  return [...text.matchAll(/'([a-z-]+)'::text/g)].map((match) => match[1] as string)
}

/**
 * The plan of a condition where an index is taken whenever one can be, and no other index than this
 * one is there: costs of an empty table say nothing.
 */
async function explain(
  db: Kysely<Database>,
  table: string,
  index: string,
  condition: ReturnType<typeof isUnsettledSql>,
): Promise<string> {
  const undo = new Error('the indexes come back')
  let plan = ''
  await db
    .transaction()
    .execute(async (trx) => {
      const { rows: others } = await sql<{ name: string }>`
        select i.indexrelid::regclass::text as name from pg_index i
        where i.indrelid = ${table}::regclass and not i.indisunique and i.indexrelid <> ${index}::regclass`.execute(trx)
      for (const { name } of others) await sql`drop index ${sql.raw(name)}`.execute(trx)
      await sql`set local enable_seqscan = off`.execute(trx)
      const { rows } = await sql<Record<string, string>>`
        explain select u.id from ${sql.table(table)} u where ${condition} and u.next_attempt_at <= now()`.execute(trx)
      plan = rows.map((row) => row['QUERY PLAN']).join('\n')
      throw undo
    })
    .catch((error: unknown) => {
      if (error !== undo) throw error
    })
  return plan
}
