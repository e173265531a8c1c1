// What stands on the outside of a mail: sender, headers, subject. A piece like any other, so that a
// changed setting never changes a mail that was marked before.
import { domainToASCII } from 'node:url'
import type { EditionKind, Length } from '../../database/states.ts'
import { cleanLine, cleanText, shortenToLength } from '../text/text.ts'
import { hostLinks, ownLink } from './links.ts'
import { markSlot } from './piece.ts'

/** Who sends, as the operator set it. */
export interface Host {
  /** Instead of the theme's name. */
  name?: string
  /** Without a slash at its end. */
  publicUrl: string
  /** `Name <address>` or an address. */
  mailFrom: string
  postalAddress: string | null
  /** An address whose mailbox is read for people who unsubscribe by mail. */
  unsubscribeMailto: string | null
}

/** The envelope piece's JSON. Header values hold slot marks. */
export interface Envelope {
  from: string
  /** In the order in which they leave. */
  headers: [name: string, value: string][]
}

/** Longer subjects are folded or cut by clients; in UTF-16 code units. */
const SUBJECT_MAX = 78
/**
 * Names the sender to Gmail: the same in every mail of every host's, 5 to 15 characters, no
 * recipient in it.
 */
const FEEDBACK_SENDER = 'paper-round'

/**
 * Returns sender and headers of an edition's mails, one-click unsubscribe (RFC 8058) among them.
 */
export function envelopeOf(host: Host, name: string, kind: EditionKind, length: Length): Envelope {
  const links = hostLinks(host.publicUrl)
  const from = cleanLine(host.mailFrom)
  const domain = senderDomain(from)
  const leave = [`<${links.unsubscribe}>`]
  if (host.unsubscribeMailto !== null) {
    const address = host.unsubscribeMailto.split('@').map(encodeURIComponent).join('@')
    leave.push(`<mailto:${address}?subject=unsubscribe%20${markSlot('unsubscribe')}>`)
  }
  // A phrase outside of ASCII would need encoding, which RFC 2919 does not foresee.
  const phrase = /^[\w .,'-]+$/.test(name) ? `"${name}" ` : ''
  return {
    from,
    headers: [
      ['List-Unsubscribe', leave.join(', ')],
      ['List-Unsubscribe-Post', 'List-Unsubscribe=One-Click'],
      ['List-Id', `${phrase}<daily-papers.${domain}>`],
      ['Archived-At', `<${links.view}>`],
      ['List-Archive', `<${links.archive}>`],
      ['List-Owner', `<mailto:${addressOf(from)}>`],
      ['List-Help', `<${links.front}>`],
      ['Feedback-ID', `${kind}:${length}:digest:${FEEDBACK_SENDER}`],
      ['Auto-Submitted', 'auto-generated'],
      ['X-Auto-Response-Suppress', 'OOF, AutoReply'],
    ],
  }
}

/**
 * Returns sender and headers of a notice of a version. `unsubscribe`: the token of a reader to whom
 * it comes as a digest does, without being asked for; a notice that somebody asked for has nothing
 * to leave.
 */
export function noticeEnvelope(host: Host, kind: string, unsubscribe: string | null, version: number): Envelope {
  const from = cleanLine(host.mailFrom)
  // Version 1 named the sender's domain, of any length.
  const sender = version === 1 ? senderDomain(from) : FEEDBACK_SENDER
  const leave: Envelope['headers'] =
    unsubscribe === null
      ? []
      : [
          ['List-Unsubscribe', `<${ownLink(host.publicUrl, 'unsubscribe', unsubscribe)}>`],
          ['List-Unsubscribe-Post', 'List-Unsubscribe=One-Click'],
        ]
  return {
    from,
    headers: [
      ...leave,
      ['Feedback-ID', `${kind}:none:notice:${sender}`],
      ['Auto-Submitted', 'auto-generated'],
      ['X-Auto-Response-Suppress', 'OOF, AutoReply'],
    ],
  }
}

/** Returns a subject as it leaves: one line, short enough for an inbox. */
export function noticeSubject(text: string): string {
  return shortenToLength(subjectLine(cleanText(text)), SUBJECT_MAX)
}

/**
 * One line, in which nothing begins an encoded word: readers' programs would decode it and show
 * what is hidden there.
 */
export function subjectLine(text: string): string {
  return cleanLine(text).replaceAll('=?', '= ?')
}

/** The address of a sender, as a link to it holds it. */
function addressOf(from: string): string {
  const address = /<([^<>]*)>\s*$/.exec(from)?.[1] ?? from
  const at = address.lastIndexOf('@')
  return `${encodeURIComponent(address.slice(0, at).trim())}@${senderDomain(from)}`
}

function senderDomain(from: string): string {
  const domain = /@([^@\s<>]+?)>?$/.exec(from)?.[1] ?? ''
  return domainToASCII(domain) || domain
}
