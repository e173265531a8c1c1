// What stands in the place of a watch where nothing stands beside the database. No test framework
// in here: the crash harness runs without.
import type { Watch } from '../../src/delivery/witness/watch.ts'

export const UNWATCHED: Watch = {
  look: async () => {},
  guard: (db, mark) => mark(db),
  keep: async () => {},
  compare: async () => {},
  compareWithWitnesses: async () => {},
  read: async () => undefined,
  startBranch: async () => {},
}
