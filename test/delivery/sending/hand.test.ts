import { describe, expect, it } from 'vitest'
import { handOf } from '../../../src/delivery/sending/hand.ts'

const provider = (inHand: number) => ({
  oneByOne: { inHand, handOver: () => [], summarize: () => ({ kind: 'unknown', reason: '' }) as const },
})

describe('handOf', () => {
  it('is one hand for one provider, and without end where requests carry many', async () => {
    const one = provider(3)
    expect(handOf(one)).toBe(handOf(one))
    expect(handOf(provider(3))).not.toBe(handOf(one))
    const free = handOf({})
    await free.take(1_000_000)
    expect(free.takeNow(1_000_000)).toBe(true)
  })

  it('lets nobody in whom it has no room for, in their order, the urgent first', async () => {
    const hand = handOf(provider(4))
    const order: string[] = []
    const enter = (name: string, mails: number, isUrgent = false) =>
      hand.take(mails, isUrgent).then(() => void order.push(name))
    await enter('first', 3)
    const waiting = [enter('second', 3), enter('third', 1), enter('urgent', 2, true)]
    expect(hand.takeNow(1)).toBe(false)
    expect(hand.isWanted()).toBe(true)
    hand.give(1)
    await waiting[2]
    expect(hand.isWanted()).toBe(false)
    hand.give(2)
    await Promise.resolve()
    expect(order).toEqual(['first', 'urgent'])
    hand.give(1)
    await waiting[0]
    hand.give(2)
    await Promise.all(waiting)
    expect(order).toEqual(['first', 'urgent', 'second', 'third'])
    expect(hand.takeNow(0)).toBe(true)
  })
})
