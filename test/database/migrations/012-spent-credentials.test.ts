// A database of the build before, with links and notices under way and papers that were collected,
// is brought up to date: its links work once and are told of, its papers are found by more.
import { type Kysely, sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openDatabase } from '../../../src/database/client.ts'
import { migrate } from '../../../src/database/migrate.ts'
import { migrations } from '../../../src/database/migrations/index.ts'
import type { Database } from '../../../src/database/schema.ts'
import { exportData } from '../../../src/delivery/request/own-data.ts'
import { confirm, signUp } from '../../../src/delivery/request/sign-up.ts'
import { listFound } from '../../../src/edition/search.ts'
import { notify } from '../../../src/jobs/notify.ts'
import { insertCollection } from '../../../src/source/store.ts'
import { findSpent, hashToken } from '../../../src/subscriber/spent.ts'
import { makeAsk } from '../../support/asks.ts'
import { readNotice } from '../../support/notices.ts'
import { makePaper } from '../../support/places.ts'
import { openTestRound } from '../../support/round.ts'
import { openTestDatabase, realPostgresUrl, type TestDatabase } from '../../support/stores.ts'

const before = Object.fromEntries(Object.entries(migrations).filter(([name]) => name < '011'))
const kinds = [{ kind: 'embedded' }, ...((await realPostgresUrl()) ? [{ kind: 'real' }] : [])] as const
const TOKEN = 'a'.repeat(43)

describe.each(kinds)('012-spent-credentials on $kind PostgreSQL', ({ kind }) => {
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

  it('goes on with what was under way', { tags: 'long' }, async () => {
    const old = await openTestRound(database.url, { db }, before)
    const paper = makePaper({ id: '2603.00001', authors: ['Zoë Müller'], keywords: ['sheep'] })
    const listings = [{ paper, upvotes: 3, comments: 0, submittedAt: null }]
    const look = {
      date: '2026-03-05',
      source: 'test',
      verdict: 'complete' as const,
      reason: null,
      listings,
      setAside: 0,
    }
    // Today's statements ask a clock that the build of then did not have.
    await sql`create function round_now() returns timestamptz language sql as 'select now()'`.execute(db)
    await db.transaction().execute((trx) => insertCollection(trx, look))
    await sql`drop function round_now()`.execute(db)
    await sql`
      insert into preferences (sha256, choices) values ('\\x00', '{}');
      insert into subscribers (address, address_hash, consent, consent_source, preferences_id, cadence, hour, zone)
      select 'ada@example.org', '\\x01', 'confirmed', 'test', id, 'daily', 7, 'UTC' from preferences;
      insert into credentials (hash, purpose, subscriber_id, expires_at)
      select decode(${sql.lit(hashToken(TOKEN).toString('hex'))}, 'hex'), 'export', id, now() + interval '1 day' from subscribers`.execute(
      db,
    )
    await migrate(db, migrations)

    const found = async (words: string) =>
      (await listFound(db, words, () => [], { limit: 5, offset: 0 })).found.map((each) => each.paper.id)
    for (const words of ['muller', 'sheep', 'paper 2603.00001']) expect(await found(words), words).toEqual([paper.id])
    expect(await exportData(old, TOKEN)).toMatchObject({ subscriber: { address: 'ada@example.org' } })
    expect(await findSpent(db, 'export', TOKEN)).toMatchObject({ fate: 'used' })
    const notice = await signUp(old, 'new@example.org', makeAsk())
    await notify(old, notice ?? 0)
    expect((await readNotice(db, notice)).state).toBe('submitted')
    expect(await confirm(old, TOKEN)).toBeUndefined()
  })
})
