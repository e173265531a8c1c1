// The demo's outbox in the browser: which mails a round wrote, and to whom. It exists only where
// mails reach nobody.
import type { Context } from 'hono'
import type { Kysely } from 'kysely'
import type { Database } from '../../database/schema.ts'
import { sayWishes } from '../../digest/choosing/wishes.ts'
import { counted, longDate } from '../../digest/text/words.ts'
import { clockOf, WEEKDAY_NAMES } from '../../subscriber/preferences.ts'
import { findSubscriberByAddress } from '../../subscriber/store.ts'
import type { Subscriber } from '../../subscriber/subscriber.ts'
import { definePage, type Pages } from '../page/pages.ts'
import { findParsed, listFolders, listMails, type OutboxFile, recipientOf } from './files.ts'

/** The demo's mails of one folder. */
interface OutboxValues {
  folders: { label: string; mails: string; path: string; current: boolean }[]
  mails: { to: string; subject: string; reader: string; size: string; written: string; path: string }[]
  /** Which of how many mails the page shows; ''. */
  range: string
  /** '' at either end. */
  newerPath: string
  olderPath: string
}

const outboxPage = definePage<OutboxValues>('outbox')

export interface OutboxOptions {
  db: Kysely<Database>
  pages: Pages
  directory: string
  /** Where these pages are now: the mails may be of a run on another port. */
  publicUrl: string
}

/** Mails a page of the list: enough to scroll, few enough to parse while somebody waits. */
const PAGE_SIZE = 100

/** Lists the mails of one folder (`?folder=`, the newest unless named), page by page (`?page=`). */
export function showOutbox({ db, pages, directory }: OutboxOptions) {
  return async (c: Context): Promise<Response> => {
    const folders = await listFolders(directory)
    const folder = c.req.query('folder') ?? folders[0]?.name ?? ''
    if (folders.length > 0 && !folders.some(({ name }) => name === folder)) return c.notFound()
    const all = await listMails(directory, folder)
    const last = Math.max(1, Math.ceil(all.length / PAGE_SIZE))
    const page = Math.min(last, Math.max(1, Math.trunc(Number(c.req.query('page')) || 1)))
    const shown = all.slice((page - 1) * PAGE_SIZE, page * PAGE_SIZE)
    const start = (page - 1) * PAGE_SIZE + 1
    const values: OutboxValues = {
      folders: folders.map(({ name, mails }) => ({
        label: labelOf(name),
        mails: counted(mails, 'email'),
        path: listPath(pages, name, 1),
        current: name === folder,
      })),
      mails: await Promise.all(shown.map((mail) => rowOf(db, pages, directory, mail))),
      range: last === 1 ? '' : `${start} to ${start + shown.length - 1} of ${counted(all.length, 'email')}`,
      newerPath: page > 1 ? listPath(pages, folder, page - 1) : '',
      olderPath: page < last ? listPath(pages, folder, page + 1) : '',
    }
    return c.html(pages.render(outboxPage, { title: 'Outbox', wide: true }, values))
  }
}

/** Says what the reader at an address chose; '' for an address that is no subscriber's. */
export async function describeReader(db: Kysely<Database>, address: string): Promise<string> {
  const subscriber = await findSubscriberByAddress(db, address)
  return subscriber ? sayChoices(subscriber) : ''
}

/** Returns the page of the list on which a mail stands, by its index in the folder. */
export function listPathAt(pages: Pages, folder: string, index: number): string {
  return listPath(pages, folder, Math.floor(Math.max(0, index) / PAGE_SIZE) + 1)
}

export function mailPath({ base }: Pages, folder: string, file: string): string {
  return `${base}/outbox/${folder}/${file}`
}

export function momentOf(at: Date | undefined): string {
  return at === undefined ? '' : `${at.toISOString().slice(0, 10)} ${at.toISOString().slice(11, 16)} UTC`
}

export function sizeOf(bytes: number): string {
  return `${Math.max(1, Math.round(bytes / 1000))} kB`
}

async function rowOf(
  db: Kysely<Database>,
  pages: Pages,
  directory: string,
  { folder, file, size, writtenAt }: OutboxFile,
) {
  const head = await findParsed(directory, folder, file, 'head')
  const to = head ? recipientOf(head) : ''
  return {
    to,
    subject: head?.subject ?? '(no subject)',
    reader: await describeReader(db, to),
    size: sizeOf(size),
    written: momentOf(writtenAt),
    path: mailPath(pages, folder, file),
  }
}

function sayChoices({ cadence, weekday, hour, zone, choices }: Subscriber): string {
  const days = { daily: 'Daily', 'working-days': 'Working days', weekly: `${WEEKDAY_NAMES[weekday - 1]}s` }[cadence]
  const said = [
    `${days} at ${clockOf(hour)}, ${zone}`,
    counted(choices.papers, 'paper'),
    { titles: 'titles only', short: 'short', full: 'full abstracts' }[choices.length],
  ]
  return [...said, ...sayWishes(choices)].join(' · ')
}

function labelOf(folder: string): string {
  if (folder === 'notices') return 'Notices'
  const [date, kind] = [folder.slice(0, 10), folder.slice(11)]
  return kind === 'weekly' ? `Week to ${longDate(date)}` : longDate(date)
}

function listPath({ base }: Pages, folder: string, page: number): string {
  return `${base}/outbox?folder=${folder}${page > 1 ? `&page=${page}` : ''}`
}
