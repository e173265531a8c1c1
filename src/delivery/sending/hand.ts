// What a process has in hand where nothing is replayed: emails that are marked and not settled.
// Were it killed, as many would be unknown; so there are never more than the provider takes at the
// same time, whoever sends them.
import type { Provider } from '../provider/provider.ts'

export interface Hand {
  /** Waits for room for so many; who is urgent goes first. */
  take(mails: number, isUrgent?: boolean): Promise<void>
  /** Takes room only where it is there and nobody urgent waits for it. */
  takeNow(mails: number): boolean
  /** Gives room back: they are settled, or were never marked. */
  give(mails: number): void
  /** Whether somebody urgent waits. */
  isWanted(): boolean
}

const hands = new WeakMap<object, Hand>()

/** Returns the one hand of a process for a provider. */
export function handOf(provider: Pick<Provider, 'oneByOne'>): Hand {
  const known = hands.get(provider)
  if (known) return known
  const hand = openHand(provider.oneByOne?.inHand ?? Number.POSITIVE_INFINITY)
  hands.set(provider, hand)
  return hand
}

function openHand(most: number): Hand {
  let room = most
  const waiting: { mails: number; isUrgent: boolean; enter(): void }[] = []
  function serve(): void {
    for (;;) {
      const index = Math.max(
        0,
        waiting.findIndex(({ isUrgent }) => isUrgent),
      )
      const first = waiting[index]
      if (!first || first.mails > room) return
      waiting.splice(index, 1)
      room -= first.mails
      first.enter()
    }
  }
  const isWanted = () => waiting.some(({ isUrgent }) => isUrgent)
  return {
    take(mails, isUrgent = false) {
      return new Promise((enter) => {
        waiting.push({ mails: Math.min(mails, most), isUrgent, enter })
        serve()
      })
    },
    takeNow(mails) {
      if (mails > room || isWanted()) return false
      room -= mails
      return true
    },
    give(mails) {
      room += mails
      serve()
    },
    isWanted,
  }
}
