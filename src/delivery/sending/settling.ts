// What became of a request goes to the ledger, and what it says of a provider to all workers. What
// is the same for a batch and a notice stands first. Never sends anything.
import type { Kysely } from 'kysely'
import type { Database } from '../../database/schema.ts'
import { markStopped } from '../../edition/store.ts'
import { describeError, HoldError, LaterError } from '../../errors.ts'
import type { Logger } from '../../logger.ts'
import type { Paces } from '../pace/paces.ts'
import { markOut, type Out } from '../provider/out.ts'
import { type Step, stepAfter } from '../provider/outcome.ts'
import { type BatchOutcome, isQuotaReason, type MailOutcome, type Provider } from '../provider/provider.ts'
import { isAnotherFree } from '../provider/routes.ts'
import { RestoredCopyError, UnwitnessedError, type Watch } from '../witness/watch.ts'
import { isMark, type Mark } from '../witness/witness.ts'
import { BATCH, type ClaimedBatch } from './batch.ts'
import { findHarm, findRejection, markBraked } from './brake.ts'
import { type Glance, NEAR_END, REPORTS_MIN } from './glance.ts'
import { markAttempting, markDeferred, markUnknown } from './once.ts'
import { followPaces } from './pacing.ts'
import { markHalved, markSettled } from './parts.ts'
import { followRefusals, type Refused } from './refused-for-good.ts'
import type { Claimed, Fixed, Subject } from './subject.ts'

/** What everything that sends works with. */
export interface SendingParts {
  db: Kysely<Database>
  providers: readonly Provider[]
  /** Beside the database: what was marked stands there before its request leaves. */
  witness: Pick<Watch, 'look' | 'guard' | 'keep' | 'compare'>
  /** Whose turn it is at the providers, over all workers. */
  paces: Paces
  logger: Logger
}

/** While no witness can be written, in milliseconds. */
const UNWITNESSED_WAIT_MS = 15_000
/** A batch that stays with a provider which is out asks again after this, in milliseconds. */
const ASK_AGAIN_MS = 15 * 60_000
/** Longer than a lease, so that nobody takes it for one. */
const RATION_MS = 2 * 60_000
/**
 * A provider that wants a longer pause than this is out, where another can take its batches, in
 * milliseconds.
 */
const PAUSE_MAX_MS = 30_000

/**
 * Throws what makes the queue wait, or the job: nothing of it counts as an attempt of the job's
 * own.
 */
export async function followWait<Facts>(
  { db }: Pick<SendingParts, 'db'>,
  subject: Subject<Facts>,
  claimed: Claimed,
  step: Extract<Step, { do: 'hold' | 'repeat' }>,
): Promise<never> {
  if (step.do === 'hold') {
    await markDeferred(db, subject, claimed, step.reason, step.waitMs)
    throw new HoldError(step.reason, step.waitMs)
  }
  await markUnknown(db, subject, claimed, step.reason, step.waitMs)
  throw new LaterError(step.reason, step.waitMs)
}

/**
 * Leaves something permanently unknown: it may have been accepted, so it is never sent under
 * another key.
 */
export async function giveUp<Facts>(
  { db, logger }: Pick<SendingParts, 'db' | 'logger'>,
  subject: Subject<Facts>,
  claimed: Claimed,
  reason: string,
): Promise<void> {
  await markUnknown(db, subject, claimed, reason, null)
  const { name } = subject
  logger.error({ event: `${name}.unknown`, [`${name}Id`]: claimed.id, reason }, `a ${name} stays unknown`)
}

/**
 * Marks, and has the mark kept outside of the database before its request leaves. `within` may let
 * it be marked in a transaction of its own.
 */
export async function markKept<Facts, Over = never>(
  parts: Pick<SendingParts, 'db' | 'witness'>,
  subject: Subject<Facts>,
  claimed: Claimed,
  intent: Fixed,
  within: (mark: MarkIn) => Promise<Marked | Over> = (mark) => mark(parts.db),
): Promise<'kept' | Exclude<Marked, Mark> | Over> {
  const mark: MarkIn = (on) => parts.witness.guard(on, (own) => markAttempting(own, subject, claimed, intent))
  return keptBy<Facts, Exclude<Marked, Mark> | Over>(parts, subject, claimed, () => within(mark))
}

/**
 * Runs what marks, guarded by the witnesses, and has the mark kept. On a restored copy nothing is
 * marked. There, and where it cannot be kept, it is put back, since nothing was requested, and this
 * throws what makes the queue wait.
 */
export async function keptBy<Facts, Other>(
  { db, witness }: Pick<SendingParts, 'db' | 'witness'>,
  subject: Subject<Facts>,
  claimed: Claimed,
  mark: () => Promise<Mark | Other>,
): Promise<'kept' | Other> {
  try {
    await witness.look()
    const marked = await mark()
    if (!isMark(marked)) return marked
    await witness.keep(marked)
    return 'kept'
  } catch (error) {
    if (!(error instanceof UnwitnessedError)) throw error
    const reason = describeError(error)
    await markDeferred(db, subject, claimed, reason, UNWITNESSED_WAIT_MS)
    // What one mark has found holds everybody from now on.
    if (error instanceof RestoredCopyError) await witness.compare()
    throw new HoldError(reason, UNWITNESSED_WAIT_MS, { cause: error })
  }
}

type Marked = Awaited<ReturnType<typeof markAttempting>>
type MarkIn = (db: Kysely<Database>) => Promise<Marked>

/**
 * Lets a batch wait for a provider that is out. Where a quota was used up meanwhile, only until the
 * rest of it is rationed: that knows the hour of each reader.
 */
export async function letBatchWait({ db }: SendingParts, batch: ClaimedBatch, { reason, waitMs }: Out): Promise<void> {
  const isRationed = batch.fixed === null && isQuotaReason(reason)
  await markDeferred(db, BATCH, batch, reason, isRationed ? RATION_MS : (waitMs ?? ASK_AGAIN_MS))
}

export interface Settled {
  /** Ids to dispatch next. */
  next: number[]
  /** Whether the edition may be at its end. */
  nearEnd: boolean
}

/** Writes what became of a batch's request, and throws where the queue has to wait. */
export async function settle(
  parts: SendingParts,
  batch: ClaimedBatch,
  provider: Provider,
  ids: readonly number[],
  outcome: BatchOutcome,
): Promise<Settled> {
  const { db, logger } = parts
  const step = stepAfter(outcome, { mails: ids.length, attempts: batch.attempts, replayMs: provider.replayMs })
  switch (step.do) {
    case 'settle': {
      const answers = step.outcomes.map((mail, index) => ({ subscriberId: ids[index] as number, outcome: mail }))
      const results = await followPaces(db, provider, batch, answers)
      const { unknown, glance } = await markSettled(db, batch, results)
      for (const batchId of unknown) logger.error({ event: 'batch.unknown', batchId }, 'a batch stays unknown')
      await followAnswers(parts, batch, results, glance)
      return { next: [], nearEnd: (glance?.others ?? 0) < NEAR_END }
    }
    case 'halve':
      logger.warn({ event: 'batch.refused', batchId: batch.id, reason: step.reason }, 'a batch was refused as a whole')
      if (ids.length === 1) {
        const outcome = { state: 'rejected', reason: step.reason } as const
        await followRefusals(db, refusedOf(batch, [{ subscriberId: ids[0] as number, outcome }]))
      }
      return { next: await markHalved(db, batch, ids, step.reason), nearEnd: true }
    case 'stop':
      return { next: await takeOut(parts, batch, provider, step), nearEnd: true }
    case 'hold':
      if (step.waitMs > PAUSE_MAX_MS && (await isAnotherFree(parts, provider))) {
        return { next: await takeOut(parts, batch, provider, step), nearEnd: true }
      }
      return followWait(parts, BATCH, batch, step)
    case 'repeat':
      return followWait(parts, BATCH, batch, step)
    case 'give-up':
      await giveUp(parts, BATCH, batch, step.reason)
      return { next: [], nearEnd: true }
  }
}

/** Follows what was answered of a batch that is settled. */
export async function followAnswers(
  parts: SendingParts,
  batch: ClaimedBatch,
  results: readonly { subscriberId: number; outcome: MailOutcome }[],
  glance: Glance | undefined,
): Promise<void> {
  parts.logger.debug({ event: 'batch.settled', batchId: batch.id, mails: results.length }, 'a batch was settled')
  await followRefusals(parts.db, refusedOf(batch, results))
  await brake(
    parts,
    batch.editionId,
    results.map(({ outcome }) => outcome),
    glance,
  )
}

/** Who was refused, with the address that the claim read. */
function refusedOf(
  { editionId, members }: ClaimedBatch,
  results: readonly { subscriberId: number; outcome: MailOutcome }[],
): Refused[] {
  return results.flatMap(({ subscriberId, outcome }) => {
    if (outcome.state !== 'rejected') return []
    const member = members.find((each) => each.subscriberId === subscriberId)
    return [{ address: member?.address, outcome, digest: { editionId, subscriberId } }]
  })
}

/** Stops the edition when what came of it so far says that the rest must not go. */
async function brake(
  { db, logger }: SendingParts,
  editionId: number,
  outcomes: readonly MailOutcome[],
  glance: Glance | undefined,
): Promise<void> {
  const reasons = new Set(outcomes.map((mail) => (mail.state === 'rejected' ? mail.reason : null)))
  const [only = null] = reasons
  const isRejection = reasons.size === 1 && only !== null
  if (!isRejection && glance !== undefined && glance.reports < REPORTS_MIN) return
  const why = isRejection ? await findRejection(db, editionId, only) : await findHarm(db, editionId)
  if (why === null) return
  await markBraked(db, editionId, why)
  logger.error({ event: 'edition.stopped', editionId, reason: why }, 'an edition was stopped by the brake')
}

/**
 * Takes a provider out for all workers. What it never accepted goes to the next one; where there is
 * none, the edition stops.
 */
async function takeOut(
  parts: SendingParts,
  batch: ClaimedBatch,
  provider: Provider,
  { reason, waitMs }: Out,
): Promise<number[]> {
  const { db, logger } = parts
  const out = { reason, waitMs }
  await markOut(db, provider.name, out)
  logger.error({ event: 'provider.out', provider: provider.name, ...out }, 'a provider was taken out')
  if (await isAnotherFree(parts, provider)) {
    if (batch.fixed) {
      await letBatchWait(parts, batch, out)
      return []
    }
    await markDeferred(db, BATCH, batch, reason, 0)
    return [batch.id]
  }
  // The stop alone holds the batch back, so that lifting it is enough. First, so that nobody takes
  // the batch in between.
  await markStopped(db, batch.editionId, reason, waitMs)
  await markDeferred(db, BATCH, batch, reason, 0)
  logger.error({ event: 'edition.stopped', editionId: batch.editionId, reason }, 'an edition was stopped')
  return []
}
