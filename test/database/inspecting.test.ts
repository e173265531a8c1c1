import type { Kysely } from 'kysely'
import { expect, it } from 'vitest'
import { findReadOnlyCause, inspectDatabase } from '../../src/database/inspecting.ts'
import type { Database } from '../../src/database/schema.ts'
import { keepRound } from '../support/kept-round.ts'
import type { TestRound } from '../support/round.ts'

let round: TestRound
keepRound((kept) => {
  round = kept
})

it('tells a server that takes writes from one that is switched to read-only', async () => {
  expect(await findReadOnlyCause(round.db)).toBeNull()
  const found = round.db
    .transaction()
    .setAccessMode('read only')
    .execute(async (db: Kysely<Database>) => [await findReadOnlyCause(db), (await inspectDatabase(db)).readOnly])
  expect(await found).toEqual(['setting', 'setting'])
})
