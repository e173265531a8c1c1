// One batch: one claim, one mark, one request, one settle. The mark is committed before the request; after it the bytes are fixed.

import { hashRecipe, joinMails, keyOf, type Member } from '../delivery/batch.ts'
import { findHarm, findRejection, markBraked } from '../delivery/brake.ts'
import { isReserved, type WithheldReason } from '../delivery/delivery.ts'
import { type ClaimedBatch, claimBatch, dropMembers, listMembers, markAttempting } from '../delivery/ledger.ts'
import type { BatchOutcome, BatchRequest, MailOutcome } from '../delivery/provider.ts'
import { markDeferred, markHalved, markSettled, markUnknown } from '../delivery/settling.ts'
import { JOIN_VERSION } from '../digest/joining.ts'
import { loadMaterials, type Material } from '../digest/materials.ts'
import { getEdition, markStopped } from '../edition/store.ts'
import { HoldError, LaterError } from '../errors.ts'
import type { Round } from './round.ts'

type DispatchRound = Pick<Round, 'db' | 'provider' | 'linkKeys' | 'logger'>

/** First wait before an unknown request is repeated; doubles with every attempt. */
const UNKNOWN_WAIT_MS = 5_000
const UNKNOWN_WAIT_MAX_MS = 15 * 60_000
/** A member may leave between building and marking, again and again; more often than this something else is wrong. */
const BUILDS_MAX = 5

/** Dispatches a batch. Returns the ids of batches to dispatch next: its halves when its content was refused as a whole. */
export async function dispatch(round: DispatchRound, batchId: number): Promise<number[]> {
  const batch = await claimBatch(round.db, batchId)
  if (!batch) return []
  const refusal = refuseReplay(round, batch)
  if (refusal) return giveUp(round, batch, refusal)
  const ready = batch.fixed ? await rebuild(round, batch) : await buildAndMark(round, batch)
  if (ready === undefined) return []
  if (ready === 'changed') return giveUp(round, batch, 'its rows or settings changed after it was fixed')
  const outcome = await round.provider.send(ready.request)
  return settle(round, batch, ready.members, outcome)
}

/** Complete before the mark: whatever can fail fails while nothing is fixed. */
interface Ready {
  members: Member[]
  request: BatchRequest
}

/** Says why a batch that was attempted before must not be sent again, undefined when it may. */
function refuseReplay({ provider }: DispatchRound, { fixed }: ClaimedBatch): string | undefined {
  if (!fixed) return undefined
  if (fixed.provider !== provider.name) return `it was attempted through ${fixed.provider}`
  if (fixed.joinVersion !== JOIN_VERSION)
    return `it was joined by version ${fixed.joinVersion}, this is ${JOIN_VERSION}`
  if (fixed.ageMs >= provider.replayMs) return `${provider.name} no longer replays its key`
  return undefined
}

/** Builds what was marked before, byte for byte, or says that it cannot be built any more. */
async function rebuild(round: DispatchRound, batch: ClaimedBatch): Promise<Ready | 'changed' | undefined> {
  const fixed = batch.fixed as NonNullable<ClaimedBatch['fixed']>
  const members = await listMembers(round.db, batch.id)
  if (members.some((member) => member.address === null || !round.linkKeys.byId.has(member.keyId))) return 'changed'
  const materials = await materialsOf(round, batch, members)
  if (!hashRecipe(batch.editionId, members, materials).equals(fixed.recipe)) return 'changed'
  const request = await requestOf(round, batch, members, materials, fixed.idempotencyKey)
  const marked = await markAttempting(round.db, batch, fixed)
  return marked === 'marked' ? { members, request } : undefined
}

/** Drops who must not be written to, builds, and marks. Returns undefined when nobody is left or another worker has the batch. */
async function buildAndMark(round: DispatchRound, batch: ClaimedBatch): Promise<Ready | undefined> {
  for (let build = 0; build < BUILDS_MAX; build++) {
    const all = await listMembers(round.db, batch.id)
    const leavers = all.flatMap((member) => {
      const reason = member.leaving ?? reservedReason(round, member)
      return reason ? [{ subscriberId: member.subscriberId, reason }] : []
    })
    if (leavers.length > 0 && !(await dropMembers(round.db, batch, leavers))) return undefined
    const gone = new Set(leavers.map((leaver) => leaver.subscriberId))
    const members = all.filter((member) => !gone.has(member.subscriberId))
    if (members.length === 0) return undefined
    const materials = await materialsOf(round, batch, members)
    const recipe = hashRecipe(batch.editionId, members, materials)
    const idempotencyKey = keyOf(batch.editionId, batch.id, recipe)
    const request = await requestOf(round, batch, members, materials, idempotencyKey)
    const marked = await markAttempting(round.db, batch, {
      recipe,
      joinVersion: JOIN_VERSION,
      idempotencyKey,
      provider: round.provider.name,
    })
    if (marked === 'marked') return { members, request }
    if (marked === 'lost') return undefined
  }
  const reason = 'members kept leaving while the batch was built'
  await markDeferred(round.db, batch, reason, UNKNOWN_WAIT_MS)
  throw new LaterError(reason, UNKNOWN_WAIT_MS)
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

function materialsOf({ db, provider }: DispatchRound, batch: ClaimedBatch, members: readonly Member[]) {
  return loadMaterials(
    db,
    batch.editionId,
    members.map((member) => member.selectionId),
    provider.encoding,
  )
}

/** Writes what became of the request to the ledger, and throws where the queue has to wait. */
async function settle(
  round: DispatchRound,
  batch: ClaimedBatch,
  members: readonly Member[],
  outcome: BatchOutcome,
): Promise<number[]> {
  const { db, logger } = round
  const ids = members.map((member) => member.subscriberId)
  switch (outcome.kind) {
    case 'answered':
      if (outcome.outcomes.length !== ids.length) {
        const reason = `the answer accounts for ${outcome.outcomes.length} mails of ${ids.length}`
        return settle(round, batch, members, { kind: 'unknown', reason })
      }
      await markSettled(
        db,
        batch,
        outcome.outcomes.map((mail, index) => ({ subscriberId: ids[index] as number, outcome: mail })),
      )
      logger.debug({ event: 'batch.settled', batchId: batch.id, mails: ids.length }, 'a batch was settled')
      await brake(round, batch.editionId, outcome.outcomes)
      return []
    case 'refused':
      logger.warn(
        { event: 'batch.refused', batchId: batch.id, reason: outcome.reason },
        'a batch was refused as a whole',
      )
      return markHalved(db, batch, ids, outcome.reason)
    case 'throttled':
      await markDeferred(db, batch, 'the provider asked to slow down', outcome.retryAfterMs)
      throw new HoldError('the provider asked to slow down', outcome.retryAfterMs)
    case 'concurrent':
      await markUnknown(db, batch, 'the same request is in flight', outcome.retryAfterMs)
      throw new LaterError('the same request is in flight', outcome.retryAfterMs)
    case 'stopped':
    case 'quota':
      // The stop alone holds the batch back, so that lifting it is enough. First, so that nobody takes the batch in between.
      await markStopped(db, batch.editionId, outcome.reason, outcome.kind === 'quota' ? outcome.retryAfterMs : null)
      await markDeferred(db, batch, outcome.reason, 0)
      logger.error(
        { event: 'edition.stopped', editionId: batch.editionId, reason: outcome.reason },
        'an edition was stopped',
      )
      return []
    case 'mismatch':
      return giveUp(round, batch, outcome.reason)
    case 'unknown': {
      if (round.provider.replayMs === 0) return giveUp(round, batch, outcome.reason)
      const waitMs = Math.min(UNKNOWN_WAIT_MS * 2 ** batch.attempts, UNKNOWN_WAIT_MAX_MS)
      await markUnknown(db, batch, outcome.reason, waitMs)
      throw new LaterError(outcome.reason, waitMs)
    }
  }
}

/** Stops the edition when what came of it so far says that the rest must not go. */
async function brake(
  { db, logger }: DispatchRound,
  editionId: number,
  outcomes: readonly MailOutcome[],
): Promise<void> {
  const reasons = new Set(outcomes.map((mail) => (mail.state === 'rejected' ? mail.reason : null)))
  const [only = null] = reasons
  const why =
    reasons.size === 1 && only !== null ? await findRejection(db, editionId, only) : await findHarm(db, editionId)
  if (why === null) return
  await markBraked(db, editionId, why)
  logger.error({ event: 'edition.stopped', editionId, reason: why }, 'an edition was stopped by the brake')
}

/** Leaves a batch unknown for good: it may have been accepted, so it is never sent under another key. */
async function giveUp(round: DispatchRound, batch: ClaimedBatch, reason: string): Promise<number[]> {
  await markUnknown(round.db, batch, reason, null)
  round.logger.error({ event: 'batch.unknown', batchId: batch.id, reason }, 'a batch stays unknown')
  return []
}

/** Nobody can be reached at an example domain; a real provider would only count it against the sender. */
function reservedReason({ provider }: DispatchRound, member: Member): WithheldReason | null {
  return provider.reachesRealWorld && isReserved(member.address) ? 'reserved-domain' : null
}
