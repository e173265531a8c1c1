// The pages behind one-time links: move to another address, export, erase, undo. Opening one shows
// a button and uses nothing up; pressing it works once. Whatever is wrong with a link, it is not
// found.
import type { Context } from 'hono'
import { confirmAddress, findAddressChange } from '../../delivery/request/address-change.ts'
import { erase } from '../../delivery/request/erasure.ts'
import { exportData, findLink } from '../../delivery/request/own-data.ts'
import { maskAddress } from '../../subscriber/subscriber.ts'
import { findUndo, undo } from '../../subscriber/undo.ts'
import { ask } from '../page/ask.ts'
import { rhythmOf } from '../page/rhythm.ts'
import { tell } from '../page/tell.ts'
import { type ReaderParts, tokenIn } from '../visit/reader-parts.ts'
import { describeChange } from './preferences/change-words.ts'

export function showAddress({ db, pages }: ReaderParts) {
  return async (c: Context): Promise<Response> => {
    const change = await findAddressChange({ db }, tokenIn(c))
    if (!change) return c.notFound()
    const address = maskAddress(change.address)
    return ask(c, pages, {
      path: `${pages.base}/address/${tokenIn(c)}`,
      heading: 'Move your digests here?',
      paragraphs: [`From now on they will go to ${address}. The old address is told, with a link to take it back.`],
      button: 'Move them',
    })
  }
}

export function moveAddress({ db, linkKeys, pages, sendNotice, logger }: ReaderParts) {
  return async (c: Context): Promise<Response> => {
    const moved = await confirmAddress({ db, linkKeys }, tokenIn(c))
    if (!moved) return c.notFound()
    logger.info({ event: 'subscriber.moved', subscriber: moved.subscriberId }, 'a subscriber moved')
    await sendNotice(moved.noticeId)
    return tell(c, pages, {
      heading: 'Your digests have moved',
      paragraphs: [`They go to ${maskAddress(moved.address)} now.`],
      note: 'Links in earlier digests no longer change anything; those to leave still work.',
    })
  }
}

export function showExport({ db, pages }: ReaderParts) {
  return async (c: Context): Promise<Response> => {
    if (!(await findLink({ db }, 'export', tokenIn(c)))) return c.notFound()
    return ask(c, pages, {
      path: `${pages.base}/export/${tokenIn(c)}`,
      heading: 'Export your data',
      paragraphs: ['One JSON file with everything that is kept of you: choices, digests, notices.'],
      button: 'Download',
    })
  }
}

/**
 * Answers with the file itself. The link is used up by it: another is one click away on the
 * preferences page.
 */
export function downloadExport({ db, logger }: ReaderParts) {
  return async (c: Context): Promise<Response> => {
    const data = await exportData({ db }, tokenIn(c))
    if (!data) return c.notFound()
    logger.info({ event: 'subscriber.exported' }, 'a subscriber took their data')
    return c.body(`${JSON.stringify(data, null, 2)}\n`, 200, {
      'Content-Type': 'application/json; charset=utf-8',
      'Content-Disposition': 'attachment; filename="paper-round.json"',
    })
  }
}

export function showErase({ db, pages }: ReaderParts) {
  return async (c: Context): Promise<Response> => {
    if (!(await findLink({ db }, 'erase', tokenIn(c)))) return c.notFound()
    return ask(c, pages, {
      path: `${pages.base}/erase/${tokenIn(c)}`,
      heading: 'Erase everything?',
      paragraphs: [
        'Your address, your choices and what was sent to you go, for good. Nothing can bring them back.',
        'What stays is a keyed hash of the address, so that nobody adds it again without asking you. A digest that is on its way at this moment keeps what it needs until it has left, 24 hours at most.',
      ],
      button: 'Erase me',
      grave: true,
    })
  }
}

export function eraseReader({ db, pages, logger }: ReaderParts) {
  return async (c: Context): Promise<Response> => {
    if (!(await erase({ db }, tokenIn(c)))) return c.notFound()
    logger.info({ event: 'subscriber.erased' }, 'a subscriber was erased')
    return tell(c, pages, {
      heading: 'You are erased',
      paragraphs: ['Nothing is left here that leads to you. No more digests will come.'],
      note: 'Should you ever want them again, sign up as on the first day.',
    })
  }
}

export function showUndo({ db, pages }: ReaderParts) {
  return async (c: Context): Promise<Response> => {
    const wanted = await findUndo(db, tokenIn(c))
    if (!wanted) return c.notFound()
    const paragraphs =
      wanted.kind === 'address'
        ? [`Your digests will go to ${maskAddress(wanted.before)} again. All other links of the new address end.`]
        : [`Everything will be as before this change: your digest ${rhythmOf(wanted.before)}.`]
    const path = `${pages.base}/undo/${tokenIn(c)}`
    return ask(c, pages, { path, heading: 'Undo the change?', paragraphs, button: 'Undo' })
  }
}

export function undoChange({ db, pages, logger }: ReaderParts) {
  return async (c: Context): Promise<Response> => {
    const undone = await undo(db, tokenIn(c))
    if (!undone) return c.notFound()
    logger.info(
      { event: 'subscriber.undid', subscriber: undone.subscriberId, kind: undone.kind },
      'a change was undone',
    )
    const paragraphs =
      undone.kind === 'address' ? [`Your digests go to ${maskAddress(undone.address)} again.`] : describeChange(undone)
    return tell(c, pages, {
      heading: 'Undone',
      paragraphs: paragraphs.length > 0 ? paragraphs : ['Everything was as before already.'],
    })
  }
}
