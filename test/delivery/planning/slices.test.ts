// Planning slice by slice: whatever happens between two slices, everybody gets what one transaction
// would have given them, and the accounts add up at every moment.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { CompiledQuery, type Kysely, sql, type Transaction } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it, type MockInstance, vi } from 'vitest'
import type { Database } from '../../../src/database/schema.ts'
import { claimAllReaders, claimDueReaders, listDueReaders } from '../../../src/delivery/planning/due.ts'
import { listReaderGroups } from '../../../src/delivery/planning/planning.ts'
import { planAll, planDue, rehearseAll } from '../../../src/jobs/plan.ts'
import { isRationAwaited, ration } from '../../../src/jobs/ration.ts'
import { markChanged } from '../../../src/subscriber/change.ts'
import { stopClocksOfLeavers } from '../../../src/subscriber/clock.ts'
import { markResubscribed } from '../../../src/subscriber/consent.ts'
import { parseChoices } from '../../../src/subscriber/preferences.ts'
import { findSubscriberByAddress, markPaused, markUnsubscribed } from '../../../src/subscriber/store.ts'
import { keepRound } from '../../support/kept-round.ts'
import { builtFile } from '../../support/program.ts'
import {
  addReader,
  emptyRound,
  freezeEdition,
  inventPlaces,
  listDeliveries,
  openScriptedProvider,
  openTestRound,
  readAccounts,
  readDeliveries,
  type TestRound,
} from '../../support/round.ts'
import { openTestDatabase, type TestDatabase } from '../../support/stores.ts'

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f', 'g']

async function addDueReaders(db: Kysely<Database>, names: readonly string[]): Promise<Record<string, number>> {
  const ids: Record<string, number> = {}
  for (const name of names) ids[name] = (await addReader(db, name, { hour: new Date().getUTCHours() })).id
  await sql`update reader_clocks set next_due_at = now() - interval '1 second'`.execute(db)
  return ids
}

describe('on one store', () => {
  let round: TestRound
  let db: Kysely<Database>
  keepRound((kept) => {
    round = kept
    db = kept.db
  })
  beforeEach(() => {
    round.provider.batchSize = 100
    round.sliceSize = 2
  })

  it('commits each slice with its own due, and shares a selection across slices', async () => {
    const edition = await freezeEdition(round, '2026-03-05')
    await addDueReaders(db, NAMES)
    const seen: number[] = []
    expect(
      await planDue(round, async () => {
        seen.push((await readAccounts(db, edition.id)).due)
      }),
    ).toBe(7)
    expect(seen).toEqual([2, 4, 6, 7])
    expect(new Set((await listDeliveries(db)).map((row) => row.selection_id)).size).toBe(1)
    expect(await planDue(round)).toBe(0)
  })

  it('begins with few, so that the first requests leave while the rest is planned', async () => {
    round.sliceSize = 2_000
    const edition = await freezeEdition(round, '2026-03-05')
    await addReader(db, 'a')
    await sql`
      insert into subscribers (address, address_hash, consent, consent_source, preferences_id, cadence, hour, zone)
      select 'x' || n || '@example.org', decode(md5(n::text), 'hex'), 'confirmed', 'test', (select min(id) from preferences), 'daily', 7, 'UTC'
      from generate_series(1, 3500) n`.execute(db)
    const seen: number[] = []
    await planAll(round, edition, null, async () => {
      seen.push((await readAccounts(db, edition.id)).due)
    })
    expect(seen).toEqual([1_000, 3_000, 3_501])
  })

  it('plans readers with the same choices in one slice', async () => {
    const edition = await freezeEdition(round, '2026-03-05')
    for (const [at, name] of NAMES.slice(0, 6).entries()) {
      await addReader(db, name, { choices: { papers: 1 + (at % 3) } })
    }
    await planAll(round, edition, null)
    const batches = await sql<{ selections: number }>`
      select count(distinct d.selection_id)::int as selections from batches b
      join deliveries d on d.batch_id = b.id group by b.id`.execute(db)
    expect(batches.rows.map((row) => row.selections)).toEqual([1, 1, 1])
  })

  it('makes a mask of each selection that its own readers had, and of no other', { tags: 'long' }, async () => {
    const places = inventPlaces('2026-03-04', 12)
    const earlier = await freezeEdition(round, '2026-03-04', { places })
    const ids: number[] = []
    for (let papers = 1; papers <= 12; papers++) {
      ids.push((await addReader(db, `reader${papers}`, { choices: { papers } })).id)
    }
    await planAll(round, earlier, null)
    expect(new Set((await listDeliveries(db)).map((row) => row.selection_id)).size).toBe(12)
    const edition = await freezeEdition(round, '2026-03-05', { places })
    const asked = vi.spyOn(pg.Client.prototype, 'query')
    const [groups, masks] = await db.transaction().execute(async (trx) => {
      await claimAllReaders(trx, edition, ids.slice(2, 4))
      const listed = await listReaderGroups(trx, edition.id)
      return [listed, await countRows(trx, 'CTE masks', findAsked(asked, 'insert into grouped_readers'))]
    })
    asked.mockRestore()
    expect(groups.map(({ history }) => [...history.had])).toEqual([
      [1, 2, 3],
      [1, 2, 3, 4],
    ])
    expect(masks).toBe(2)
  })

  it('gives an edition that froze in between to who is still to be planned, the older one merged into it', async () => {
    const older = await freezeEdition(round, '2026-03-04', { hoursAgo: 26, places: inventPlaces('2026-03-04', 3) })
    const ids = await addDueReaders(db, ['a', 'b', 'c', 'd'])
    let newer: number | undefined
    await planDue(round, async () => {
      newer ??= (await freezeEdition(round, '2026-03-05', { hoursAgo: 3, places: inventPlaces('2026-03-05', 3) })).id
    })
    const first = await readDeliveries(db, older.id)
    const second = await readDeliveries(db, newer as number)
    expect(Object.values(first).map(({ state, reason }) => reason ?? state)).toEqual([
      'planned',
      'planned',
      'merged',
      'merged',
    ])
    expect(Object.keys(second).sort()).toEqual(
      Object.keys(ids)
        .filter((name) => first[name]?.state === 'withheld')
        .sort(),
    )
    for (const id of [older.id, newer as number]) await readAccounts(db, id)
    expect(await planDue(round)).toBe(0)
  })

  it('leaves alone who leaves, pauses or moves their hour in between, and heeds changed choices', {
    tags: 'long',
  }, async () => {
    round.sliceSize = 1
    const edition = await freezeEdition(round, '2026-03-05')
    const ids = await addDueReaders(db, ['first', 'left', 'paused', 'moved', 'changed'])
    let done = false
    await planDue(round, async () => {
      if (done) return
      done = true
      await markUnsubscribed(db, (await findSubscriberByAddress(db, 'left@example.org'))?.publicId as string)
      await markPaused(db, ids.paused as number, '2999-01-01')
      await db
        .transaction()
        .execute((trx) => markChanged(trx, ids.moved as number, { hour: (new Date().getUTCHours() + 6) % 24 }, round))
      await db
        .transaction()
        .execute((trx) =>
          markChanged(trx, ids.changed as number, { choices: { ...parseChoices({}), papers: 2 } }, round),
        )
    })
    const rows = await readDeliveries(db, edition.id)
    expect(Object.keys(rows).sort()).toEqual(['changed', 'first'])
    const { rows: papers } = await sql<{ papers: number[] }>`
      select papers from selections where edition_id = ${edition.id} and id = ${rows.changed?.selection_id}`.execute(db)
    expect(papers[0]?.papers).toHaveLength(2)
    expect(await readAccounts(db, edition.id)).toMatchObject({ due: 2, waiting: 2 })
    expect(await planDue(round)).toBe(0)
  })

  it('divides a quota only once the last slice is there', async () => {
    const provider = openScriptedProvider({ quota: { day: 2, month: null } })
    const limited = { ...round, provider, providers: [provider] as const }
    await freezeEdition(round, '2026-03-05')
    await addDueReaders(db, ['a', 'b', 'c', 'd', 'e'])
    const awaited: boolean[] = []
    await planDue(limited, async () => {
      awaited.push(await isRationAwaited(limited))
    })
    expect(awaited).toEqual([true, true, true])
    expect(await isRationAwaited(limited)).toBe(false)
    expect(await ration(limited)).toBe(3)
    // A planner that died is not waited for.
    await sql`insert into ticks (name, at) values ('planning', now() - interval '31 seconds')`.execute(db)
    expect(await isRationAwaited(limited)).toBe(false)
    await sql`update ticks set at = now()`.execute(db)
    expect([await isRationAwaited(limited), await isRationAwaited(round)]).toEqual([true, false])
  })

  it('rehearses by reading alone what planning then does', async () => {
    const shared = inventPlaces('2026-03-04', 2)
    const earlier = await freezeEdition(round, '2026-03-04', { places: shared })
    await addReader(db, 'plain')
    await addReader(db, 'same')
    await addReader(db, 'never', { choices: { minimumVotes: 100_000 } })
    await addReader(db, 'taken')
    await planAll(round, earlier, 'same@example.org')
    await planAll(round, earlier, 'taken@example.org')
    await sql`update deliveries d set local_date = '2026-03-06' from subscribers s
      where s.id = d.subscriber_id and s.address = 'taken@example.org'`.execute(db)
    const edition = await freezeEdition(round, '2026-03-05', {
      places: [...shared, ...inventPlaces('2026-03-05', 1).map((place) => ({ ...place, position: 3, rank: 3 }))],
    })
    await planAll(round, edition, 'plain@example.org')
    await addReader(db, 'new')
    const told = await rehearseAll(round, edition, null)
    expect(told).toMatchObject({ due: 4, waiting: 3, withheld: { filtered: 1 } })
    await planAll(round, edition, null)
    expect(await readAccounts(db, edition.id)).toEqual(told)
  })
})

describe('killed', () => {
  let database: TestDatabase
  let round: TestRound
  let program: string
  let isReal = false
  beforeAll(async () => {
    program = await builtFile('test/delivery/planning/planner-process.ts')
    const real = await openTestDatabase('real')
    isReal = real !== undefined
    database = real ?? (await openTestDatabase('embedded'))
    round = await openTestRound(database.url, { sliceSize: 2 })
  })
  beforeEach(() => emptyRound(round.db))
  afterAll(async () => {
    await round.close()
    await database.close()
  })

  const startPlanner = (slices: number) =>
    spawn(process.execPath, [program, database.url, '2', String(slices)], { stdio: ['ignore', 'ignore', 'inherit'] })

  it('with SIGKILL between slices or inside one: what was committed is whole, and the next one goes on', {
    tags: 'long',
  }, async () => {
    const { db } = round
    const edition = await freezeEdition(round, '2026-03-05')
    await addDueReaders(db, NAMES)
    const [, signal] = await once(startPlanner(2), 'exit')
    expect(signal).toBe('SIGKILL')
    expect(await readAccounts(db, edition.id)).toMatchObject({ due: 4, waiting: 4 })
    if (isReal) {
      // Kills the next one inside its slice, where it waits to count what it has written.
      await db.transaction().execute(async (trx) => {
        await sql`select from editions where id = ${edition.id} for update`.execute(trx)
        const inside = startPlanner(9)
        const exited = once(inside, 'exit')
        await vi.waitFor(async () => expect(await countWaiting(db)).toBe(1), { timeout: 90_000, interval: 20 })
        inside.kill('SIGKILL')
        await exited
      })
      await vi.waitFor(async () => expect(await countWaiting(db)).toBe(0), { timeout: 90_000, interval: 20 })
    }
    expect(await planDue(round)).toBe(3)
    expect(await readAccounts(db, edition.id)).toMatchObject({ due: 7, waiting: 7 })
    const rows = await listDeliveries(db)
    expect(new Set(rows.map((row) => row.subscriber_id)).size).toBe(7)
    const { rows: members } = await sql<{ member: number }>`select unnest(members) as member from batches`.execute(db)
    expect(members.map((row) => row.member).sort()).toEqual(rows.map((row) => row.subscriber_id).sort())
    expect(await planDue(round)).toBe(0)
  })
})

describe('beside a slice that is not over', () => {
  let database: TestDatabase | undefined
  let round: TestRound
  beforeAll(async () => {
    // Embedded, one session serves everybody in turn.
    database = await openTestDatabase('real')
    if (database) round = await openTestRound(database.url)
  })
  beforeEach(() => database && emptyRound(round.db))
  afterAll(async () => {
    if (!database) return
    await round.close()
    await database.close()
  })

  /** Does something while all readers are being planned, and waits for no row. */
  async function beside(act: (trx: Transaction<Database>) => Promise<unknown>): Promise<void> {
    const { db } = round
    await db.transaction().execute(async (trx) => {
      const { clocks, ids } = await listDueReaders(trx, round)
      const { editionIds } = await claimDueReaders(trx, round, { clocks: clocks.map(({ id }) => id), ids })
      expect(editionIds).toHaveLength(1)
      await db.transaction().execute(async (other) => {
        await sql`set local lock_timeout = '1ms'`.execute(other)
        await act(other)
      })
    })
  }

  it('nobody waits who leaves or chooses other papers; who moves their hour waits for their clock', async (context) => {
    if (!database) return context.skip()
    await freezeEdition(round, '2026-03-05')
    const ids = await addDueReaders(round.db, ['ada', 'ben'])
    const { publicId } = (await findSubscriberByAddress(round.db, 'ada@example.org')) as { publicId: string }
    await beside(async (trx) => {
      expect(
        await markChanged(trx, ids.ada as number, { choices: { ...parseChoices({}), papers: 3 } }, round),
      ).toBeDefined()
      expect(await markUnsubscribed(trx, publicId)).toBe(true)
    })
    await sql`update reader_clocks set next_due_at = now(), waiting_since = now() - interval '60 days'`.execute(
      round.db,
    )
    await sql`delete from deliveries`.execute(round.db)
    // Their hour is the present one, so that they are due.
    const otherHour = (new Date().getUTCHours() + 12) % 24
    const moving = beside((trx) => markChanged(trx, ids.ben as number, { hour: otherHour }, round))
    await expect(moving).rejects.toThrow('lock timeout')
  })

  it('a digest takes the local day of another one, whose reader is passed over', async (context) => {
    if (!database) return context.skip()
    const { db } = round
    const first = await freezeEdition(round, '2026-03-05')
    for (const name of ['ada', 'ben']) await addReader(db, name)
    await planAll(round, first, 'ada@example.org')
    const second = await freezeEdition(round, '2026-03-06')
    const planned = await db.transaction().execute(async (trx) => {
      await sql`update deliveries set local_date = '2026-03-07'`.execute(trx)
      const planning = planAll(round, second, null)
      await vi.waitFor(async () => expect(await countWaiting(db)).toBe(1), { timeout: 30_000, interval: 20 })
      return { planning }
    })
    expect(await planned.planning).toBe(1)
    expect(await readAccounts(db, second.id)).toMatchObject({ due: 1, waiting: 1 })
    expect(Object.keys(await readDeliveries(db, second.id))).toEqual(['ben'])
  })

  it('a clock is stopped of who has left, and runs on of who came back at the same moment', async (context) => {
    if (!database) return context.skip()
    const { db } = round
    const ids = await addDueReaders(db, ['left', 'back'])
    const publicIdOf = async (name: string) =>
      (await findSubscriberByAddress(db, `${name}@example.org`))?.publicId as string
    for (const name of ['left', 'back']) await markUnsubscribed(db, await publicIdOf(name))
    const { ids: due, left } = await listDueReaders(db, round)
    expect([due, left.sort()]).toEqual([[], Object.values(ids).sort()])
    // They come back between the line-up and the slice, and while their clock is held.
    const stopping = await db.transaction().execute(async (trx) => {
      await stopClocksOfLeavers(trx, left)
      const returning = publicIdOf('back').then((publicId) => markResubscribed(db, publicId))
      await vi.waitFor(async () => expect(await countWaiting(db)).toBe(1), { timeout: 30_000, interval: 20 })
      return { returning }
    })
    expect(await stopping.returning).toBe(true)
    const { rows } = await sql<{ id: number; runs: boolean }>`
      select subscriber_id as id, next_due_at > now() as runs from reader_clocks where next_due_at is not null`.execute(
      db,
    )
    expect(rows).toEqual([{ id: ids.back, runs: true }])
    await sql`update reader_clocks set next_due_at = now() where subscriber_id = ${ids.back}`.execute(db)
    await db.transaction().execute((trx) => stopClocksOfLeavers(trx, Object.values(ids)))
    expect(await listDueReaders(db, round)).toEqual({ clocks: [], ids: [ids.back], left: [] })
  })
})

/** Returns the last statement with these words, as it was asked. */
function findAsked(asked: MockInstance, words: string): { text: string; values: unknown[] } {
  const found = asked.mock.calls.findLast(([text]) => typeof text === 'string' && text.includes(words))
  if (!found) throw new Error(`nothing asked to ${words}`)
  return { text: found[0], values: found[1] }
}

/** Asks a statement once more and returns how many rows a part of its plan had. */
async function countRows(
  trx: Kysely<Database>,
  part: string,
  { text, values }: { text: string; values: unknown[] },
): Promise<number | undefined> {
  interface Node {
    'Subplan Name'?: string
    'Actual Rows': number
    Plans?: Node[]
  }
  const explain = CompiledQuery.raw(`explain (analyze, format json) ${text}`, values)
  const { rows } = await trx.executeQuery<{ 'QUERY PLAN': [{ Plan: Node }] }>(explain)
  const find = (node: Node): Node | undefined =>
    node['Subplan Name'] === part ? node : (node.Plans ?? []).map(find).find((each) => each !== undefined)
  return find((rows[0] as { 'QUERY PLAN': [{ Plan: Node }] })['QUERY PLAN'][0].Plan)?.['Actual Rows']
}

/** Counts the sessions of this database that wait for a row. */
async function countWaiting(db: Kysely<Database>): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`.execute(
    db,
  )
  return rows[0]?.count ?? 0
}
