// One mail of the demo's outbox as a reader would see it: its HTML in the sandbox of safety.ts and
// nowhere else, its text, all of its headers.
import type { Context } from 'hono'
import type { Email } from 'postal-mime'
import { definePage, type Pages } from '../page/pages.ts'
import { framingPage, mailBody } from '../page/safety.ts'
import { findMail, findParsed, listMails, type OutboxFile, recipientOf } from './files.ts'
import { describeReader, listPathAt, mailPath, momentOf, type OutboxOptions, sizeOf } from './outbox.ts'

const LOCAL = /\bhttp:\/\/localhost(:\d+)?(?=[/\s"'<)]|$)/

/** One mail of the outbox. */
interface MailValues {
  subject: string
  from: string
  to: string
  /** What this reader chose, in words; '' for an address that is no subscriber's. */
  reader: string
  written: string
  /** Of the HTML part: mail programs cut what is too long. */
  size: string
  text: string
  headers: { name: string; value: string }[]
  listPath: string
  htmlPath: string
  sourcePath: string
  /** The neighbours in the folder; '' at either end. */
  newerPath: string
  olderPath: string
}

const mailPage = definePage<MailValues>('mail')

/** Shows one mail: its HTML in a frame, its text, all of its headers. */
export function showMail({ db, pages, directory, publicUrl }: OutboxOptions) {
  return async (c: Context): Promise<Response> => {
    const { folder, file } = namesOf(c)
    const mail = await findParsed(directory, folder, file)
    if (!mail) return c.notFound()
    const all = await listMails(directory, folder)
    const index = all.findIndex((other) => other.file === file)
    const path = mailPath(pages, folder, file)
    const to = recipientOf(mail)
    const values: MailValues = {
      subject: mail.subject ?? '(no subject)',
      from: senderOf(mail),
      to,
      reader: await describeReader(db, to),
      written: momentOf(mail.date === undefined ? all[index]?.writtenAt : new Date(mail.date)),
      size: sizeOf(Buffer.byteLength(mail.html || '')),
      text: leadHere(mail.text ?? '', publicUrl),
      headers: headersOf(mail),
      listPath: listPathAt(pages, folder, index),
      htmlPath: `${path}/html`,
      sourcePath: `${path}/source`,
      newerPath: neighbourPath(pages, all[index - 1]),
      olderPath: neighbourPath(pages, all[index + 1]),
    }
    return framingPage(c, pages.render(mailPage, { title: values.subject, wide: true }, values))
  }
}

/** Answers with the HTML part of a mail, for the frame. */
export function showMailHtml({ directory, publicUrl }: Pick<OutboxOptions, 'directory' | 'publicUrl'>) {
  return async (c: Context): Promise<Response> => {
    const { folder, file } = namesOf(c)
    const mail = await findParsed(directory, folder, file)
    return mail ? mailBody(c, leadHere(mail.html || '', publicUrl)) : c.notFound()
  }
}

/** Answers with the mail as it was written, to be opened in a mail program. */
export function showMailSource({ directory }: Pick<OutboxOptions, 'directory'>) {
  return async (c: Context): Promise<Response> => {
    const { folder, file } = namesOf(c)
    const bytes = await findMail(directory, folder, file)
    if (!bytes) return c.notFound()
    c.header('Content-Type', 'message/rfc822')
    // The name was checked when the mail was found: it needs no quoting.
    c.header('Content-Disposition', `attachment; filename="${file}"`)
    return c.body(new Uint8Array(bytes))
  }
}

/**
 * Makes the links of a mail that was written by a run on another port of this machine lead to this
 * one.
 */
function leadHere(text: string, publicUrl: string): string {
  const here = LOCAL.exec(publicUrl)?.[0]
  return here === undefined ? text : text.replaceAll(new RegExp(LOCAL, 'g'), () => here)
}

function senderOf({ from }: Email): string {
  if (!from?.address) return from?.name ?? ''
  return from.name === '' ? from.address : `${from.name} <${from.address}>`
}

/** All headers in their order, each on one line as it stands in the mail. */
function headersOf({ headerLines }: Email): MailValues['headers'] {
  return headerLines.map(({ line }) => {
    const colon = line.indexOf(':')
    return {
      name: line.slice(0, colon),
      value: line
        .slice(colon + 1)
        .replace(/\s*\r?\n\s+/g, ' ')
        .trim(),
    }
  })
}

function namesOf(c: Context): { folder: string; file: string } {
  return { folder: c.req.param('folder') ?? '', file: c.req.param('file') ?? '' }
}

function neighbourPath(pages: Pages, mail: OutboxFile | undefined): string {
  return mail ? mailPath(pages, mail.folder, mail.file) : ''
}
