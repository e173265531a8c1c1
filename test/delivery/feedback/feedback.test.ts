// Reports on a real database: whatever their order and number, and whenever they come, they end in
// the same state.

import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Fate, ReportType } from '../../../src/database/states.ts'
import { markReported, pruneEvents } from '../../../src/delivery/feedback/feedback.ts'
import type { BatchRequest } from '../../../src/delivery/provider/provider.ts'
import type { Report } from '../../../src/delivery/provider/report.ts'
import { BATCH } from '../../../src/delivery/sending/batch.ts'
import { claim } from '../../../src/delivery/sending/once.ts'
import { dispatch } from '../../../src/jobs/dispatch.ts'
import { planAll } from '../../../src/jobs/plan.ts'
import { DEFAULT_RHYTHM, parseChoices } from '../../../src/subscriber/preferences.ts'
import { findSubscriberByAddress, insertSubscriber, markUnsubscribed } from '../../../src/subscriber/store.ts'
import { pruneSuppression } from '../../../src/subscriber/suppression.ts'
import { isFull } from '../../support/full.ts'
import { keepRound } from '../../support/kept-round.ts'
import {
  acceptAll,
  emptyRound,
  endWaits,
  freezeEdition,
  openTestRound,
  planFor,
  readAccounts,
  readBatch,
  readDeliveries,
  type TestRound,
} from '../../support/round.ts'
import { openTestDatabase } from '../../support/stores.ts'

let round: TestRound
keepRound((kept) => {
  round = kept
})
beforeEach(() => {
  round.provider.requests.length = 0
  round.provider.script.length = 0
  round.provider.replayMs = Number.POSITIVE_INFINITY
  round.provider.batchSize = 100
})

const NOON = Date.parse('2026-03-05T12:00:00Z')
const DAY_MS = 86_400_000

function report(type: ReportType, delivery: string | null, given: Partial<Report> = {}): Report {
  return {
    id: `msg_${randomUUID()}`,
    type,
    delivery,
    notice: null,
    providerId: 'mail-1',
    address: null,
    at: new Date(NOON),
    ...given,
  }
}

/**
 * Sends an edition to readers and returns it with their deliveries' public ids, in the order of the
 * names.
 */
async function sendTo(names: string[], date = '2026-03-05') {
  const { edition, batchIds } = await planFor(round, names, date)
  for (const id of batchIds) await dispatch(round, id)
  const deliveries = await readDeliveries(round.db, edition.id)
  return { edition, ids: names.map((name) => deliveries[name]?.public_id as string) }
}

async function readSuppressions() {
  const { rows } = await sql<{ reason: string; reader: string; since: Date }>`
    select x.reason, s.address as reader, x.since from suppressions x left join subscribers s using (address_hash)
    order by 2`.execute(round.db)
  return rows.map((row) => `${row.reader?.split('@')[0]}: ${row.reason}`)
}

/** Everything that a report may change, without the clock's part in it: one text a reader. */
async function readStates(editionId: number): Promise<string[]> {
  const { rows } = await sql<{ row: unknown }>`
    select jsonb_build_object('reader', s.consent, 'state', d.state, 'fate', d.fate, 'provider', d.provider_id,
      'reason', d.reason, 'address', d.address is not null, 'batch', b.state, 'suppressed', x.reason, 'since', x.since) as row
    from deliveries d join subscribers s on s.id = d.subscriber_id left join batches b on b.id = d.batch_id
    left join suppressions x on x.address_hash = s.address_hash
    where d.edition_id = ${editionId}`.execute(round.db)
  return rows.map(({ row }) => JSON.stringify(row))
}

describe('fate', () => {
  it.each<[ReportType[], Fate]>([
    [['sent'], 'none'],
    [['delayed'], 'delayed'],
    [['delayed', 'delivered'], 'delivered'],
    [['delivered', 'delayed', 'sent'], 'delivered'],
    [['delivered', 'hard-bounce'], 'bounced'],
    [['complained', 'delivered', 'hard-bounce', 'delayed'], 'complained'],
    [['failed'], 'failed'],
    [['suppressed', 'failed', 'delivered'], 'suppressed'],
    [['other'], 'none'],
  ])('of %j is %s', async (types, fate) => {
    const { edition, ids } = await sendTo(['ada', 'bob'])
    for (const type of types) await markReported(round.db, report(type, ids[0] ?? null))
    const { ada, bob } = await readDeliveries(round.db, edition.id)
    expect([ada?.fate, bob?.fate]).toEqual([fate, 'none'])
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 2, submitted: 2 })
  })

  it('is told in the answer: applied, known, unknown', async () => {
    const { ids, edition } = await sendTo(['ada'])
    const first = report('delivered', ids[0] ?? null)
    expect(await markReported(round.db, first)).toEqual({ result: 'applied', editionId: edition.id, braked: null })
    expect(await markReported(round.db, first)).toMatchObject({ result: 'known' })
    expect(await markReported(round.db, report('other', ids[0] ?? null))).toMatchObject({ result: 'unknown' })
    expect(await markReported(round.db, report('complained', randomUUID()))).toMatchObject({ result: 'unknown' })
    expect(await markReported(round.db, report('complained', null))).toMatchObject({ result: 'unknown' })
    expect(await readSuppressions()).toEqual([])
    expect(await round.db.selectFrom('events').select('id').execute()).toHaveLength(4)
  })
})

/** Six reports of one delivery: the answer of our own request is one more event among them. */
const SETS: ReportType[][] = [
  ['sent', 'delayed', 'delivered', 'complained', 'delivered', 'other'],
  ['sent', 'delayed', 'soft-bounce', 'hard-bounce', 'suppressed', 'failed'],
  ['delivered', 'hard-bounce', 'complained', 'suppressed', 'delayed', 'sent'],
  ['soft-bounce', 'soft-bounce', 'soft-bounce', 'delivered', 'delayed', 'sent'],
]

describe.each(SETS.map((types, index) => ({ name: types.join(' '), types, index })))('$name', ({ types, index }) => {
  const orders = isFull ? permutations(6) : permutations(6).filter((_, place) => place % 40 === index)

  it(`ends in the same state in every one of ${orders.length} orders, before, amid and after our own commit`, {
    tags: 'long',
    timeout: 900_000,
  }, async () => {
    // A reader and a batch an order: all of them in one edition.
    round.provider.batchSize = 1
    const names = orders.map((_, run) => `reader-${run}`)
    const { edition, batchIds } = await planFor(round, names)
    expect(batchIds).toHaveLength(orders.length)
    const deliveries = await readDeliveries(round.db, edition.id)
    for (const [run, order] of orders.entries()) {
      const { batch_id, public_id } = deliveries[`reader-${run}`] as (typeof deliveries)[string]
      const reports = types.map((type, place) => report(type, public_id, { at: new Date(NOON + place * DAY_MS * 4) }))
      const amid = run % 7
      round.provider.script.push(async (request) => {
        for (const place of order.slice(0, amid)) await markReported(round.db, reports[place] as Report)
        return { kind: 'answered', outcomes: request.mails.map(() => ({ state: 'submitted', providerId: 'mail-1' })) }
      })
      await dispatch(round, batch_id as number)
      for (const place of order.slice(amid)) await markReported(round.db, reports[place] as Report)
      // Once more, backwards: repeats.
      if (isFull || run % 6 === 0)
        for (const each of reports.toReversed()) expect((await markReported(round.db, each)).result).toBe('known')
    }
    const states = await readStates(edition.id)
    expect(states).toHaveLength(orders.length)
    expect([...new Set(states)]).toHaveLength(1)
    expect(await readAccounts(round.db, edition.id)).toMatchObject({
      submitted: orders.length,
      waiting: 0,
      unknown: 0,
    })
  })
})

const [READERS, REPEATS] = isFull ? [2_500, 10] : [75, 3]

it(
  `applies ${READERS * 4} reports × ${REPEATS} at once as if each had come once`,
  { tags: 'long', timeout: 900_000 },
  () => storm(),
)

const database = await openTestDatabase('real')
afterAll(() => database?.close())

describe.skipIf(database === undefined)('on a PostgreSQL of many sessions', () => {
  let embedded: TestRound
  beforeAll(async () => {
    embedded = round
    round = await openTestRound(database?.url ?? '')
  })
  beforeEach(() => emptyRound(round.db))
  afterAll(async () => {
    await round.close()
    round = embedded
  })

  it(
    `applies ${READERS * 4} reports × ${REPEATS} at once as if each had come once`,
    { tags: 'long', timeout: 900_000 },
    () => storm(),
  )

  it('reports that race with our own settling, and with one another, leave nothing behind', {
    tags: 'long',
    timeout: 300_000,
  }, async () => {
    round.provider.batchSize = 3
    const { edition, batchIds } = await planFor(
      round,
      Array.from({ length: isFull ? 900 : 90 }, (_, index) => `reader-${index}`),
    )
    const racing: Promise<unknown>[] = []
    // Every third batch loses its answer: there the last report settles it.
    const answer = (index: number) => (request: BatchRequest) => {
      for (const { publicId } of request.mails) {
        for (const type of ['sent', 'delivered'] as const) racing.push(markReported(round.db, report(type, publicId)))
      }
      return index % 3 === 0 ? ({ kind: 'unknown', reason: 'cut' } as const) : acceptAll(request)
    }
    round.provider.script.push(...batchIds.map((_, index) => answer(index)))
    const waiting = batchIds.values()
    const work = async () => {
      for (const id of waiting) await dispatch(round, id).catch(() => {})
    }
    await Promise.all(Array.from({ length: 5 }, work))
    expect((await Promise.allSettled(racing)).filter((end) => end.status === 'rejected')).toEqual([])
    const { rows } = await sql`
      select d.state, d.fate, b.state as batch, d.address from deliveries d join batches b on b.id = d.batch_id
      where d.edition_id = ${edition.id} group by 1, 2, 3, 4`.execute(round.db)
    expect(rows).toEqual([{ state: 'submitted', fate: 'delivered', batch: 'settled', address: null }])
  })
})

/**
 * Reports of every delivery of an edition, each so many times, in any order and eight at a time.
 */
async function storm(): Promise<void> {
  const names = Array.from({ length: READERS }, (_, index) => `reader-${index}`)
  const { edition, ids } = await sendTo(names)
  const reports = ids.flatMap((id, index) =>
    (['sent', 'delayed', 'delivered', index % 25 === 0 ? 'hard-bounce' : 'delivered'] as const).map((type) =>
      report(type, id),
    ),
  )
  const all = Array.from({ length: REPEATS }, () => reports).flat()
  shuffle(all)
  const results = { applied: 0, known: 0, unknown: 0 }
  const next = all.values()
  const take = async () => {
    for (const each of next) results[(await markReported(round.db, each)).result] += 1
  }
  await Promise.all(Array.from({ length: 8 }, take))
  expect(results).toEqual({ applied: reports.length, known: reports.length * (REPEATS - 1), unknown: 0 })
  const deliveries = Object.values(await readDeliveries(round.db, edition.id))
  const bounced = Math.ceil(READERS / 25)
  expect(deliveries.filter((row) => row.fate === 'bounced')).toHaveLength(bounced)
  expect(deliveries.filter((row) => row.fate === 'delivered')).toHaveLength(READERS - bounced)
  expect(await readSuppressions()).toHaveLength(bounced)
}

describe('before our own commit', () => {
  it('a report while the request is under way counts as its acceptance and keeps the bytes for a repeat', async () => {
    const { edition, batchIds } = await planFor(round, ['ada', 'bob'])
    const [id = 0] = batchIds
    const before = await readDeliveries(round.db, edition.id)
    round.provider.script.push(async () => {
      await markReported(round.db, report('delivered', before.ada?.public_id ?? null))
      return { kind: 'unknown', reason: 'the connection was cut' }
    })
    await expect(dispatch(round, id)).rejects.toThrow('cut')
    const { ada, bob } = await readDeliveries(round.db, edition.id)
    expect(ada).toMatchObject({ state: 'submitted', fate: 'delivered', provider_id: 'mail-1' })
    expect(ada?.address).not.toBeNull()
    expect(bob).toMatchObject({ state: 'planned' })
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 2, submitted: 1, unknown: 1 })
    await endWaits(round.db)
    await dispatch(round, id)
    const [first, second] = round.provider.requests
    expect(second).toEqual(first)
    const after = await readDeliveries(round.db, edition.id)
    expect(after.ada).toMatchObject({ state: 'submitted', fate: 'delivered', provider_id: 'mail-1', address: null })
    expect(after.bob).toMatchObject({ state: 'submitted', address: null })
  })

  it('a batch is settled without another request once every member is accounted for', async () => {
    const { edition, batchIds } = await planFor(round, ['ada', 'bob', 'cleo'])
    const [id = 0] = batchIds
    round.provider.script.push({ kind: 'unknown', reason: 'cut' })
    await expect(dispatch(round, id)).rejects.toThrow('cut')
    const deliveries = Object.values(await readDeliveries(round.db, edition.id))
    await Promise.all(deliveries.map((row) => markReported(round.db, report('sent', row.public_id))))
    expect(await readBatch(round.db, id)).toMatchObject({ state: 'settled', reason: null })
    await endWaits(round.db)
    expect(await claim(round.db, BATCH, id)).toBeUndefined()
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 3, submitted: 3 })
    expect(Object.values(await readDeliveries(round.db, edition.id)).every((row) => row.address === null)).toBe(true)
  })

  it('evidence resolves what is unknown for good', async () => {
    round.provider.replayMs = 0
    const { edition, batchIds } = await planFor(round, ['ada', 'bob'])
    round.provider.script.push({ kind: 'unknown', reason: 'cut' })
    await dispatch(round, batchIds[0] as number)
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ unknown: 2 })
    const { ada, bob } = await readDeliveries(round.db, edition.id)
    await markReported(round.db, report('delivered', ada?.public_id ?? null))
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ submitted: 1, unknown: 1 })
    await markReported(round.db, report('hard-bounce', bob?.public_id ?? null))
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ submitted: 2, unknown: 0 })
    expect(await readBatch(round.db, batchIds[0] as number)).toMatchObject({ state: 'settled' })
  })

  it('whoever was reported of goes into no other request, refused or throttled', async () => {
    for (const outcome of [
      { kind: 'refused', reason: 'bad content' },
      { kind: 'throttled', retryAfterMs: 1 },
    ] as const) {
      const date = outcome.kind === 'refused' ? '2026-03-05' : '2026-03-06'
      const { edition, batchIds } = await planFor(round, outcome.kind === 'refused' ? ['ada', 'bob', 'cleo'] : [], date)
      const { ada } = await readDeliveries(round.db, edition.id)
      round.provider.script.push(async () => {
        await markReported(round.db, report('sent', ada?.public_id ?? null))
        return outcome
      })
      const halves = await dispatch(round, batchIds[0] as number).catch(() => batchIds)
      round.provider.accepted.length = 0
      await endWaits(round.db)
      for (const id of halves) await dispatch(round, id)
      expect(round.provider.accepted.map((mail) => mail.to).sort()).toEqual(['bob@example.org', 'cleo@example.org'])
      expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 3, submitted: 3, waiting: 0 })
    }
  })
})

describe('suppression', () => {
  it('follows a hard bounce, a complaint and the provider at once; nobody else is touched', async () => {
    const { ids } = await sendTo(['ada', 'bob', 'cleo', 'dan', 'eve'])
    const types = ['hard-bounce', 'complained', 'suppressed', 'failed', 'soft-bounce'] as const
    for (const [index, type] of types.entries()) await markReported(round.db, report(type, ids[index] ?? null))
    expect(await readSuppressions()).toEqual(['ada: bounce', 'bob: complaint', 'cleo: provider'])
    const consents = await Promise.all(
      ['ada', 'bob', 'cleo'].map(
        async (name) => (await findSubscriberByAddress(round.db, `${name}@example.org`))?.consent,
      ),
    )
    expect(consents).toEqual(['confirmed', 'unsubscribed', 'confirmed'])
    const next = await freezeEdition(round, '2026-03-06')
    expect(await planAll(round, next, null)).toBe(2)
  })

  it('keeps the gravest reason and the earliest moment', async () => {
    const { ids } = await sendTo(['ada'])
    await markReported(round.db, report('complained', ids[0] ?? null, { at: new Date(NOON + 5_000) }))
    await markReported(round.db, report('hard-bounce', ids[0] ?? null, { at: new Date(NOON) }))
    const rows = await round.db.selectFrom('suppressions').selectAll().execute()
    expect(rows).toMatchObject([{ reason: 'complaint', since: new Date(NOON) }])
  })

  it('holds the address that bounced, not the one that the reader has now', async () => {
    const { ids } = await sendTo(['ada'])
    await sql`update subscribers set address = 'new@example.org', address_hash = '\\x01' where address = 'ada@example.org'`.execute(
      round.db,
    )
    await markReported(round.db, report('hard-bounce', ids[0] ?? null, { address: 'Ada@example.org' }))
    const again = { ...DEFAULT_RHYTHM, address: 'ada@example.org', choices: parseChoices({}), consentSource: 'test' }
    expect(await insertSubscriber(round.db, again)).toBe('suppressed')
    const { rows } = await sql`select from suppressions where address_hash = '\\x01'`.execute(round.db)
    expect(rows).toEqual([])
  })

  it('survives an erasure and another import, until the operator lifts it', async () => {
    const { ids } = await sendTo(['ada'])
    await markReported(round.db, report('hard-bounce', ids[0] ?? null))
    await markUnsubscribed(round.db, (await findSubscriberByAddress(round.db, 'ada@example.org'))?.publicId ?? '')
    await sql`update subscribers set address = null`.execute(round.db)
    for (const table of ['events', 'deliveries', 'subscribers'])
      await sql`delete from ${sql.table(table)}`.execute(round.db)
    const again = { ...DEFAULT_RHYTHM, address: 'ada@example.org', choices: parseChoices({}), consentSource: 'test' }
    expect(await insertSubscriber(round.db, again)).toBe('suppressed')
    expect(await pruneSuppression(round.db, 'ada@example.org', new Date())).toBe('bounce')
    expect(await pruneSuppression(round.db, 'ada@example.org', new Date())).toBeUndefined()
    expect(await insertSubscriber(round.db, again)).toBe('added')
  })

  it('reaches deliveries that wait already', async () => {
    const { ids } = await sendTo(['ada', 'bob'])
    const { edition, batchIds } = await planFor(round, [], '2026-03-06')
    await markReported(round.db, report('complained', ids[0] ?? null))
    for (const id of batchIds) await dispatch(round, id)
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 2, submitted: 1, withheld: { left: 1 } })
  })
})

describe('soft bounces', () => {
  /** Reports a soft bounce of one reader in an edition a day given, in this order. */
  async function bounceOn(days: number[], given: { sameEdition?: boolean } = {}) {
    const editions = new Map<number, string>()
    for (const day of days) {
      const date = new Date(NOON + day * DAY_MS).toISOString().slice(0, 10)
      const { edition, batchIds } = await planFor(round, editions.size === 0 ? ['ada'] : [], date)
      for (const id of batchIds) await dispatch(round, id)
      editions.set(day, (await readDeliveries(round.db, edition.id)).ada?.public_id ?? '')
    }
    const [first = ''] = editions.values()
    return days.map((day) =>
      report('soft-bounce', given.sameEdition ? first : (editions.get(day) ?? null), {
        at: new Date(NOON + day * DAY_MS),
      }),
    )
  }

  async function readKept() {
    const kept = await round.db
      .selectFrom('events')
      .select('at')
      .where('type', '=', 'soft-bounce')
      .orderBy('at')
      .execute()
    return kept.map(({ at }) => at)
  }

  it.each([
    ['three editions over a week', [0, 3, 7], true],
    ['the oldest last', [7, 3, 0], true],
    ['two editions', [0, 7], false],
    ['three editions within six days', [0, 3, 6], false],
    ['three editions over two months', [0, 30, 60], false],
    ['a weekly reader, three weeks', [0, 7, 14], true],
    ['three editions of which one is too old', [0, 25, 31], false],
    ['a week that ends long after the first', [0, 31, 33, 38], true],
  ])('%s', async (_name, days, suppressed) => {
    for (const each of await bounceOn(days)) await markReported(round.db, each)
    expect(await readSuppressions()).toEqual(suppressed ? ['ada: bounce'] : [])
  })

  it('of one edition count once, however many are reported, and one is kept', async () => {
    const reports = await bounceOn([0, 3, 7], { sameEdition: true })
    const results = []
    for (const each of reports) results.push((await markReported(round.db, each)).result)
    expect(results).toEqual(['applied', 'known', 'known'])
    expect(await readSuppressions()).toEqual([])
    expect(await readKept()).toEqual([reports[0]?.at])
  })

  it('of one edition count by the earliest, in every order', async () => {
    const [first, other, last] = await bounceOn([0, 3, 7])
    const again = { ...(first as Report), id: 'again', at: new Date(NOON + 2 * DAY_MS) }
    for (const order of permutations(4)) {
      await sql`delete from events`.execute(round.db)
      await pruneSuppression(round.db, 'ada@example.org', new Date())
      for (const place of order) await markReported(round.db, [first, other, last, again][place] as Report)
      expect(await readSuppressions(), order.join()).toEqual(['ada: bounce'])
      expect(await readKept()).toEqual([first?.at, other?.at, last?.at])
    }
  })

  it('count one pass of what is kept, with thousands of one edition as well', { tags: 'long' }, async () => {
    // With a look at each pair this takes hours.
    const [first, other, last] = await bounceOn([0, 3, 7])
    await markReported(round.db, first as Report)
    await sql`
      insert into events (id, type, edition_id, subscriber_id, at)
      select e.id || n, type, edition_id, subscriber_id, at + make_interval(secs => 200 * n) from events e, generate_series(1, 5000) n`.execute(
      round.db,
    )
    await markReported(round.db, other as Report)
    expect(await readSuppressions()).toEqual([])
    await markReported(round.db, last as Report)
    expect(await readSuppressions()).toEqual(['ada: bounce'])
  })

  it('begin anew when the operator lifts', async () => {
    const reports = await bounceOn([0, 3, 7, 8])
    for (const each of reports.slice(0, 3)) await markReported(round.db, each)
    expect(await pruneSuppression(round.db, 'ada@example.org', new Date())).toBe('bounce')
    for (const each of reports) await markReported(round.db, each)
    expect(await readSuppressions()).toEqual([])
  })
})

it('forgets plain reports after a week and grave ones after ninety days', async () => {
  const { ids } = await sendTo(['ada'])
  for (const type of ['sent', 'delivered', 'hard-bounce'] as const)
    await markReported(round.db, report(type, ids[0] ?? null))
  const left = async () =>
    (await round.db.selectFrom('events').select('type').orderBy('type').execute()).map((row) => row.type)
  await pruneEvents(round.db)
  expect(await left()).toEqual(['delivered', 'hard-bounce', 'sent'])
  await sql`update events set received_at = now() - interval '8 days'`.execute(round.db)
  await pruneEvents(round.db)
  expect(await left()).toEqual(['hard-bounce'])
  await sql`update events set received_at = now() - interval '91 days'`.execute(round.db)
  await pruneEvents(round.db)
  expect(await left()).toEqual([])
})

function permutations(length: number): number[][] {
  if (length === 0) return [[]]
  return permutations(length - 1).flatMap((rest) =>
    Array.from({ length }, (_, place) => [...rest.slice(0, place), length - 1, ...rest.slice(place)]),
  )
}

/** The same order every time. */
function shuffle(list: unknown[]): void {
  let state = 7
  for (let index = list.length - 1; index > 0; index--) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    const other = state % (index + 1)
    ;[list[index], list[other]] = [list[other], list[index]]
  }
}
