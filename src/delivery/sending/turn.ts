// The turn of a request at its provider: taken once it is built and before it is marked, so that
// what waits for its turn is not marked yet, and what is marked does not wait.
import { LaterError } from '../../errors.ts'
import type { Turn } from '../pace/paces.ts'
import type { BatchOutcome, Provider } from '../provider/provider.ts'
import { markReleased } from './once.ts'
import type { SendingParts } from './settling.ts'
import type { Claimed, Subject } from './subject.ts'

/** The share of a lease that waits for a turn: the rest is for the mark and the request. */
const LEASE_SHARE = 3

/**
 * Waits for the turn of what was claimed, for `weight` requests. Gives it back and throws when to
 * come again where its lease would not last, or no turn can be had.
 */
export async function takeTurn<Facts>(
  { db, paces, witness }: Pick<SendingParts, 'db' | 'paces' | 'witness'>,
  provider: Pick<Provider, 'name' | 'requestsPerSecond' | 'connect'>,
  subject: Subject<Facts>,
  claimed: Claimed,
  weight = 1,
): Promise<Turn> {
  const patienceMs = claimed.leaseMs / LEASE_SHARE
  const isUrgent = subject.name === 'notice'
  // What a mark and a request need besides, now and then: ready before a turn, it makes none late.
  // What fails here fails again at its own place, and is told there.
  const prepare = () => Promise.allSettled([witness.look(), isUrgent ? undefined : provider.connect?.()])
  let turn: Turn | number
  try {
    turn = await paces.take(provider, { weight, isUrgent, patienceMs, prepare })
  } catch (error) {
    await markReleased(db, subject, claimed)
    throw error
  }
  if (typeof turn !== 'number') return turn
  await markReleased(db, subject, claimed)
  throw new LaterError(`others go first at the pace of ${provider.name}`, turn)
}

/**
 * Makes a request in its turn, and tells everybody what came of that. It is not made where the
 * provider has come to want a pause: see `awaitTurn`.
 */
export async function requestIn(turn: Turn, request: () => Promise<BatchOutcome>): Promise<BatchOutcome> {
  const paused = await awaitTurn(turn)
  if (paused) return paused
  const outcome = await request()
  turn.ends(outcome.kind === 'throttled' ? outcome.retryAfterMs : null)
  return outcome
}

/**
 * Waits for the turn of what is marked. Where the provider wants a pause of everybody, it must not
 * stay marked through it, since its readers could not leave: nothing may then be requested, and
 * what the provider said to another request, which is returned, stands for an answer.
 */
export async function awaitTurn(turn: Turn): Promise<BatchOutcome | undefined> {
  const pauseMs = await turn.comes()
  return pauseMs > 0 ? { kind: 'throttled', retryAfterMs: pauseMs } : undefined
}
