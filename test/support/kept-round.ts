// One round for all tests of a file: migrating anew for each test would be most of its time.
import { afterAll, beforeAll, beforeEach } from 'vitest'
import { emptyRound, openTestRound, type TestRound } from './round.ts'
import { openTestDatabase, type TestDatabase } from './stores.ts'

/**
 * Keeps one migrated round for all tests of a file, on either kind of PostgreSQL, and empties it
 * before each. `receive` gets it before the first; ids go on counting: no test may lean on them.
 */
export function keepRound(receive: (round: TestRound) => void, kind: 'either' | 'embedded' = 'either'): void {
  let database: TestDatabase
  let round: TestRound
  beforeAll(async () => {
    database = await openTestDatabase(kind)
    round = await openTestRound(database.url)
    receive(round)
  })
  beforeEach(() => emptyRound(round.db))
  afterAll(async () => {
    await round.close()
    await database.close()
  })
}
