// The identity of the accounts as a property: whatever happens to editions, in whatever order,
// `due` is the sum of the states.

import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { sql } from 'kysely'
import { expect, it } from 'vitest'
import type { ReportType } from '../../../src/database/states.ts'
import { getFates, listEditionFigures } from '../../../src/delivery/account/accounting.ts'
import { addsUp } from '../../../src/delivery/delivery.ts'
import { markReported } from '../../../src/delivery/feedback/feedback.ts'
import type { BatchOutcome, BatchRequest } from '../../../src/delivery/provider/provider.ts'
import { eraseSubscriber } from '../../../src/delivery/request/erasure.ts'
import { BATCH } from '../../../src/delivery/sending/batch.ts'
import { markResumed } from '../../../src/delivery/sending/brake.ts'
import { markResolved } from '../../../src/delivery/sending/parts.ts'
import { listWaiting } from '../../../src/delivery/sending/waiting.ts'
import type { Edition } from '../../../src/edition/edition.ts'
import { dispatch } from '../../../src/jobs/dispatch.ts'
import { planAll, planDue } from '../../../src/jobs/plan.ts'
import { DEFAULT_RHYTHM, parseChoices } from '../../../src/subscriber/preferences.ts'
import { findSubscriberByAddress, insertSubscribers } from '../../../src/subscriber/store.ts'
import { isFull } from '../../support/full.ts'
import { keepRound } from '../../support/kept-round.ts'
import { acceptAll, emptyRound, endWaits, freezeEdition, type TestRound } from '../../support/round.ts'

let round: TestRound
keepRound((kept) => {
  round = kept
})

const NAMES = ['ada', 'bob', 'cleo', 'dan', 'eve', 'fay', 'gus', 'hal']
const DATES = ['2026-03-02', '2026-03-03', '2026-03-04', '2026-03-05']
const REPORTS: ReportType[] = [
  'sent',
  'delayed',
  'delivered',
  'soft-bounce',
  'hard-bounce',
  'failed',
  'suppressed',
  'complained',
]

const OUTCOMES: ((request: BatchRequest) => BatchOutcome)[] = [
  acceptAll,
  ({ mails }) => ({
    kind: 'answered',
    outcomes: mails.map((_, index) =>
      index % 2 === 0 ? { state: 'submitted', providerId: null } : { state: 'rejected', reason: 'no such mailbox' },
    ),
  }),
  () => ({ kind: 'refused', reason: 'bad content' }),
  () => ({ kind: 'unknown', reason: 'cut' }),
  () => ({ kind: 'mismatch', reason: 'known with another payload' }),
  () => ({ kind: 'throttled', retryAfterMs: 1 }),
  () => ({ kind: 'mismatch', reason: 'known with another payload' }),
  () => ({ kind: 'stopped', reason: 'the key is refused' }),
  () => ({ kind: 'quota', reason: 'the quota is used up', retryAfterMs: 60_000 }),
]

/** What may happen; `pick` chooses among what is there. */
const ACTIONS: Record<string, (editions: Edition[], pick: number) => Promise<unknown>> = {
  freeze: async (editions) => {
    const date = DATES[editions.length]
    if (date) editions.push(await freezeEdition(round, date))
  },
  send: async (editions, pick) => {
    const edition = editions[pick % Math.max(1, editions.length)]
    if (edition) await planAll(round, edition, pick % 3 === 0 ? `${nameOf(pick)}@example.org` : null)
  },
  plan: async () => {
    await sql`update reader_clocks set next_due_at = now() - interval '1 minute'`.execute(round.db)
    await planDue(round)
  },
  dispatch: async (_, pick) => {
    const ids = await listWaiting(round.db, BATCH, 20)
    const id = ids[pick % Math.max(1, ids.length)]
    if (id === undefined) return
    round.provider.script = [OUTCOMES[pick % OUTCOMES.length] as (typeof OUTCOMES)[number]]
    round.provider.replayMs = pick % 5 === 0 ? 0 : Number.POSITIVE_INFINITY
    await dispatch(round, id).catch(() => {})
  },
  report: async (_, pick) => {
    const rows = await round.db.selectFrom('deliveries').select('public_id').orderBy('public_id').execute()
    const delivery = rows[pick % Math.max(1, rows.length)]?.public_id ?? null
    const type = REPORTS[pick % REPORTS.length] as ReportType
    const facts = { delivery, notice: null, providerId: 'mail-1', address: null, at: new Date() }
    await markReported(round.db, { id: randomUUID(), type, ...facts })
  },
  leave: (_, pick) => change(pick, sql`consent = 'unsubscribed'`),
  pause: (_, pick) => change(pick, sql`paused_until = current_date + 3`),
  erase: async (_, pick) => {
    const reader = await findSubscriberByAddress(round.db, `${nameOf(pick)}@example.org`)
    if (reader) await round.db.transaction().execute((trx) => eraseSubscriber(trx, reader.id))
  },
  wait: () => endWaits(round.db),
  resume: (editions) => each(editions, (id) => markResumed(round.db, id)),
  again: (editions) => each(editions, (id) => markResolved(round.db, id, round.linkKeys.currentKeyId)),
  drop: (editions) => each(editions, (id) => markResolved(round.db, id, null)),
}

const nameOf = (pick: number) => NAMES[pick % NAMES.length] as string

async function change(pick: number, values: ReturnType<typeof sql>): Promise<void> {
  await sql`update subscribers set ${values} where address = ${`${nameOf(pick)}@example.org`}`.execute(round.db)
}

async function each(editions: readonly Edition[], act: (id: number) => Promise<unknown>): Promise<void> {
  for (const { id } of editions) await act(id)
}

it('due = submitted + withheld + rejected + unknown + waiting, after every step of any history', {
  tags: 'long',
  timeout: 900_000,
}, async () => {
  const often = [
    'dispatch',
    'dispatch',
    'dispatch',
    'dispatch',
    'report',
    'wait',
    'resume',
    'send',
    'freeze',
    ...Object.keys(ACTIONS),
  ]
  const step = fc.tuple(fc.constantFrom(...often), fc.nat(1_000))
  const met = new Set<string>()
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.array(step, { minLength: 10, maxLength: 30 }),
      async (size, steps) => {
        await emptyRound(round.db)
        round.provider.batchSize = size
        const readers = NAMES.map((name) => ({
          ...DEFAULT_RHYTHM,
          address: `${name}@example.org`,
          choices: parseChoices({}),
          consentSource: 'test',
        }))
        await insertSubscribers(round.db, readers)
        await sql`update reader_clocks set waiting_since = now() - interval '60 days'`.execute(round.db)
        const editions: Edition[] = []
        await ACTIONS.freeze?.(editions, 0)
        await ACTIONS.send?.(editions, 1)
        for (const [name, pick] of steps) {
          await ACTIONS[name]?.(editions, pick)
          for (const { date, accounts, fates } of await listEditionFigures(round.db, 10)) {
            expect({ after: name, date, accounts, holds: addsUp(accounts) }).toMatchObject({ holds: true })
            expect(Object.values(fates).reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(accounts.due)
            for (const [state, count] of Object.entries({ ...accounts, ...accounts.withheld }))
              if (count) met.add(state)
          }
        }
        // Nothing that is over keeps an address.
        const { rows } =
          await sql`select d.state, d.reason, b.state as batch from deliveries d join batches b on b.id = d.batch_id
        where d.address is not null and b.state = 'settled' and d.state <> 'planned'`.execute(round.db)
        expect(rows).toEqual([])
      },
    ),
    { numRuns: isFull ? 300 : 4, seed: 4 },
  )
  // The histories reached every account.
  for (const state of ['submitted', 'rejected', 'unknown', 'waiting', 'left']) expect([...met]).toContain(state)
})

it('counts every fate, and none that is not there', async () => {
  const edition = await freezeEdition(round, '2026-03-05')
  expect(await getFates(round.db, edition.id)).toEqual({
    delayed: 0,
    delivered: 0,
    bounced: 0,
    failed: 0,
    suppressed: 0,
    complained: 0,
  })
})
