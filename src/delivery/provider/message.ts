// A mail as one message of RFC 5322, from parts that are already in quoted-printable. Pure: the
// same mail always gives the same bytes, whoever hands them on. What the mails of a selection share
// is composed and encoded once.
import { domainToASCII } from 'node:url'
import MimeNode from 'nodemailer/lib/mime-node'
import { type Draft, fillHeaders } from '../../digest/piece/draft.ts'
import { cutAt, type Image, openImages, toBytes, type Values } from '../../digest/piece/image.ts'
import type { Mail } from './provider.ts'

/**
 * Returns the whole message of RFC 5322. Expects html and text in quoted-printable with CRLF; joins
 * them as they are. The same mail always gives the same bytes.
 */
export function composeMessage(mail: Mail): string {
  const { start, between, end } = aroundParts(mail)
  return `${start}${mail.text}${between}${mail.html}${end}`
}

/** A message whose literals may be shared with others. Values are never empty. */
export interface Composed {
  image: Image
  values: Values
}

/** Returns composeMessage as an image: for joined mails that of their selection. */
export function composeImage(mail: Mail): Composed {
  const { joined, publicId, to, date } = mail
  if (!joined || !PLAIN_ADDRESS.test(to) || Object.values(joined.slots).some(({ length }) => length !== TOKEN_LENGTH)) {
    return { image: images.make([{ raw: composeMessage(mail) }]), values: {} }
  }
  const image = imageOf.get(joined.draft) ?? makeImage(joined.draft)
  imageOf.set(joined.draft, image)
  return { image, values: { ...joined.slots, publicId, to, date: dateOf(date) } }
}

/** Returns the bytes of composeMessage: for joined mails at a small part of the cost. */
export function composeBytes(mail: Mail): Buffer {
  const { image, values } = composeImage(mail)
  return toBytes(image, values)
}

/**
 * What the library writes as it is and never folds: anything else it may quote, encode or break
 * into lines.
 */
const PLAIN_ADDRESS = /^(?=.{1,70}$)[A-Za-z0-9_+-]+(\.[A-Za-z0-9_+-]+)*@(?!.*xn--)[a-z0-9-]+(\.[a-z0-9-]+)+$/
/** Of a token in a link. Where a header is folded depends on no more than lengths. */
const TOKEN_LENGTH = 59
const standIn = (letter: string) => letter.repeat(TOKEN_LENGTH)
const STAND_INS = {
  unsubscribe: standIn('U'),
  view: standIn('V'),
  preferences: standIn('P'),
  publicId: '00000000-1111-2222-3333-444444444444',
  to: 'stand-in@stand-in.invalid',
  date: 'Mon, 01 Jan 2001 00:00:00 +0000',
}

const images = openImages((text) => text)
const imageOf = new WeakMap<Draft, Image>()

function makeImage(draft: Draft): Image {
  const { publicId, to, ...slots } = STAND_INS
  const { from, subject } = draft
  const headers = fillHeaders(draft, slots)
  const date = '2001-01-01T00:00:00.000Z'
  const { start, between, end } = aroundParts({ publicId, to, from, subject, headers, date })
  const cut = (text: string) => cutAt(text, STAND_INS)
  return images.make([cut(start), draft.text, cut(between), draft.html, cut(end)])
}

/** Returns what stands before, between and behind the text and the HTML of a message. */
function aroundParts(mail: Omit<Mail, 'html' | 'text' | 'joined'>): { start: string; between: string; end: string } {
  // "=_" cannot stand in quoted-printable, where "=" is always followed by two hexadecimal digits
  // or a line's end.
  const boundary = `=_${mail.publicId}`
  const head = new MimeNode(`multipart/alternative; boundary="${boundary}"`)
  head.setHeader('From', mail.from)
  // As an object, so that an address is never read as a list of addresses.
  head.setHeader('To', { name: '', address: mail.to })
  head.setHeader('Subject', mail.subject)
  head.setHeader('Date', new Date(mail.date))
  head.setHeader('Message-ID', messageIdOf(mail))
  for (const [name, value] of Object.entries(mail.headers)) head.setHeader(name, toHeaderValue(value))
  const open = (type: string) =>
    `--${boundary}\r\nContent-Type: ${type}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n`
  return {
    start: `${head.buildHeaders()}\r\n\r\n${open('text/plain')}`,
    between: `\r\n${open('text/html')}`,
    end: `\r\n--${boundary}--\r\n`,
  }
}

function dateOf(iso: string): string {
  return new Date(iso).toUTCString().replace('GMT', '+0000')
}

/** Returns the mail's own Message-ID: its public id at the sender's domain. */
export function messageIdOf(mail: Pick<Mail, 'publicId' | 'from'>): string {
  return `<${mail.publicId}@${senderOf(mail).domain}>`
}

/** Returns the sender's address without the name, its domain in ASCII. */
export function senderOf({ from }: Pick<Mail, 'from'>): { address: string; domain: string } {
  const address = /<([^<>]*)>\s*$/.exec(from)?.[1] ?? from.trim()
  const at = address.lastIndexOf('@')
  const domain = domainToASCII(address.slice(at + 1)) || 'localhost'
  return { address: `${address.slice(0, at)}@${domain}`, domain }
}

// Printable ASCII leaves as it is, only folded: encoding would turn the quotes and brackets of a
// List-Id into text.
function toHeaderValue(value: string) {
  return /^[\x20-\x7e]*$/.test(value) ? { prepared: true, foldLines: true, value } : value
}
