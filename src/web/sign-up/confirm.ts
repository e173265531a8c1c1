// The page behind a confirmation mail. Opening it begins nothing, as scanners open every link; its
// button does.
import type { Context } from 'hono'
import { confirm, findConfirmation } from '../../delivery/request/sign-up.ts'
import { isAnyFrozen } from '../../edition/store.ts'
import { ask } from '../page/ask.ts'
import { rhythmOf } from '../page/rhythm.ts'
import { linkTo, tell } from '../page/tell.ts'
import { tellObstacle } from '../visit/obstacle.ts'
import { answerOldLink } from '../visit/old-link.ts'
import { type ReaderParts, tokenIn } from '../visit/reader-parts.ts'

/** Shows the button and what it begins, or what is in its way. */
export function showConfirm(parts: ReaderParts) {
  const { db, pages } = parts
  return async (c: Context): Promise<Response> => {
    const found = await findConfirmation({ db }, tokenIn(c))
    if (!found) return answerOldLink(c, parts, 'confirm')
    const { ask: asked, address, obstacle } = found
    if (obstacle) return tellObstacle(c, pages, { purpose: 'confirm', obstacle, address })
    return ask(c, pages, {
      title: 'Confirm',
      heading: 'Confirm your subscription?',
      paragraphs: [
        `You'll get the papers that people vote for ${rhythmOf(asked)}.`,
        ...(asked.welcome && (await isAnyFrozen(db)) ? ['The latest edition comes right away.'] : []),
      ],
      path: `${pages.base}/confirm/${tokenIn(c)}`,
      button: 'Confirm',
    })
  }
}

/** Confirms the subscription, once, and opens the preferences for a sitting. */
export function confirmSubscription(parts: ReaderParts) {
  const { db, pages, sessions, logger } = parts
  return async (c: Context): Promise<Response> => {
    const confirmed = await confirm({ db }, tokenIn(c))
    if (!confirmed) return showConfirm(parts)(c)
    const { subscriber, addressHash, welcome } = confirmed
    await parts.wishes.note({ kind: 'returned', publicId: subscriber.publicId, addressHash })
    const isAny = await isAnyFrozen(db)
    logger.info({ event: 'subscriber.confirmed', subscriber: subscriber.id, welcome }, 'a subscriber confirmed')
    if (welcome) await parts.welcome()
    await sessions.begin(c, subscriber)
    return tell(c, pages, {
      title: 'Subscribed',
      heading: "You're subscribed",
      paragraphs: [
        ...(welcome && isAny ? ['The latest edition is on its way to you now.'] : []),
        ...(isAny ? [] : ['No edition has been made yet: your first digest comes with the first one.']),
        `Your digest comes ${rhythmOf(subscriber)}. On days without papers you get no email.`,
      ],
      note: 'Every digest has links to change this and to unsubscribe.',
      links: [linkTo(pages, '/preferences', 'Choose topics and length', true)],
    })
  }
}
