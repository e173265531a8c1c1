// What became of a request goes to the ledger, and what it says of a provider to all workers. Never
// sends anything.

import { markOut, type Out } from '../delivery/provider/out.ts'
import { stepAfter } from '../delivery/provider/outcome.ts'
import type { BatchOutcome, MailOutcome, Provider } from '../delivery/provider/provider.ts'
import type { ClaimedBatch } from '../delivery/sending/batch.ts'
import { findHarm, findRejection, markBraked } from '../delivery/sending/brake.ts'
import { markDeferred, markHalved, markSettled, markUnknown } from '../delivery/sending/settling.ts'
import { markStopped } from '../edition/store.ts'
import { HoldError, LaterError } from '../errors.ts'
import type { Round } from './round.ts'
import { readStandings } from './routes.ts'

type SettleRound = Pick<Round, 'db' | 'providers' | 'logger'>

/** A batch that stays with a provider which is out looks again after this, in milliseconds. */
const LOOK_AGAIN_MS = 15 * 60_000
/**
 * A provider that wants a longer pause than this is out, where another can take its batches, in
 * milliseconds.
 */
const PAUSE_MAX_MS = 30_000

/**
 * Writes what became of the request to the ledger, and throws where the queue has to wait. Returns
 * ids to dispatch next.
 */
export async function settle(
  round: SettleRound,
  batch: ClaimedBatch,
  provider: Provider,
  ids: readonly number[],
  outcome: BatchOutcome,
): Promise<number[]> {
  const { db, logger } = round
  const step = stepAfter(outcome, { mails: ids.length, attempts: batch.attempts, replayMs: provider.replayMs })
  switch (step.do) {
    case 'settle': {
      const results = step.outcomes.map((mail, index) => ({ subscriberId: ids[index] as number, outcome: mail }))
      const { unknown } = await markSettled(db, batch, results)
      logger.debug({ event: 'batch.settled', batchId: batch.id, mails: ids.length }, 'a batch was settled')
      for (const batchId of unknown) logger.error({ event: 'batch.unknown', batchId }, 'a batch stays unknown')
      await brake(round, batch.editionId, step.outcomes)
      return []
    }
    case 'halve':
      logger.warn({ event: 'batch.refused', batchId: batch.id, reason: step.reason }, 'a batch was refused as a whole')
      return markHalved(db, batch, ids, step.reason)
    case 'hold':
      if (step.waitMs > PAUSE_MAX_MS && (await isAnotherFree(round, provider))) {
        return takeOut(round, batch, provider, step)
      }
      await markDeferred(db, batch, step.reason, step.waitMs)
      throw new HoldError(step.reason, step.waitMs)
    case 'stop':
      return takeOut(round, batch, provider, step)
    case 'repeat':
      await markUnknown(db, batch, step.reason, step.waitMs)
      throw new LaterError(step.reason, step.waitMs)
    case 'give-up':
      return giveUp(round, batch, step.reason)
  }
}

/** Stops the edition when what came of it so far says that the rest must not go. */
async function brake({ db, logger }: SettleRound, editionId: number, outcomes: readonly MailOutcome[]): Promise<void> {
  const reasons = new Set(outcomes.map((mail) => (mail.state === 'rejected' ? mail.reason : null)))
  const [only = null] = reasons
  const why =
    reasons.size === 1 && only !== null ? await findRejection(db, editionId, only) : await findHarm(db, editionId)
  if (why === null) return
  await markBraked(db, editionId, why)
  logger.error({ event: 'edition.stopped', editionId, reason: why }, 'an edition was stopped by the brake')
}

/**
 * Leaves a batch unknown for good: it may have been accepted, so it is never sent under another
 * key.
 */
export async function giveUp(round: SettleRound, batch: ClaimedBatch, reason: string): Promise<number[]> {
  await markUnknown(round.db, batch, reason, null)
  round.logger.error({ event: 'batch.unknown', batchId: batch.id, reason }, 'a batch stays unknown')
  return []
}

/** Lets a batch wait for a provider that is out. */
export async function standStill(round: SettleRound, batch: ClaimedBatch, { reason, waitMs }: Out): Promise<number[]> {
  await markDeferred(round.db, batch, reason, waitMs ?? LOOK_AGAIN_MS)
  return []
}

/**
 * Takes a provider out for all workers. What it never accepted goes to the next one; where there is
 * none, the edition stops.
 */
async function takeOut(
  round: SettleRound,
  batch: ClaimedBatch,
  provider: Provider,
  { reason, waitMs }: Out,
): Promise<number[]> {
  const { db, logger } = round
  const out = { reason, waitMs }
  await markOut(db, provider.name, out)
  logger.error({ event: 'provider.out', provider: provider.name, ...out }, 'a provider was taken out')
  if (await isAnotherFree(round, provider)) {
    if (batch.fixed) return standStill(round, batch, out)
    await markDeferred(db, batch, out.reason, 0)
    return [batch.id]
  }
  // The stop alone holds the batch back, so that lifting it is enough. First, so that nobody takes
  // the batch in between.
  await markStopped(db, batch.editionId, out.reason, out.waitMs)
  await markDeferred(db, batch, out.reason, 0)
  logger.error({ event: 'edition.stopped', editionId: batch.editionId, reason: out.reason }, 'an edition was stopped')
  return []
}

async function isAnotherFree(round: SettleRound, provider: Provider): Promise<boolean> {
  if (round.providers.length === 1) return false
  return (await readStandings(round)).some((each) => each.provider !== provider && !each.out)
}
