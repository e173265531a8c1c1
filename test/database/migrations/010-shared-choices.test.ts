// Rows of the build before are brought up to date, and a round goes on with them. One that is under
// way meanwhile: test/delivery/in-flight.test.ts.
import { createHash } from 'node:crypto'
import { type Kysely, sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openDatabase } from '../../../src/database/client.ts'
import { migrate } from '../../../src/database/migrate.ts'
import { migrations } from '../../../src/database/migrations/index.ts'
import type { Database } from '../../../src/database/schema.ts'
import { dispatch } from '../../../src/jobs/dispatch.ts'
import { planAll } from '../../../src/jobs/plan.ts'
import { hashChoices, parseChoices, readChoices } from '../../../src/subscriber/preferences.ts'
import { ensurePreferences } from '../../../src/subscriber/store.ts'
import { freezeEdition, openTestRound, readAccounts } from '../../support/round.ts'
import { openTestDatabase, realPostgresUrl, type TestDatabase } from '../../support/stores.ts'

const before = Object.fromEntries(Object.entries(migrations).filter(([name]) => name < '010'))
const kinds = [{ kind: 'embedded' }, ...((await realPostgresUrl()) ? [{ kind: 'real' }] : [])] as const

describe.each(kinds)('010-shared-choices on $kind PostgreSQL', ({ kind }) => {
  let database: TestDatabase
  let db: Kysely<Database>
  beforeEach(async () => {
    const opened =
      kind === 'embedded' ? await openTestDatabase('embedded', 'nothing') : await openTestDatabase('real', 'nothing')
    if (opened === undefined) throw new Error('PostgreSQL went away')
    database = opened
    db = openDatabase(database.url)
    await migrate(db, before)
  })
  afterEach(async () => {
    await db.destroy()
    await database.close()
  })

  it('merges rows that become equal, keeps every reader’s choices, and a round goes on', { tags: 'long' }, async () => {
    const full = parseChoices({})
    const { includeMeans: _, ...older } = full
    const few = parseChoices({ papers: 3, mute: ['benchmarks'] })
    const unknown = { ...few, languages: ['en'] }
    const shapes: object[] = [older, full, few, unknown]
    const ids: number[] = []
    for (const choices of shapes) ids.push(await insertOld(choices))
    // More read the row without the newest field: still the full one stays.
    const readers: [string, number][] = [
      ['a', 0],
      ['b', 0],
      ['c', 1],
      ['d', 2],
      ['e', 3],
    ]
    for (const [name, shape] of readers) await insertReader(name, ids[shape] as number)
    expect((await migrate(db, migrations))[0]).toBe('010-shared-choices')
    const rows = await sql<{ name: string; id: number; choices: unknown; sha256: Buffer }>`
      select split_part(s.address, '@', 1) as name, p.id, p.choices, p.sha256
      from subscribers s join preferences p on p.id = s.preferences_id order by 1`.execute(db)
    expect(rows.rows.map(({ name, id }) => [name, id])).toEqual([
      ['a', ids[1]],
      ['b', ids[1]],
      ['c', ids[1]],
      ['d', ids[2]],
      ['e', ids[3]],
    ])
    for (const { choices, sha256 } of rows.rows) expect(hashChoices(readChoices(choices))).toEqual(sha256)
    expect(rows.rows[4]?.choices).toEqual(unknown)
    // What the program finds afterwards are these rows, and no others were left.
    expect(await ensurePreferences(db, [full, few])).toEqual([ids[1], ids[2]])
    expect(await db.selectFrom('preferences').select('id').execute()).toHaveLength(3)
    const round = await openTestRound(database.url, { db })
    const edition = await freezeEdition(round, '2026-03-05')
    await planAll(round, edition, null)
    const [batch] = await db.selectFrom('batches').select('id').execute()
    await dispatch(round, batch?.id as number)
    expect(round.provider.accepted).toHaveLength(5)
    expect(await readAccounts(db, edition.id)).toMatchObject({ due: 5, submitted: 5, waiting: 0 })
    // A program of before goes on inserting by its hash: its readers are planned like all others.
    await insertReader('late', await insertOld(full))
    expect(await planAll(round, edition, null)).toBe(1)
  })

  it('waits for whoever writes either table, without a deadlock', { tags: 'long' }, async () => {
    if (kind === 'embedded') return
    const id = await insertOld(parseChoices({}))
    await insertOld({ papers: 10 })
    await insertReader('a', id)
    let migrating: Promise<string[]> | undefined
    await db.transaction().execute(async (trx) => {
      await sql`select from subscribers for update`.execute(trx)
      migrating = migrate(openedToo(), migrations)
      await sql`select pg_sleep(1.5)`.execute(trx)
      await insertOld({ papers: 4 }, trx)
      await sql`update subscribers set preferences_id = preferences_id`.execute(trx)
    })
    expect((await migrating)?.[0]).toBe('010-shared-choices')
    await second?.destroy()
  })

  let second: Kysely<Database> | undefined
  function openedToo(): Kysely<Database> {
    second = openDatabase(database.url)
    return second
  }

  async function insertOld(choices: object, on: Kysely<Database> = db): Promise<number> {
    const { rows } = await sql<{ id: number }>`
      insert into preferences (sha256, choices) values (${oldHash(choices)}, ${JSON.stringify(choices)}::jsonb) returning id`.execute(
      on,
    )
    return rows[0]?.id as number
  }

  async function insertReader(name: string, preferencesId: number): Promise<void> {
    await sql`
      insert into subscribers (address, address_hash, consent, consent_source, preferences_id, cadence, hour, zone)
      values (${`${name}@example.org`}, ${createHash('sha256').update(name).digest()}, 'confirmed', 'test', ${preferencesId},
        'daily', 7, 'UTC')`.execute(db)
  }
})

/** As the build before this step hashed: all fields, by name. */
function oldHash(choices: object): Buffer {
  const sorted = Object.entries(choices).sort(([a], [b]) => (a < b ? -1 : 1))
  return createHash('sha256')
    .update(JSON.stringify(Object.fromEntries(sorted)))
    .digest()
}
