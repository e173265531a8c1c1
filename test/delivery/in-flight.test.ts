// A database as the build of migration 009 left it in the middle of a round: one batch of each
// state, notices under way, and the hash of every request that it made. in-flight-009.* was written
// by that build and never changes; what it began goes on here, to the byte, and doubles nobody.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { sql } from 'kysely'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openDatabase } from '../../src/database/client.ts'
import { migrate } from '../../src/database/migrate.ts'
import { migrations } from '../../src/database/migrations/index.ts'
import { NOTICE } from '../../src/delivery/notice/sending.ts'
import type { BatchOutcome, BatchRequest } from '../../src/delivery/provider/provider.ts'
import { BATCH } from '../../src/delivery/sending/batch.ts'
import { listWaiting } from '../../src/delivery/sending/waiting.ts'
import { dispatch } from '../../src/jobs/dispatch.ts'
import { notify } from '../../src/jobs/notify.ts'
import { endNoticeWaits } from '../support/notices.ts'
import {
  acceptAll,
  endWaits,
  openScriptedProvider,
  openTestRound,
  readAccounts,
  type TestRound,
} from '../support/round.ts'
import { describeStores } from '../support/stores.ts'
import began from './in-flight-009.json' with { type: 'json' }

const ROWS = gunzipSync(readFileSync(new URL('in-flight-009.sql.gz', import.meta.url))).toString('utf8')
const BEFORE = Object.fromEntries(Object.entries(migrations).filter(([name]) => name < '010'))
const EDITION = 1
const taken = new Map(Object.entries(began.taken))
/** Of what a provider would see: the turn in which a request goes is none of it. */
const hashOf = ({ turn, ...seen }: BatchRequest) => createHash('sha256').update(JSON.stringify(seen)).digest('hex')

describeStores(
  'a round in flight from the build before',
  (stores) => {
    let round: TestRound
    /** Keys of requests that the build before had made already, as they came again. */
    let replayed: string[]
    beforeEach(async () => {
      const db = openDatabase(stores.databaseUrl)
      await migrate(db, BEFORE)
      await sql.raw(ROWS).execute(db)
      await db.destroy()
      replayed = []
      // It took everything that it was ever asked, and remembers the bytes.
      const take = (request: BatchRequest): BatchOutcome => {
        const known = taken.get(request.idempotencyKey)
        if (known !== undefined) {
          replayed.push(request.idempotencyKey)
          if (known !== hashOf(request)) return { kind: 'mismatch', reason: 'other bytes under a known key' }
        }
        return acceptAll(request)
      }
      const provider = openScriptedProvider({ batchSize: 2 })
      provider.script = Array.from({ length: 40 }, () => take)
      round = await openTestRound(stores.databaseUrl, { provider, providers: [provider] })
      // What was never attempted must not be withheld for being old.
      await sql`update notices set expires_at = now() + interval '1 hour' where first_attempt_at is null`.execute(
        round.db,
      )
      await endWaits(round.db)
      await endNoticeWaits(round.db)
    })
    afterEach(() => round.close())

    it('goes on after the migration: to the byte where it was attempted, everybody once', async () => {
      const { attempting, unknown, deferred, planned } = began.batches
      const waiting = await listWaiting(round.db, BATCH, 10)
      expect(waiting.sort()).toEqual([attempting, unknown, deferred, planned])
      for (const id of waiting) expect(await dispatch(round, id)).toEqual([])
      const accounts = await readAccounts(round.db, EDITION)
      expect(accounts).toMatchObject({ due: 10, submitted: 10, unknown: 0, rejected: 0, waiting: 0 })
      const reached = round.provider.accepted.map(({ to }) => to)
      expect(new Set(reached).size).toBe(8)
      expect(reached).toHaveLength(8)
      const replays = replayed.map((key) => Number(key.split('-')[3]))
      expect(replays.sort()).toEqual([attempting, unknown, deferred])
    })

    it('sends what waits without whoever left since, and what was attempted with everybody', {
      tags: 'long',
    }, async () => {
      await sql`update subscribers set consent = 'unsubscribed', left_at = now() where id in (3, 5, 7, 9)`.execute(
        round.db,
      )
      for (const id of await listWaiting(round.db, BATCH, 10)) await dispatch(round, id)
      const accounts = await readAccounts(round.db, EDITION)
      expect(accounts).toMatchObject({ due: 10, submitted: 8, withheld: { left: 2 }, waiting: 0 })
      expect(replayed).toHaveLength(2)
    })

    it('repeats notices to the byte, and sends the one that waits', async () => {
      for (const id of await listWaiting(round.db, NOTICE, 10)) await notify(round, id)
      const { rows } = await sql<{ id: number; state: string }>`select id, state from notices order by id`.execute(
        round.db,
      )
      expect(rows.map(({ state }) => state)).toEqual(['submitted', 'submitted', 'submitted'])
      expect(round.provider.requests).toHaveLength(3)
      expect(replayed).toHaveLength(2)
    })
  },
  'nothing',
)
