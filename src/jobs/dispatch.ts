// One batch: one claim, one mark, one request, one settle. The mark is committed before the
// request; after it the bytes are fixed.
import type { OneByOne, Provider } from '../delivery/provider/provider.ts'
import { findWay } from '../delivery/provider/routes.ts'
import { demandSettled } from '../delivery/sending/after-outage.ts'
import { BATCH, type ClaimedBatch } from '../delivery/sending/batch.ts'
import { handOf } from '../delivery/sending/hand.ts'
import { claim, markAllReleased, markReleased } from '../delivery/sending/once.ts'
import { keepPace, keepPaces } from '../delivery/sending/pacing.ts'
import { splitBatch } from '../delivery/sending/parts.ts'
import { prepare } from '../delivery/sending/preparing.ts'
import { roll } from '../delivery/sending/rolling.ts'
import { giveUp, letBatchWait, type SendingParts, settle } from '../delivery/sending/settling.ts'
import { claimStretch } from '../delivery/sending/stretch.ts'
import { requestIn } from '../delivery/sending/turn.ts'
import { JOIN_VERSIONS } from '../digest/joining/joining.ts'
import { LaterError } from '../errors.ts'
import { mayTell, tellReached } from './progress.ts'
import type { Round } from './round.ts'

type DispatchRound = Pick<Round, 'outage' | 'db' | 'providers' | 'linkKeys' | 'leaseMs' | 'holder' | 'logger'> &
  Pick<SendingParts, 'witness' | 'paces'>

/**
 * Dispatches a batch. `queue` is the provider in whose queue and pace its job runs; without it any
 * will do. Returns the ids of batches to dispatch next: parts of one that was too large, halves of
 * one that was refused, itself where another queue's turn it is.
 */
export async function dispatch(round: DispatchRound, batchId: number, queue?: string): Promise<number[]> {
  const batch = await claim(round.db, BATCH, batchId, round)
  return batch ? (await dispatchClaimed(round, batch, queue)).next : []
}

interface Dispatched {
  next: number[]
  /** Whether its request was answered: what holds of others may else have changed. */
  isAnswered: boolean
}

async function dispatchClaimed(
  round: DispatchRound,
  batch: ClaimedBatch,
  queue: string | undefined,
): Promise<Dispatched> {
  const passOn = async () => unanswered((await markReleased(round.db, BATCH, batch)) ? [batch.id] : [])
  await demandSettled(round, BATCH, batch)
  const way = await findWay({ ...round, out: batch.out }, batch.fixed, JOIN_VERSIONS)
  if (way.kind === 'over') {
    await giveUp(round, BATCH, batch, way.reason)
    return unanswered([])
  }
  if (way.kind === 'shut') {
    await letBatchWait(round, batch, way.out)
    return unanswered([])
  }
  const { provider, allowance } = way.route
  if (queue !== undefined && queue !== provider.name) return passOn()
  const most = Math.min(provider.batchSize, allowance.mails)
  if (!batch.fixed && batch.size > most) {
    return unanswered(await splitBatch(round.db, batch, most, provider.batchSize))
  }
  const going = await keepPace(round.db, provider, batch)
  if (!going) return unanswered([])
  const hand = handOf(provider)
  await hand.take(going.size)
  try {
    const ready = await prepare(round, provider, going)
    if (ready === undefined) return unanswered([])
    if (ready === 'over') return await passOn()
    if (ready === 'changed') {
      await giveUp(round, BATCH, batch, 'its rows or settings changed after it was fixed')
      return unanswered([])
    }
    const outcome = await requestIn(ready.turn, () => provider.send(ready.request))
    const { next, nearEnd } = await settle(round, going, provider, ready.ids, outcome)
    if (nearEnd || mayTell(round, batch.editionId)) await tellReached(round, batch.editionId)
    return { next, isAnswered: outcome.kind === 'answered' }
  } finally {
    hand.give(going.size)
  }
}

/**
 * Dispatches whatever waits in a stretch of batch ids, again until nothing is left there. What has
 * another way than the rest goes by itself; `handOn` hears what is to be dispatched next. Throws
 * when to come again where it was not done in its time.
 */
export async function dispatchStretch(
  round: DispatchRound,
  stretch: { from: number; count: number },
  queue: string | undefined,
  handOn: (ids: readonly number[]) => Promise<void>,
): Promise<void> {
  for (;;) {
    const batches = await claimStretch(round.db, BATCH, stretch, round)
    const begun = await dispatchAll(round, batches, queue, handOn)
    if (begun === 0 || begun === stretch.count) return
  }
}

/** After so long nothing more of a stretch is begun: what is urgent must not wait for all of it. */
const RUN_MS = 1_000

/** Returns how many of them were begun, of those behind which more may wait. */
async function dispatchAll(
  round: DispatchRound,
  batches: readonly ClaimedBatch[],
  queue: string | undefined,
  handOn: (ids: readonly number[]) => Promise<void>,
): Promise<number> {
  const claimed = new Set(batches)
  try {
    const [first] = batches
    if (!first) return 0
    const way = await findWay({ ...round, out: first.out }, null, JOIN_VERSIONS)
    const route =
      way.kind === 'open' && (queue ?? way.route.provider.name) === way.route.provider.name ? way.route : undefined
    const provider = route && isOneByOne(route.provider) ? route.provider : undefined
    const most = Math.min(provider?.batchSize ?? 0, route?.allowance.mails ?? 0)
    const rolling = batches.filter(({ fixed, size }) => !fixed && size <= most)
    const until = performance.now() + RUN_MS
    let begun = 0
    for (const batch of batches.filter((each) => !rolling.includes(each))) {
      if (!provider && performance.now() > until) throw new LaterError('others have their turn', 1)
      claimed.delete(batch)
      const { next, isAnswered } = await dispatchClaimed(round, batch, queue)
      if (next.length > 0) await handOn(next)
      if (provider) continue
      if (isAnswered) begun += 1
      // By what the claim has read, the others might go where nothing goes any more.
      else if (claimed.size > 0) throw new LaterError('what the claim has read has changed', 1)
    }
    for (const editionId of provider ? new Set(rolling.map((batch) => batch.editionId)) : []) {
      const own = rolling.filter((batch) => batch.editionId === editionId)
      const going = await keepPaces(round.db, provider as Provider, own)
      for (const batch of own) claimed.delete(batch)
      const rolled = await roll(
        round,
        provider as Provider & { oneByOne: OneByOne },
        going,
        handOf(provider as Provider),
      )
      for (const batch of rolled.unbegun) claimed.add(batch)
      begun += rolled.isLast ? 0 : rolled.begun
      if (rolled.nearEnd || mayTell(round, editionId)) await tellReached(round, editionId)
      if (rolled.failure !== undefined) throw rolled.failure
      if (rolled.unbegun.length > 0) throw new LaterError('others have their turn', 1)
    }
    return begun
  } finally {
    await markAllReleased(round.db, BATCH, [...claimed])
  }
}

function isOneByOne(provider: Provider): provider is Provider & { oneByOne: OneByOne } {
  return provider.oneByOne !== undefined
}

function unanswered(next: number[]): Dispatched {
  return { next, isAnswered: false }
}
