// The page behind a confirmation mail. Opening it begins nothing, as scanners open every link; its
// button does.
import type { Context } from 'hono'
import { confirm, findConfirmation } from '../../delivery/request/sign-up.ts'
import { ask } from '../page/ask.ts'
import { rhythmOf } from '../page/rhythm.ts'
import { linkTo, tell } from '../page/tell.ts'
import { type ReaderParts, tokenIn } from '../visit/reader-parts.ts'

/** Shows the button and what it begins. */
export function showConfirm({ db, pages }: Pick<ReaderParts, 'db' | 'pages'>) {
  return async (c: Context): Promise<Response> => {
    const asked = await findConfirmation({ db }, tokenIn(c))
    if (!asked) return c.notFound()
    return ask(c, pages, {
      title: 'Confirm',
      heading: 'Begin your subscription?',
      paragraphs: [
        `The papers that were voted for will come ${rhythmOf(asked)}.`,
        ...(asked.welcome ? ['The latest edition comes at once.'] : []),
      ],
      path: `${pages.base}/confirm/${tokenIn(c)}`,
      button: 'Confirm',
    })
  }
}

/** Begins the subscription, once, and opens the preferences for a sitting. */
export function confirmSubscription(parts: ReaderParts) {
  const { db, pages, sessions, logger } = parts
  return async (c: Context): Promise<Response> => {
    const confirmed = await confirm({ db }, tokenIn(c))
    if (!confirmed) return c.notFound()
    const { subscriber, welcome } = confirmed
    logger.info({ event: 'subscriber.confirmed', subscriber: subscriber.id, welcome }, 'a subscriber confirmed')
    if (welcome) await parts.welcome()
    await sessions.begin(c, subscriber)
    return tell(c, pages, {
      title: 'Subscribed',
      heading: 'You are subscribed',
      paragraphs: [
        ...(welcome ? ['The latest edition is on its way to you now.'] : []),
        `Your digest comes ${rhythmOf(subscriber)}. On days without papers nothing comes.`,
      ],
      note: 'Every digest carries the links to change this and to leave.',
      links: [linkTo(pages, '/preferences', 'Choose topics and length', true)],
    })
  }
}
