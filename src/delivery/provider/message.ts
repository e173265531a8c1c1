// A mail as one message of RFC 5322, from parts that are already in quoted-printable. Pure: the
// same mail always gives the same bytes, whoever hands them on.
import { domainToASCII } from 'node:url'
import MimeNode from 'nodemailer/lib/mime-node'
import type { Mail } from './provider.ts'

/**
 * Returns the whole message of RFC 5322. Expects html and text in quoted-printable with CRLF; joins
 * them as they are. The same mail always gives the same bytes.
 */
export function composeMessage(mail: Mail): string {
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
  const part = (type: string, body: string) =>
    `--${boundary}\r\nContent-Type: ${type}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n${body}\r\n`
  return `${head.buildHeaders()}\r\n\r\n${part('text/plain', mail.text)}${part('text/html', mail.html)}--${boundary}--\r\n`
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
