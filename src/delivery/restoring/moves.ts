// Whose a digest of the gap was that went to an address which the copy does not know: the reader
// moved there since. The journal has no address, and the provider's list has it.
import { type Kysely, sql } from 'kysely'
import type { Database } from '../../database/schema.ts'
import { identify, type ReadersWish } from '../../subscriber/journal/readers.ts'
import type { Wish } from '../../subscriber/journal/wish.ts'
import { getAddressKey } from '../../subscriber/store.ts'
import { hashAddress } from '../../subscriber/subscriber.ts'
import type { ListedDigest } from '../witness/listed.ts'
import { CLOCKS_DIFFER_MS } from '../witness/watch.ts'

/**
 * Returns the digests, each that went to where a reader had moved under the address at which the
 * copy has them. `wishes` are the journal's, by time.
 */
export async function followMoves(
  db: Kysely<Database>,
  digests: readonly ListedDigest[],
  wishes: readonly Wish[],
): Promise<ListedDigest[]> {
  const key = await getAddressKey(db)
  const moves = await identify(
    db,
    key,
    wishes.filter(({ kind }) => kind === 'moved'),
  )
  if (moves.length === 0) return [...digests]
  const addresses = await mapAddresses(db, moves)
  const movesTo = new Map<string | null, ReadersWish[]>()
  for (const move of moves) movesTo.set(move.address, [...(movesTo.get(move.address) ?? []), move])
  return digests.map((digest) => {
    const arrived = movesTo.get(hashAddress(key, digest.address).toString('hex')) ?? []
    const last = arrived.findLast(({ at }) => at.getTime() <= digest.at.getTime() + CLOCKS_DIFFER_MS)
    const address = last && addresses.get(last.subscriberId)
    return address === undefined ? digest : { ...digest, address }
  })
}

/** Returns where the copy has each reader. */
async function mapAddresses(db: Kysely<Database>, moves: readonly ReadersWish[]): Promise<Map<number, string>> {
  const { rows } = await sql<{ id: number; address: string | null }>`
    select s.id, lower(s.address) as address from subscribers s
    where s.id = any(${moves.map(({ subscriberId }) => subscriberId)}::int[]) and s.address is not null`.execute(db)
  return new Map(rows.flatMap(({ id, address }) => (address === null ? [] : [[id, address] as const])))
}
