// A provider on its worst day: what can go wrong with a request, each kind before and after its
// mails were accepted.
import type { Fault } from '../support/resend-stand-in.ts'
import { openDice } from './strikes.ts'

const KINDS: readonly Fault[] = [
  { accept: false, answer: { status: 429, headers: { 'retry-after': '1' } } },
  { accept: false, answer: { status: 500 } },
  { answer: { status: 500 } },
  { accept: false, answer: 'reset' },
  { answer: 'reset' },
  { accept: false, answer: 'hang' },
  { answer: 'hang' },
  { answer: 'cut' },
  { answer: 'garbage' },
]

/**
 * Returns a source of faults that strikes the share `rate` of the requests, the same ones for the
 * same seed.
 */
export function chaos(rate: number, seed: number): () => Fault {
  const dice = openDice(seed)
  return () => {
    const isStruck = dice() < rate
    const kind = KINDS[Math.floor(dice() * KINDS.length)] as Fault
    return isStruck ? kind : {}
  }
}
