// A database of the build before, in the middle of a plan and of a round: every clock goes on as it
// stood, and what was under way doubles nobody.
import { type Kysely, sql } from 'kysely'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { migrate } from '../../../src/database/migrate.ts'
import { migrations } from '../../../src/database/migrations/index.ts'
import type { Database } from '../../../src/database/schema.ts'
import { BATCH } from '../../../src/delivery/sending/batch.ts'
import { listWaiting } from '../../../src/delivery/sending/waiting.ts'
import { dispatch } from '../../../src/jobs/dispatch.ts'
import { planDue } from '../../../src/jobs/plan.ts'
import { READER_HOURS } from '../../../src/subscriber/clock.ts'
import { findSubscriberByAddress, markUnsubscribed } from '../../../src/subscriber/store.ts'
import { BACK_TO_OWN_CLOCKS } from '../../support/own-clocks.ts'
import {
  addReader,
  endWaits,
  freezeEdition,
  openScriptedProvider,
  openTestRound,
  readAccounts,
  readDeliveries,
  type TestRound,
} from '../../support/round.ts'
import { describeStores } from '../../support/stores.ts'

const NAMES = ['ada', 'ben', 'cy', 'dan', 'eve', 'fay']
/** What the step takes away, as the steps before it made it, and its own trace. */
const BACK = `
  ${BACK_TO_OWN_CLOCKS};
  alter table subscribers add column waiting_since timestamptz not null default round_now(),
    add column next_due_at timestamptz, add column welcome boolean not null default false;
  update subscribers s set waiting_since = c.waiting_since, welcome = c.welcome,
    next_due_at = case when s.consent = 'confirmed' then c.next_due_at end
  from reader_clocks c where c.subscriber_id = s.id;
  create index subscribers_due on subscribers (next_due_at) where consent = 'confirmed';
  create index subscribers_due_weekly on subscribers (next_due_at) where consent = 'confirmed' and cadence = 'weekly';
  drop table reader_clocks;
  delete from kysely_migration where name = '036-reader-clocks'`

describeStores(
  '036-reader-clocks',
  (stores) => {
    let round: TestRound
    let editionId: number
    beforeEach(async () => {
      const provider = openScriptedProvider({ batchSize: 2 })
      round = await openTestRound(stores.databaseUrl, { provider, providers: [provider], sliceSize: 2 })
      const { db } = round
      editionId = (await freezeEdition(round, '2026-03-05', { hoursAgo: 2 })).id
      for (const name of NAMES) await addReader(db, name, { hour: new Date().getUTCHours() })
      await addReader(db, 'week', { cadence: 'weekly' })
      await addReader(db, 'gone')
      await sql`
        update reader_clocks set next_due_at = now() - interval '1 second' from subscribers s
        where s.id = subscriber_id and s.cadence = 'daily' and s.address <> 'gone@example.org'`.execute(db)
      await sql`
        update reader_clocks set welcome = true where subscriber_id = (select max(id) from subscribers where address = 'week@example.org')`.execute(
        db,
      )
      const gone = await findSubscriberByAddress(db, 'gone@example.org')
      await markUnsubscribed(db, gone?.publicId ?? '')
      // Ends as the planner dies: between two slices, and what it had planned half sent.
      await expect(planDue(round, stoppedAfter(2))).rejects.toThrow('killed')
      const [sent, attempting] = await listWaiting(db, BATCH, 2)
      await dispatch(round, sent as number)
      provider.script.push(() => Promise.reject(new Error('killed')))
      await expect(dispatch(round, attempting as number)).rejects.toThrow('killed')
    })
    afterEach(() => round.close())

    it('keeps every clock of who is subscribed', { tags: 'long' }, async () => {
      const before = await readClocks(round.db)
      expect(before.map(({ name }) => name)).toEqual([...NAMES, 'week'])
      await sql.raw(BACK).execute(round.db)
      expect(await migrate(round.db, migrations)).toEqual([
        '036-reader-clocks',
        '037-shared-clocks',
        '038-lifted-suppressions',
        '039-settings-apart',
      ])
      expect(await readClocks(round.db)).toEqual(before)
      expect(await sql`select from reader_clocks`.execute(round.db)).toMatchObject({ rows: { length: before.length } })
    })

    it('goes on with the plan and with what was sent: everybody once', { tags: 'long' }, async () => {
      await sql.raw(BACK).execute(round.db)
      await migrate(round.db, migrations)
      const asked = round.provider.requests.map(({ idempotencyKey }) => idempotencyKey)
      expect(await planDue(round)).toBe(2)
      expect(await planDue(round)).toBe(0)
      expect(Object.keys(await readDeliveries(round.db, editionId)).sort()).toEqual(NAMES)
      await endWaits(round.db)
      for (const id of await listWaiting(round.db, BATCH, 10)) expect(await dispatch(round, id)).toEqual([])
      expect(await readAccounts(round.db, editionId)).toMatchObject({ due: 6, submitted: 6, waiting: 0 })
      const reached = round.provider.accepted.map(({ to }) => to)
      expect(new Set(reached).size).toBe(reached.length)
      expect(round.provider.requests.map(({ idempotencyKey }) => idempotencyKey)).toEqual(expect.arrayContaining(asked))
    })
  },
  'nothing',
)

function stoppedAfter(slices: number): () => Promise<void> {
  let left = slices
  return async () => {
    if (--left === 0) throw new Error('killed')
  }
}

async function readClocks(db: Kysely<Database>) {
  const { rows } = await sql<{ name: string }>`
    select split_part(s.address, '@', 1) as name, c.next_due_at, c.waiting_since, c.welcome, c.weekly
    from ${READER_HOURS} c join subscribers s on s.id = c.subscriber_id where s.consent = 'confirmed' order by s.id`.execute(
    db,
  )
  return rows
}
