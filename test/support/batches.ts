// One batch of a round in the hands of a test.
import { BATCH, type ClaimedBatch } from '../../src/delivery/sending/batch.ts'
import { claim } from '../../src/delivery/sending/once.ts'
import type { Edition } from '../../src/edition/edition.ts'
import { planFor, type TestRound } from './round.ts'

/** Plans one batch of these readers. */
export async function planOne(round: TestRound, names: readonly string[]): Promise<{ edition: Edition; id: number }> {
  const { edition, batchIds } = await planFor(round, names)
  const [id, ...others] = batchIds
  if (id === undefined || others.length > 0) throw new Error(`${batchIds.length} batches were planned`)
  return { edition, id }
}

export async function claimOne({ db }: Pick<TestRound, 'db'>, id: number): Promise<ClaimedBatch> {
  const batch = await claim(db, BATCH, id)
  if (!batch) throw new Error(`batch ${id} could not be claimed`)
  return batch
}

/** Returns the public id of a reader by their name (the part before the @, as added). */
export async function publicIdOf({ db }: Pick<TestRound, 'db'>, name: string): Promise<string> {
  const address = `${name}@example.org`
  const row = await db
    .selectFrom('subscribers')
    .select('public_id')
    .where('address', '=', address)
    .executeTakeFirstOrThrow()
  return row.public_id
}
