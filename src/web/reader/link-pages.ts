// The pages behind one-time links: move to another address, export, erase, undo. Opening one shows
// a button and uses nothing up; pressing it works once. What became of an old one is said by
// visit/old-link.ts.
import type { Context } from 'hono'
import { confirmAddress, findAddressChange } from '../../delivery/request/address-change.ts'
import { erase } from '../../delivery/request/erasure.ts'
import { exportData, findLink } from '../../delivery/request/own-data.ts'
import type { HearMove } from '../../subscriber/address.ts'
import type { Changed } from '../../subscriber/change.ts'
import { hasErased } from '../../subscriber/spent.ts'
import { findSubscriberById } from '../../subscriber/store.ts'
import { maskAddress } from '../../subscriber/subscriber.ts'
import { findUndo, undo } from '../../subscriber/undo.ts'
import { ask } from '../page/ask.ts'
import { linkTo, tell } from '../page/tell.ts'
import { tellObstacle } from '../visit/obstacle.ts'
import { answerOldLink } from '../visit/old-link.ts'
import { type ReaderParts, tokenIn } from '../visit/reader-parts.ts'
import { describeChange } from './preferences/change-words.ts'

export function showAddress(parts: ReaderParts) {
  const { db, pages } = parts
  return async (c: Context): Promise<Response> => {
    const change = await findAddressChange({ db }, tokenIn(c))
    if (!change) return answerOldLink(c, parts, 'address')
    const { address, obstacle } = change
    if (obstacle) return tellObstacle(c, pages, { purpose: 'address', obstacle, address })
    return ask(c, pages, {
      path: `${pages.base}/address/${tokenIn(c)}`,
      heading: 'Move your digests here?',
      paragraphs: [
        `From now on they will go to ${maskAddress(address)}. We tell the old address, with a link to undo the change.`,
      ],
      button: 'Move them',
    })
  }
}

/** A restored copy has to know by whose address a digest of the gap went. */
function hearMoves({ note }: ReaderParts['wishes']): HearMove {
  return (move) => note({ kind: 'moved', ...move })
}

export function moveAddress(parts: ReaderParts) {
  const { db, linkKeys, pages, sessions, sendNotice, logger, wishes } = parts
  return async (c: Context): Promise<Response> => {
    const moved = await confirmAddress({ db, linkKeys, hear: hearMoves(wishes) }, tokenIn(c))
    if (!moved) return showAddress(parts)(c)
    logger.info({ event: 'subscriber.moved', subscriber: moved.subscriberId }, 'a subscriber moved')
    await sendNotice(moved.noticeId)
    const reader = await findSubscriberById(db, moved.subscriberId)
    if (reader) await sessions.begin(c, reader)
    return tell(c, pages, {
      heading: 'Your digests have moved',
      paragraphs: [`They go to ${maskAddress(moved.address)} now.`],
      note: 'Links in earlier emails no longer change anything, except to unsubscribe or to undo an earlier move.',
      links: [linkTo(pages, '/preferences', 'Open your preferences', true)],
    })
  }
}

export function showExport(parts: ReaderParts) {
  const { db, pages } = parts
  return async (c: Context): Promise<Response> => {
    if (!(await findLink({ db }, 'export', tokenIn(c)))) return answerOldLink(c, parts, 'export')
    return ask(c, pages, {
      path: `${pages.base}/export/${tokenIn(c)}`,
      heading: 'Export your data',
      paragraphs: ['One JSON file with everything we keep about you: settings, digests, other emails.'],
      button: 'Download',
    })
  }
}

/**
 * Answers with the file itself. The link is used up by it: another is one click away on the
 * preferences page.
 */
export function downloadExport(parts: ReaderParts) {
  const { db, logger } = parts
  return async (c: Context): Promise<Response> => {
    const data = await exportData({ db }, tokenIn(c))
    if (!data) return answerOldLink(c, parts, 'export')
    logger.info({ event: 'subscriber.exported' }, 'a subscriber took their data')
    return c.body(`${JSON.stringify(data, null, 2)}\n`, 200, {
      'Content-Type': 'application/json; charset=utf-8',
      'Content-Disposition': 'attachment; filename="paper-round.json"',
    })
  }
}

export function showErase(parts: ReaderParts) {
  const { db, pages } = parts
  return async (c: Context): Promise<Response> => {
    if (!(await findLink({ db }, 'erase', tokenIn(c)))) return answerOldLink(c, parts, 'erase')
    return ask(c, pages, {
      path: `${pages.base}/erase/${tokenIn(c)}`,
      heading: 'Erase everything?',
      paragraphs: [
        'We delete your address, your settings and the record of what was sent to you. Nothing can bring them back.',
        'All that stays is a keyed hash of the address, so that nobody adds it again without asking you. A digest that is being sent at this moment keeps what it needs until it is out, 24 hours at most.',
      ],
      button: 'Erase me',
      grave: true,
    })
  }
}

export function eraseReader(parts: ReaderParts) {
  const { db, pages, logger, wishes } = parts
  return async (c: Context): Promise<Response> => {
    const isErased = await erase({ db, note: wishes.note }, tokenIn(c))
    // Pressed twice, or the page was loaded anew: it says what was done. Opened again, the link is
    // as good as none.
    if (!isErased && !(await hasErased(db, tokenIn(c)))) return answerOldLink(c, parts, 'erase')
    if (isErased) logger.info({ event: 'subscriber.erased' }, 'a subscriber was erased')
    return tell(c, pages, {
      heading: 'Your data is erased',
      paragraphs: ['Everything that identifies you has been deleted. You will get no more digests.'],
      note: 'If you ever want them again, sign up again.',
    })
  }
}

export function showUndo(parts: ReaderParts) {
  const { db, pages } = parts
  return async (c: Context): Promise<Response> => {
    const found = await findUndo(db, tokenIn(c))
    if (!found) return answerOldLink(c, parts, 'undo')
    const { wanted, reader, obstacle } = found
    const about = wanted.kind === 'address' ? { address: wanted.before } : {}
    if (obstacle) return tellObstacle(c, pages, { purpose: 'undo', obstacle, ...about })
    const paragraphs =
      wanted.kind === 'address'
        ? [
            `Your digests will go to ${maskAddress(wanted.before)} again. All other links sent to the new address stop working, except to unsubscribe.`,
          ]
        : undoParagraphs({ before: reader, after: wanted.before })
    const path = `${pages.base}/undo/${tokenIn(c)}`
    return ask(c, pages, { path, heading: 'Undo the change?', paragraphs, button: 'Undo' })
  }
}

/** All is put back, whatever was changed since: what it comes to is listed as it will be told. */
function undoParagraphs(change: Changed): string[] {
  const sentences = describeChange(change)
  if (sentences.length === 0) return ['Everything is like that already: nothing will change.']
  return ['All settings go back to how they were before that change, later changes included. Then:', ...sentences]
}

export function undoChange(parts: ReaderParts) {
  const { db, pages, sessions, logger } = parts
  return async (c: Context): Promise<Response> => {
    const undone = await undo({ ...parts, hear: hearMoves(parts.wishes) }, tokenIn(c))
    if (!undone) return showUndo(parts)(c)
    logger.info(
      { event: 'subscriber.undid', subscriber: undone.subscriberId, kind: undone.kind },
      'a change was undone',
    )
    if (undone.kind === 'address') {
      // The link was in an email to the very address that they are back at, and no earlier one to
      // the preferences works: this is the way there. An undo of choices opens nothing more, as it
      // also stands on pages that a link to leave shows.
      const reader = await findSubscriberById(db, undone.subscriberId)
      if (reader) await sessions.begin(c, reader)
      return tell(c, pages, {
        heading: 'Undone',
        paragraphs: [`Your digests go to ${maskAddress(undone.address)} again.`],
        note: 'Links in earlier emails no longer change anything, except to unsubscribe.',
        links: [linkTo(pages, '/preferences', 'Open your preferences', true)],
      })
    }
    const paragraphs = describeChange(undone)
    return tell(c, pages, {
      heading: 'Undone',
      paragraphs: paragraphs.length > 0 ? paragraphs : ['Nothing changed: it was already like this.'],
    })
  }
}
