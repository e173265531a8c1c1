// Reports of servers that write for people alone. Each is known by words that it begins with and
// that its maker never changed; what was returned of our own mail is cut off before anything is
// made of the rest. Pure.

import { judgeRefusal } from '../provider/severity.ts'
import { readDeliveryStatus } from './delivery-status.ts'
import type { Said } from './said.ts'

interface Shape {
  /** Whose it is. */
  name: string
  /** Stands in its first lines. */
  opening: RegExp
}

/** An opening is looked for in so many characters. */
const OPENING_CHARACTERS = 1_500
/** What a server says beyond this is not about why. */
const WORDS_CHARACTERS = 4_000
const RECIPIENTS_MAX = 20
const ADDRESS = /[^\s<>;,:"'()[\]]+@[^\s<>;,:"'()[\]]+/g

/** Says that the server goes on trying. */
const GOES_ON =
  /\bthis is a warning\b|\bwarning: (message|could not)|\bwill continue to\b|\bhas not (yet )?been (delivered|sent)|\bhas been delayed\b|\bis delayed\b|\bdelivery attempts will continue\b|\bno action is required\b|\bwill be retried\b/i
/** Where our own mail begins. No part of it goes over a line's end: each line is read once. */
const RETURNED =
  /^(--- Below this line|--- Original message follows|-{2,} ?(This is a copy of|Original message|Message header|Unsent message|Undelivered message|original message)|[ \t]*-{3,} (Original|Unsent|Undelivered|Returned) message|Original message (follows|headers)|[ \t]*Below is a copy of the original message|Message (headers|text) follows?|\|-{10,} ?Message text follows|-{7}SMTP command|Received: ?from\b|Return-Path:)/im

const SHAPES: readonly Shape[] = [
  { name: 'qmail', opening: /^Hi\. This is the .{1,200}\n+(I'm afraid I wasn't able to deliver|I tried to deliver)/m },
  {
    name: 'qmail at Yahoo',
    opening:
      /^(Sorry, we were unable to deliver your message to the following|Unable to deliver message to the following address)/m,
  },
  { name: 'qmail of hosts', opening: /^Your mail message to the following address\(es\) could not be delivered/m },
  { name: 'exim', opening: /^This message was created automatically by (mail delivery software|the SMTP relay)\b/m },
  { name: 'Gmail', opening: /^Delivery to the following recipients?( has been)? (failed( permanently)?|delayed)\b/m },
  { name: 'Exchange 5.5', opening: /^did not reach the following recipient\(s\):/m },
  { name: 'Exchange', opening: /^Your message did not reach some or all of the intended recipients/m },
  { name: 'Domino', opening: /^was not delivered to:/m },
  { name: 'OpenSMTPD', opening: /^ *This is the MAILER-DAEMON, please DO NOT REPLY to this e-?mail/m },
  {
    name: 'sendmail',
    opening:
      /^ *-{3,} ?(Transcript of session follows|The following addresses had (permanent fatal errors|transient non-fatal errors|delivery (errors|problems)))/m,
  },
  { name: 'IMail', opening: /^(Unknown user|User mailbox exceeds allowed size|Undeliverable to|Unknown host): \S+@/m },
  {
    name: 'Courier',
    opening: /^This is a delivery status notification from .{1,200},\nrunning the Courier mail server/m,
  },
  {
    name: 'Novell GroupWise',
    opening: /^The (attached file|message that you sent) had the following undeliverable recipients?/m,
  },
  { name: 'Postfix, in plain text', opening: /^This is the (Postfix program|mail system) at host /m },
  { name: 'DragonFly', opening: /^This is the DragonFly Mail Agent /m },
  { name: 'smail', opening: /^\|-{10,} ?Message log follows:/m },
  { name: 'm-FILTER', opening: /^-{7}server message$/m },
  { name: 'CommuniGate', opening: /^We had trouble delivering your message\. Full details follow:/m },
  { name: 'MMSC', opening: /^Message could not be delivered to mobile\b/m },
]

/** Returns what a message of a known shape says; nothing for any other. */
export function readOddShape(text: string): Said[] {
  const plain = text.replace(/\r\n?/g, '\n').trimStart()
  const own = plain.slice(0, RETURNED.exec(plain)?.index ?? plain.length)
  // The fields of RFC 3464, but in the text.
  if (/^Action: /m.test(own) && /^Final-Recipient: /m.test(own)) return readDeliveryStatus(own)
  const isKnown = SHAPES.some(({ opening }) => opening.test(own.slice(0, OPENING_CHARACTERS)))
  if (!isKnown) return []
  const words = own.slice(0, WORDS_CHARACTERS)
  const recipients = [...words.matchAll(ADDRESS)].slice(0, RECIPIENTS_MAX).map(([address]) => address)
  return [{ type: GOES_ON.test(words) ? 'delayed' : judgeRefusal({ words }), recipients }]
}
