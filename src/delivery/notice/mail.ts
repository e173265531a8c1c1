// A notice becomes a mail: its sealed content, the words of its kind and the host's templates. The
// same row, templates and settings give the same bytes; the hash of all of it is what the mark
// fixes.
import { createHash } from 'node:crypto'
import type { MailEncoding } from '../../digest/joining/joining.ts'
import { renderNotice } from '../../digest/notice.ts'
import { type Host, noticeEnvelope, noticeSubject } from '../../digest/piece/envelope.ts'
import { type OwnPage, ownLink } from '../../digest/piece/links.ts'
import { makePiece } from '../../digest/piece/piece.ts'
import type { Templates } from '../../digest/rendering.ts'
import { type LinkKeys, signToken } from '../../subscriber/token.ts'
import type { Mail } from '../provider/provider.ts'
import { type NoticeContent, type NoticeKind, readSealed, type SaidContent, type SealedNotice } from './notice.ts'
import { unseal } from './seal.ts'
import { wordsOf } from './words.ts'
import { wordsOf1 } from './words-1.ts'

/** What a row is made into a mail with. */
export interface Making {
  host: Host
  templates: Templates
  linkKeys: LinkKeys
  /** One of NOTICE_VERSIONS. */
  version: number
}

/** What a notice's bytes depend on beside host, templates and version. */
export interface NoticeRowFacts {
  publicId: string
  kind: NoticeKind
  address: string | null
  sealed: Buffer | null
  keyId: number
  issuedAt: Date
}

const PAGES: Partial<Record<NoticeContent['kind'], OwnPage>> = {
  confirm: 'confirm',
  address: 'address',
  'address-changed': 'undo',
  export: 'export',
  erase: 'erase',
}

/**
 * Builds the mail of a notice. Throws when its key has left the ring or its seal does not open;
 * undefined when nothing that could be sent is inside.
 */
export async function buildNotice(
  row: NoticeRowFacts,
  { encoding, ...parts }: Making & { encoding: MailEncoding },
): Promise<Mail | undefined> {
  const { host, linkKeys, version } = parts
  if (row.address === null || row.sealed === null) return undefined
  const sealed = readSealed(row.kind, unseal(linkKeys, row.keyId, row.publicId, row.sealed))
  if (!sealed) return undefined
  const { content } = sealed
  const said = 'html' in content ? content : await sayNotice(row, { ...sealed, content }, parts)
  const unsubscribe = 'unsubscribe' in said ? said.unsubscribe : null
  const { from, headers } = noticeEnvelope(host, content.kind, unsubscribe, version)
  return {
    publicId: row.publicId,
    to: row.address,
    from,
    subject: noticeSubject(said.subject),
    headers: Object.fromEntries(headers),
    html: encode(said.html, encoding),
    text: encode(said.text, encoding),
    date: row.issuedAt.toISOString(),
  }
}

/**
 * Puts a notice into the words of its kind. `unsubscribe`: the token of its header, if it has one.
 */
async function sayNotice(
  row: Pick<NoticeRowFacts, 'keyId' | 'issuedAt'>,
  { content, reader }: { content: SaidContent; reader: SealedNotice['reader'] },
  { host, templates, linkKeys, version }: Making,
): Promise<{ subject: string; html: string; text: string; unsubscribe: string | null }> {
  const sign = (purpose: 'preferences' | 'unsubscribe') =>
    reader && signToken(linkKeys, row.keyId, purpose, { ...reader, issuedAt: row.issuedAt })
  const isForReader = content.kind === 'note' || content.kind === 'subscribed-already' || content.kind === 'link'
  const preferences = isForReader ? sign('preferences') : null
  const unsubscribe = isForReader ? sign('unsubscribe') : null
  const link = (page: OwnPage, token: string | null) => (token === null ? null : ownLink(host.publicUrl, page, token))
  const page = PAGES[content.kind]
  const words = (version === 1 ? wordsOf1 : wordsOf)(
    content,
    {
      own: page && 'token' in content ? link(page, content.token) : null,
      preferences: link('preferences', preferences),
      unsubscribe: link('unsubscribe', unsubscribe),
    },
    { name: host.name ?? templates.theme.name, site: new URL(host.publicUrl).host },
    version,
  )
  const unsubscribeHeader = content.kind === 'note' ? unsubscribe : null
  const mail = await renderNotice(words.notice, host, templates, version)
  return { subject: words.subject, ...mail, unsubscribe: unsubscribeHeader }
}

/** Returns the hash that fixes every byte of a notice. One mail is small enough to hash whole. */
export function hashMail(mail: Mail, version: number): Buffer {
  return createHash('sha256')
    .update(`notice ${version}\n${JSON.stringify(mail)}`)
    .digest()
}

/**
 * Returns the key under which the provider knows a notice's request: derived, never random, never
 * with an attempt's number.
 */
export function noticeKeyOf(id: number, mail: Buffer): string {
  return `paper-round-notice-${id}-${mail.toString('hex').slice(0, 40)}`
}

function encode(text: string, encoding: MailEncoding): string {
  return encoding === 'utf8' ? text : makePiece('notice', text).quotedPrintable
}
