// Whose host must not get more now waits by itself: the others of its batch go. Nothing of it was
// attempted. And what a host's answer says of its pace is kept for all workers.
import { type Kysely, sql } from 'kysely'
import type { Database } from '../../database/schema.ts'
import { hostOfAddress } from '../../subscriber/subscriber.ts'
import { PAUSE_MS } from '../provider/host-pace.ts'
import { claimTurns, isAnyHeldBack, markSlowed, paceReason } from '../provider/host-paces.ts'
import type { MailOutcome, Provider } from '../provider/provider.ts'
import { BATCH, type ClaimedBatch } from './batch.ts'
import { markDeferred, move } from './once.ts'
import { insertPart } from './parts.ts'

interface Behind {
  host: string
  members: number[]
  waitMs: number
}

/**
 * Leaves behind whose host has no turn for them yet. Returns the batch of those who go, undefined
 * when nobody does or the lease is lost.
 */
export async function keepPace(
  db: Kysely<Database>,
  { domainRate }: Pick<Provider, 'domainRate'>,
  batch: ClaimedBatch,
): Promise<ClaimedBatch | undefined> {
  // Of a batch that the claim did not see whole, nobody is left behind.
  const isWhole = batch.members.length === batch.size
  if (domainRate === undefined || batch.fixed !== null || !isWhole) return batch
  const behind = await listBehind(db, batch, domainRate)
  const [first] = behind
  if (!first) return batch
  const waiting = new Set(behind.flatMap(({ members }) => members))
  const going = batch.members.filter(({ subscriberId }) => !waiting.has(subscriberId))
  // Where nobody goes, the batch itself waits for its first host.
  const staying = going.length > 0 ? going.map(({ subscriberId }) => subscriberId) : first.members
  const isOurs = await db.transaction().execute(async (trx) => {
    if (!(await move(trx, BATCH, batch, 'split', [sql`members = ${staying}`]))) return false
    for (const { host, members, waitMs } of going.length > 0 ? behind : behind.slice(1)) {
      await insertPart(trx, batch.editionId, members, { state: 'deferred', reason: paceReason(host), waitMs })
    }
    return true
  })
  if (isOurs && going.length === 0) await markDeferred(db, BATCH, batch, paceReason(first.host), first.waitMs)
  return isOurs && going.length > 0 ? { ...batch, members: going, size: going.length } : undefined
}

/** The same for several batches of one edition: where no host is held back, one look is enough. */
export async function keepPaces(
  db: Kysely<Database>,
  provider: Pick<Provider, 'domainRate'>,
  batches: readonly ClaimedBatch[],
): Promise<ClaimedBatch[]> {
  if (provider.domainRate === undefined) return [...batches]
  const hosts = new Set(
    batches.flatMap(({ members }) => members.flatMap(({ address }) => (address ? hostOfAddress(address) : []))),
  )
  if (provider.domainRate === null && !(await isAnyHeldBack(db, [...hosts]))) return [...batches]
  const going: ClaimedBatch[] = []
  for (const batch of batches) {
    const rest = await keepPace(db, provider, batch)
    if (rest) going.push(rest)
  }
  return going
}

/** Keeps what hosts said of their pace. Returns the outcomes: those mails wait for their host. */
export async function followPaces(
  db: Kysely<Database>,
  { domainRate }: Pick<Provider, 'domainRate'>,
  batch: Pick<ClaimedBatch, 'members'>,
  results: readonly { subscriberId: number; outcome: MailOutcome }[],
): Promise<{ subscriberId: number; outcome: MailOutcome }[]> {
  const slowed: { host: string; reason: string }[] = []
  const followed = results.map(({ subscriberId, outcome }) => {
    const address = batch.members.find((each) => each.subscriberId === subscriberId)?.address
    if (outcome.state !== 'deferred' || !outcome.tooFast || !address) return { subscriberId, outcome }
    const host = hostOfAddress(address)
    slowed.push({ host, reason: outcome.reason })
    return { subscriberId, outcome: { ...outcome, reason: paceReason(host), retryAfterMs: PAUSE_MS } }
  })
  if (slowed.length > 0) await markSlowed(db, slowed, domainRate ?? null)
  return followed
}

async function listBehind(db: Kysely<Database>, batch: ClaimedBatch, most: number | null): Promise<Behind[]> {
  const hosts = new Map<string, number[]>()
  for (const { address, subscriberId, leaving } of batch.members) {
    if (!address || leaving !== null) continue
    const host = hostOfAddress(address)
    hosts.set(host, [...(hosts.get(host) ?? []), subscriberId])
  }
  if (hosts.size === 0) return []
  const turns = await claimTurns(db, new Map([...hosts].map(([host, members]) => [host, members.length])), most)
  return [...hosts].flatMap(([host, members]) => {
    const { granted, waitMs } = turns.get(host) ?? { granted: members.length, waitMs: 0 }
    return granted < members.length ? [{ host, members: members.slice(granted), waitMs }] : []
  })
}
