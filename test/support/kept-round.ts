// One round for all tests of a file: migrating anew for each test would be most of its time.
import { afterAll, beforeAll, beforeEach } from 'vitest'
import { emptyRound, openTestRound, type TestRound } from './round.ts'
import { openTestDatabase, type TestDatabase } from './stores.ts'

/**
 * Keeps one migrated round on embedded stores for all tests of a file, and empties it before each.
 * `receive` gets it before the first; ids go on counting, and no test may lean on them.
 */
export function keepRound(receive: (round: TestRound) => void): void {
  let database: TestDatabase
  let round: TestRound
  beforeAll(async () => {
    database = await openTestDatabase('embedded')
    round = await openTestRound(database.url)
    receive(round)
  })
  beforeEach(() => emptyRound(round.db))
  afterAll(async () => {
    await round.close()
    await database.close()
  })
}
