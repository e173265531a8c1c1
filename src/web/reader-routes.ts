// What readers reach by the links in their mails: every address, its methods, and which of them are
// nobody else's to keep.
import type { Handler } from 'hono'
import {
  downloadExport,
  eraseReader,
  moveAddress,
  showAddress,
  showErase,
  showExport,
  showUndo,
  undoChange,
} from './reader/link-pages.ts'
import { changePreferences } from './reader/preferences/change.ts'
import { exchangeLink, showPreferences } from './reader/preferences/page.ts'
import { showReaderFeed } from './reader/reader-feed.ts'
import { showUnsubscribe, unsubscribe } from './reader/unsubscribe.ts'
import { confirmSubscription, showConfirm } from './sign-up/confirm.ts'
import { subscribe, toForm } from './sign-up/subscribe.ts'
import type { ReaderParts } from './visit/reader-parts.ts'

/** Behind a token or a sitting, or with an address typed in: never cached, never indexed. */
export const READER_PATHS = [
  '/subscribe',
  '/confirm/*',
  '/preferences',
  '/preferences/*',
  '/unsubscribe/*',
  '/address/*',
  '/export/*',
  '/erase/*',
  '/undo/*',
  '/feed/*',
]

export function readerRoutes(parts: ReaderParts): [method: 'GET' | 'POST', path: string, handler: Handler][] {
  return [
    // The form's address, typed in or loaded anew.
    ['GET', '/subscribe', toForm(parts)],
    ['POST', '/subscribe', subscribe(parts)],
    ['GET', '/confirm/:token', showConfirm(parts)],
    ['POST', '/confirm/:token', confirmSubscription(parts)],
    ['GET', '/preferences', showPreferences(parts)],
    ['POST', '/preferences', changePreferences(parts)],
    ['GET', '/preferences/:token', exchangeLink(parts)],
    // The button of a link that is too old.
    ['POST', '/preferences/:token', exchangeLink(parts)],
    ['GET', '/unsubscribe/:token', showUnsubscribe(parts)],
    ['POST', '/unsubscribe/:token', unsubscribe(parts)],
    ['GET', '/address/:token', showAddress(parts)],
    ['POST', '/address/:token', moveAddress(parts)],
    ['GET', '/export/:token', showExport(parts)],
    ['POST', '/export/:token', downloadExport(parts)],
    ['GET', '/erase/:token', showErase(parts)],
    ['POST', '/erase/:token', eraseReader(parts)],
    ['GET', '/feed/:token', showReaderFeed(parts)],
    ['GET', '/undo/:token', showUndo(parts)],
    ['POST', '/undo/:token', undoChange(parts)],
  ]
}
