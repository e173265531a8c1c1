// One batch: one claim, one mark, one request, one settle. The mark is committed before the
// request; after it the bytes are fixed.

import { isReserved, type WithheldReason } from '../delivery/delivery.ts'
import { refuseReplay } from '../delivery/provider/outcome.ts'
import type { BatchRequest, Provider } from '../delivery/provider/provider.ts'
import { withinQuota } from '../delivery/provider/quota.ts'
import { type ClaimedBatch, hashRecipe, joinMails, keyOf, type Member } from '../delivery/sending/batch.ts'
import { claimBatch, markAttempting } from '../delivery/sending/ledger.ts'
import { dropMembers, listMembers } from '../delivery/sending/members.ts'
import { markDeferred } from '../delivery/sending/settling.ts'
import { releaseBatch, splitBatch } from '../delivery/sending/splitting.ts'
import { JOIN_VERSION } from '../digest/joining.ts'
import { loadMaterials, type Material } from '../digest/materials.ts'
import { getEdition } from '../edition/store.ts'
import { LaterError } from '../errors.ts'
import { giveUp, settle, standStill } from './dispatch-settle.ts'
import type { Round } from './round.ts'
import { firstBack, readStandings, type Standing } from './routes.ts'

type DispatchRound = Pick<Round, 'db' | 'providers' | 'linkKeys' | 'leaseMs' | 'logger'>

/**
 * A member may leave between building and marking, again and again; more often than this something
 * else is wrong.
 */
const BUILDS_MAX = 5
const REBUILD_WAIT_MS = 5_000

/**
 * Dispatches a batch. `queue` is the provider in whose queue and pace its job runs; without it any
 * will do. Returns the ids of batches to dispatch next: parts of one that was too large, halves of
 * one that was refused, itself where another queue's turn it is.
 */
export async function dispatch(round: DispatchRound, batchId: number, queue?: string): Promise<number[]> {
  const batch = await claimBatch(round.db, batchId, round.leaseMs)
  if (!batch) return []
  const standings = await readStandings(round)
  const standing = batch.fixed
    ? standings.find(({ provider }) => provider.name === batch.fixed?.provider)
    : standings.find(({ out }) => !out)
  const refusal = refusalOf(batch, standing?.provider)
  if (refusal) return giveUp(round, batch, refusal)
  if (!standing) return standStill(round, batch, firstBack(standings))
  const { provider } = standing
  if (standing.out) return standStill(round, batch, standing.out)
  if (queue !== undefined && queue !== provider.name) return passOn(round, batch)
  if (!batch.fixed && batch.size > Math.min(provider.batchSize, standing.left.mails))
    return split(round, batch, standing)
  const ready = batch.fixed ? await rebuild(round, provider, batch) : await buildAndMark(round, provider, batch)
  if (ready === undefined) return []
  if (ready === 'changed') return giveUp(round, batch, 'its rows or settings changed after it was fixed')
  if (ready === 'over') return passOn(round, batch)
  const outcome = await provider.send(ready.request)
  const ids = ready.members.map((member) => member.subscriberId)
  return settle(round, batch, provider, ids, outcome)
}

async function passOn({ db }: DispatchRound, batch: ClaimedBatch): Promise<number[]> {
  await releaseBatch(db, batch)
  return [batch.id]
}

/**
 * Cuts a batch that is too large for the provider, or for what its quota leaves, into parts that
 * are.
 */
async function split({ db }: DispatchRound, batch: ClaimedBatch, { provider, left }: Standing): Promise<number[]> {
  return splitBatch(db, batch, Math.min(provider.batchSize, left.mails), provider.batchSize)
}

/** Complete before the mark: whatever can fail fails while nothing is fixed. */
interface Ready {
  members: Member[]
  request: BatchRequest
}

/** Says why a batch that was attempted before must not be sent again, undefined when it may. */
function refusalOf({ fixed }: ClaimedBatch, provider: Provider | undefined): string | undefined {
  if (!fixed) return undefined
  if (!provider) return `it was attempted through ${fixed.provider}`
  return refuseReplay(provider, { ...fixed, version: fixed.joinVersion }, JOIN_VERSION)
}

/** Builds what was marked before, byte for byte, or says that it cannot be built any more. */
async function rebuild(
  round: DispatchRound,
  provider: Provider,
  batch: ClaimedBatch,
): Promise<Ready | 'changed' | undefined> {
  const fixed = batch.fixed as NonNullable<ClaimedBatch['fixed']>
  const members = await listMembers(round.db, batch.id)
  if (members.some((member) => member.address === null || !round.linkKeys.byId.has(member.keyId))) return 'changed'
  const materials = await materialsOf(round, provider, batch, members)
  if (!hashRecipe(batch.editionId, members, materials).equals(fixed.recipe)) return 'changed'
  const request = await requestOf(round, batch, members, materials, fixed.idempotencyKey)
  const marked = await markAttempting(round.db, batch, fixed)
  return marked === 'marked' ? { members, request } : undefined
}

/**
 * Drops who must not be written to, builds, and marks. Returns undefined when nobody is left or
 * another worker has the batch, `over` when the provider's quota no longer covers it.
 */
async function buildAndMark(
  round: DispatchRound,
  provider: Provider,
  batch: ClaimedBatch,
): Promise<Ready | 'over' | undefined> {
  for (let build = 0; build < BUILDS_MAX; build++) {
    const all = await listMembers(round.db, batch.id)
    const leavers = all.flatMap((member) => {
      const reason = member.leaving ?? reservedReason(provider, member)
      return reason ? [{ subscriberId: member.subscriberId, reason }] : []
    })
    if (leavers.length > 0 && !(await dropMembers(round.db, batch, leavers))) return undefined
    const gone = new Set(leavers.map((leaver) => leaver.subscriberId))
    const members = all.filter((member) => !gone.has(member.subscriberId))
    if (members.length === 0) return undefined
    const materials = await materialsOf(round, provider, batch, members)
    const recipe = hashRecipe(batch.editionId, members, materials)
    const idempotencyKey = keyOf(batch.editionId, batch.id, recipe)
    const request = await requestOf(round, batch, members, materials, idempotencyKey)
    const intent = { recipe, joinVersion: JOIN_VERSION, idempotencyKey, provider: provider.name }
    const marked = await withinQuota(round.db, provider, members.length, (db) => markAttempting(db, batch, intent))
    if (marked === undefined) return 'over'
    if (marked === 'marked') return { members, request }
    if (marked === 'lost') return undefined
  }
  const reason = 'members kept leaving while the batch was built'
  await markDeferred(round.db, batch, reason, REBUILD_WAIT_MS)
  throw new LaterError(reason, REBUILD_WAIT_MS)
}

async function requestOf(
  { db, linkKeys }: DispatchRound,
  batch: ClaimedBatch,
  members: readonly Member[],
  materials: ReadonlyMap<number, Material>,
  idempotencyKey: string,
): Promise<BatchRequest> {
  const { date, kind } = await getEdition(db, batch.editionId)
  return { edition: { date, kind }, idempotencyKey, mails: joinMails(members, materials, linkKeys) }
}

function materialsOf({ db }: DispatchRound, provider: Provider, batch: ClaimedBatch, members: readonly Member[]) {
  return loadMaterials(
    db,
    batch.editionId,
    members.map((member) => member.selectionId),
    provider.encoding,
  )
}

/**
 * Nobody can be reached at an example domain; a real provider would only count it against the
 * sender.
 */
function reservedReason(provider: Provider, member: Member): WithheldReason | null {
  return provider.reachesRealWorld && isReserved(member.address) ? 'reserved-domain' : null
}
