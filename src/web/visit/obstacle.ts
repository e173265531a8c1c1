// A link that still works and would do nothing now: why, and what to do about it. It was sent to
// the very address that is spoken of, or to its reader's own, so its holder may know; the address
// is masked all the same.
import type { Context } from 'hono'
import type { Obstacle } from '../../subscriber/address.ts'
import { maskAddress } from '../../subscriber/subscriber.ts'
import type { Pages } from '../page/pages.ts'
import { tell } from '../page/tell.ts'

/** What a link that is kept from it wanted. */
type Kept = 'confirm' | 'address' | 'undo'

const HEADINGS: Record<Kept, string> = {
  confirm: 'This address cannot be subscribed now',
  address: 'Your digests cannot be moved now',
  undo: 'This cannot be undone now',
}
const LIFE: Record<Kept, string> = {
  confirm: 'for 48 hours after we sent it',
  address: 'for 48 hours after we sent it',
  undo: 'for seven days after the change',
}

/** Answers a link with what is in its way. `address` is the one that it is about, if any. */
export function tellObstacle(
  c: Context,
  pages: Pages,
  { purpose, obstacle, address }: { purpose: Kept; obstacle: Obstacle; address?: string },
): Response {
  const paragraphs = wordsOf(obstacle, purpose, address === undefined ? '' : maskAddress(address))
  const note = `Nothing was changed, and this link is not used up: it works ${LIFE[purpose]}.`
  return tell(c, pages, { heading: HEADINGS[purpose], paragraphs, note }, 409)
}

function wordsOf(obstacle: Obstacle, purpose: Kept, address: string): string[] {
  switch (obstacle) {
    case 'left':
      return purpose === 'address'
        ? [
            'The subscription that this link belongs to has ended.',
            'Within an hour of unsubscribing it can be taken up again, on the page that confirmed it; then this link works. You can also subscribe with this address on the front page.',
          ]
        : [
            "You've unsubscribed since.",
            'Within an hour of that you can come back on the page that confirmed it; later, subscribe again on the front page. Then this link works.',
          ]
    case 'same':
      return [`Your digests go to ${address} already.`]
    case 'barred':
      return [
        `We do not write to ${address}: emails to it failed or were reported as spam, or whoever runs this site stopped them.`,
        'Ask them to allow it again, then use this link; or choose another address.',
      ]
    case 'taken':
      return [
        `${address} has a subscription of its own, or had one.`,
        'To have these digests there, erase that one first: "Email me my link" on the front page leads to its preferences. Then use this link.',
      ]
  }
}
