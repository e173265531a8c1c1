// What is ready before a turn is asked for, and what a pause makes of one.
import { expect, it } from 'vitest'
import { NOTICE } from '../../../src/delivery/notice/sending.ts'
import type { Asked, Paces, Turn } from '../../../src/delivery/pace/paces.ts'
import { BATCH, type ClaimedBatch } from '../../../src/delivery/sending/batch.ts'
import { requestIn, takeTurn } from '../../../src/delivery/sending/turn.ts'

const TURN = {} as Turn
const claimed = { leaseMs: 90_000 } as ClaimedBatch
const provider = { name: 'resend' as const, requestsPerSecond: 5 }

/** Takes a turn, and notes what happened before it was there. */
async function happenedBefore(subject: typeof BATCH | typeof NOTICE, look = async () => {}): Promise<string[]> {
  const happened: string[] = []
  const note = (what: string, act: () => Promise<void>) => () => {
    happened.push(what)
    return act()
  }
  const paces = {
    async take(_: unknown, { prepare }: Asked) {
      await prepare?.()
      happened.push('turn')
      return TURN
    },
  } as Paces
  const parts = { paces, witness: { look: note('look', look) } } as Parameters<typeof takeTurn>[0]
  const connecting = { ...provider, connect: note('connect', async () => {}) }
  expect(await takeTurn(parts, connecting, subject as typeof BATCH, claimed)).toBe(TURN)
  return happened
}

it('the witnesses are looked at and a connection is made before the turn of a batch', async () => {
  expect(await happenedBefore(BATCH)).toEqual(['look', 'connect', 'turn'])
})

it('a notice has its own client, and its own connections', async () => {
  expect(await happenedBefore(NOTICE)).toEqual(['look', 'turn'])
})

it('what fails there fails at its own place, behind the turn', async () => {
  const away = () => Promise.reject(new Error('away'))
  expect(await happenedBefore(BATCH, away)).toEqual(['look', 'connect', 'turn'])
})

it('nothing is requested in a pause that came meanwhile, and nothing told of it', async () => {
  const turn = { comes: async () => 7_000 } as Turn
  const request = () => Promise.reject(new Error('requested'))
  expect(await requestIn(turn, request)).toEqual({ kind: 'throttled', retryAfterMs: 7_000 })
})
