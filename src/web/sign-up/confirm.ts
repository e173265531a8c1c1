// The page behind a confirmation mail. Opening it begins nothing, as scanners open every link; its
// button does.
import type { Context } from 'hono'
import { confirm, findConfirmation } from '../../delivery/request/sign-up.ts'
import { rhythmOf } from '../reader/preferences/change-words.ts'
import { type ReaderParts, tokenIn } from '../visit/reader-parts.ts'

/** Shows the button and what it begins. */
export function showConfirm({ db, pages }: Pick<ReaderParts, 'db' | 'pages'>) {
  return async (c: Context): Promise<Response> => {
    const ask = await findConfirmation({ db }, tokenIn(c))
    if (!ask) return c.notFound()
    return c.html(
      pages.render(
        'ask',
        { title: 'Confirm' },
        {
          heading: 'Begin your subscription?',
          paragraphs: [
            `The papers that were voted for will come ${rhythmOf(ask)}.`,
            ...(ask.welcome ? ['The latest edition comes at once.'] : []),
          ],
          path: `${pages.base}/confirm/${tokenIn(c)}`,
          fields: [],
          button: 'Confirm',
          grave: false,
          links: [],
        },
      ),
    )
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
    return c.html(
      pages.render(
        'told',
        { title: 'Subscribed' },
        {
          heading: 'You are subscribed',
          paragraphs: [
            ...(welcome ? ['The latest edition is on its way to you now.'] : []),
            `Your digest comes ${rhythmOf(subscriber)}. On days without papers nothing comes.`,
          ],
          note: 'Every digest carries the links to change this and to leave.',
          links: [
            { path: `${pages.base}/preferences`, label: 'Choose topics and length', first: true },
            { path: `${pages.base}/`, label: 'To the papers of the day', first: false },
          ],
        },
      ),
    )
  }
}
