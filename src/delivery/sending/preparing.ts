// A claimed batch becomes a marked request. Everything is built before the mark: whatever can fail
// fails while nothing is fixed.
import type { Outage } from '../../database/outage.ts'
import { loadMaterials } from '../../digest/joining/materials.ts'
import { LaterError, PermanentError } from '../../errors.ts'
import type { LinkKeys } from '../../subscriber/token.ts'
import { isReserved, type WithheldReason } from '../delivery.ts'
import type { Turn } from '../pace/paces.ts'
import type { BatchRequest, Mail, Provider } from '../provider/provider.ts'
import { withinQuota } from '../provider/quota.ts'
import { demandSettled } from './after-outage.ts'
import { BATCH, type ClaimedBatch } from './batch.ts'
import { dropMembers } from './ledger.ts'
import { isWhole, listMembers, type MaybeLeaving, type Member } from './members.ts'
import { markDeferred, markReleased } from './once.ts'
import { hashRecipe, joinMails, keyOf, versionOf } from './recipe.ts'
import { markKept, type SendingParts } from './settling.ts'
import type { Fixed } from './subject.ts'
import { takeTurn } from './turn.ts'

/**
 * A member may leave between building and marking, again and again; more often than this something
 * else is wrong.
 */
const BUILDS_MAX = 5
const REBUILD_WAIT_MS = 5_000

export type PrepareParts = Pick<SendingParts, 'db' | 'witness' | 'paces'> & {
  linkKeys: LinkKeys
  outage?: Pick<Outage, 'settlingMs'> | undefined
}

/** A batch whose intent is committed. */
export interface Ready {
  /** The members' subscribers, in the order of the request. */
  ids: number[]
  request: BatchRequest
  /** When it goes. */
  turn: Turn
}

/**
 * Builds a batch and marks it: what was attempted byte for byte, what never was without whoever
 * must not be written to. Returns undefined when nobody is left, the edition was stopped or another
 * worker has the batch, `changed` when it cannot be built as it was fixed, `over` when the
 * provider's quota no longer covers it. `turn`: one that it has already.
 */
export async function prepare(
  parts: PrepareParts,
  provider: Provider,
  batch: ClaimedBatch,
  turn?: Turn,
): Promise<Ready | 'changed' | 'over' | undefined> {
  if (batch.fixed !== null) return rebuild(parts, provider, batch, batch.fixed)
  let taken = turn
  let looked = batch
  for (let build = 0; build < BUILDS_MAX; build++, looked = readAnew(batch)) {
    const built = await buildFresh(parts, provider, looked)
    if (built === undefined) return undefined
    taken ??= await takeTurn(parts, provider, BATCH, batch, weightOf(provider, built.ids.length))
    // The database may have been away since the claim.
    await demandSettled(parts, BATCH, batch)
    const marked = await markKept(parts, BATCH, looked, built.intent, (mark) =>
      withinQuota(parts.db, provider, built.ids.length, mark),
    )
    if (marked === undefined) return 'over'
    if (marked === 'kept') return { ids: built.ids, request: { ...built.request, turn: taken }, turn: taken }
    if (marked === 'held') await markReleased(parts.db, BATCH, batch)
    if (marked !== 'left') return undefined
  }
  const reason = 'members kept leaving while the batch was built'
  await markDeferred(parts.db, BATCH, batch, reason, REBUILD_WAIT_MS)
  throw new LaterError(reason, REBUILD_WAIT_MS)
}

/** Has the members of a batch read again, and its mark told what may have become of them. */
export function readAnew(batch: ClaimedBatch): ClaimedBatch {
  return { ...batch, members: [], mayHaveSlid: true }
}

/** A batch that could be marked. */
export interface Built {
  ids: number[]
  request: BatchRequest
  intent: Fixed
}

/**
 * Builds a batch of which nothing was attempted, without whoever must not be written to. Returns
 * undefined when nobody is left. Members that its claim did not see are read anew.
 */
export async function buildFresh(
  parts: PrepareParts,
  provider: Provider,
  batch: ClaimedBatch,
): Promise<Built | undefined> {
  const all = isComplete(batch) ? batch.members : await listMembers(parts.db, batch.id)
  const members = await dropLeavers(parts, provider, batch, all)
  if (members.length === 0) return undefined
  const { ids, hash, version, mails } = await buildFor(parts, provider, batch, members)
  const idempotencyKey = keyOf(batch.editionId, batch.id, hash)
  return {
    ids,
    request: { edition: batch.edition, idempotencyKey, mails },
    intent: { hash, version, idempotencyKey, provider: provider.name },
  }
}

async function rebuild(
  parts: PrepareParts,
  provider: Provider,
  batch: ClaimedBatch,
  fixed: NonNullable<ClaimedBatch['fixed']>,
): Promise<Ready | 'changed' | undefined> {
  const members = isComplete(batch) ? batch.members : await listMembers(parts.db, batch.id)
  if (batch.isPruned || !members.every(isWhole)) return 'changed'
  if (!members.every(({ keyId }) => parts.linkKeys.byId.has(keyId))) return 'changed'
  const built = await buildFor(parts, provider, batch, members)
  if (!built.hash.equals(fixed.hash)) return 'changed'
  const turn = await takeTurn(parts, provider, BATCH, batch)
  if ((await markKept(parts, BATCH, batch, fixed)) !== 'kept') return undefined
  const { ids, mails } = built
  return { ids, request: { edition: batch.edition, idempotencyKey: fixed.idempotencyKey, mails, turn }, turn }
}

/** A mail that goes by itself is a request. */
function weightOf({ oneByOne }: Provider, mails: number): number {
  return oneByOne ? mails : 1
}

/** Tells whether a claim saw every member: a row younger than its snapshot is read again. */
function isComplete({ members, size }: ClaimedBatch): boolean {
  return members.length === size
}

/** Drops whoever must not be written to. Returns who is left, nobody when the lease is lost. */
async function dropLeavers(
  { db }: PrepareParts,
  provider: Provider,
  batch: ClaimedBatch,
  all: readonly MaybeLeaving[],
): Promise<Member[]> {
  const leavers = all.flatMap(({ subscriberId, leaving, address }) => {
    const reason = leaving ?? barOf(provider, batch, address)
    return reason ? [{ subscriberId, reason }] : []
  })
  if (leavers.length > 0 && !(await dropMembers(db, batch, leavers))) return []
  const gone = new Set(leavers.map((leaver) => leaver.subscriberId))
  const staying = all.filter((member) => !gone.has(member.subscriberId))
  if (!staying.every(isWhole)) throw new PermanentError(`batch ${batch.id} lacks what its mails are made of`)
  return staying
}

/** Says what keeps an email from somebody who may get it; null when nothing does. */
function barOf(
  { reachesRealWorld }: Provider,
  { isPruned }: ClaimedBatch,
  address: string | null,
): WithheldReason | null {
  // An email that outlived what it is made of is no news to anybody.
  if (isPruned) return 'late'
  // Nobody can be reached at an example domain; a real provider would only count it against the
  // sender.
  return reachesRealWorld && isReserved(address ?? '') ? 'reserved-domain' : null
}

async function buildFor(
  { db, linkKeys }: PrepareParts,
  provider: Provider,
  { editionId }: ClaimedBatch,
  members: readonly Member[],
): Promise<{ ids: number[]; hash: Buffer; version: number; mails: Mail[] }> {
  const selectionIds = members.map((member) => member.selectionId)
  const materials = await loadMaterials(db, editionId, selectionIds, provider.encoding)
  return {
    ids: members.map((member) => member.subscriberId),
    hash: hashRecipe(editionId, members, materials),
    version: versionOf(materials),
    mails: joinMails(members, materials, linkKeys),
  }
}
