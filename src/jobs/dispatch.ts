// One batch: one claim, one mark, one request, one settle. The mark is committed before the
// request; after it the bytes are fixed.
import { findWay } from '../delivery/provider/routes.ts'
import { demandSettled } from '../delivery/sending/after-outage.ts'
import { BATCH } from '../delivery/sending/batch.ts'
import { claim, markReleased } from '../delivery/sending/once.ts'
import { keepPace } from '../delivery/sending/pacing.ts'
import { splitBatch } from '../delivery/sending/parts.ts'
import { prepare } from '../delivery/sending/preparing.ts'
import { giveUp, letBatchWait, type SendingParts, settle } from '../delivery/sending/settling.ts'
import { JOIN_VERSIONS } from '../digest/joining.ts'
import { mayTell, tellReached } from './progress.ts'
import type { Round } from './round.ts'

type DispatchRound = Pick<Round, 'outage' | 'db' | 'providers' | 'linkKeys' | 'leaseMs' | 'holder' | 'logger'> &
  Pick<SendingParts, 'witness'>

/**
 * Dispatches a batch. `queue` is the provider in whose queue and pace its job runs; without it any
 * will do. Returns the ids of batches to dispatch next: parts of one that was too large, halves of
 * one that was refused, itself where another queue's turn it is.
 */
export async function dispatch(round: DispatchRound, batchId: number, queue?: string): Promise<number[]> {
  const batch = await claim(round.db, BATCH, batchId, round)
  if (!batch) return []
  const passOn = async () => ((await markReleased(round.db, BATCH, batch)) ? [batch.id] : [])
  await demandSettled(round, BATCH, batch)
  const way = await findWay({ ...round, out: batch.out }, batch.fixed, JOIN_VERSIONS)
  if (way.kind === 'over') return nothingAfter(giveUp(round, BATCH, batch, way.reason))
  if (way.kind === 'shut') return nothingAfter(letBatchWait(round, batch, way.out))
  const { provider, allowance } = way.route
  if (queue !== undefined && queue !== provider.name) return passOn()
  const most = Math.min(provider.batchSize, allowance.mails)
  if (!batch.fixed && batch.size > most) return splitBatch(round.db, batch, most, provider.batchSize)
  const going = await keepPace(round.db, provider, batch)
  if (!going) return []
  const ready = await prepare(round, provider, going)
  if (ready === undefined) return []
  if (ready === 'over') return passOn()
  if (ready === 'changed') {
    return nothingAfter(giveUp(round, BATCH, batch, 'its rows or settings changed after it was fixed'))
  }
  const outcome = await provider.send(ready.request)
  const { next, nearEnd } = await settle(round, going, provider, ready.ids, outcome)
  if (nearEnd || mayTell(round, batch.editionId)) await tellReached(round, batch.editionId)
  return next
}

async function nothingAfter(done: Promise<void>): Promise<number[]> {
  await done
  return []
}
