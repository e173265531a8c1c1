// A mail server's refusal in the port's words. Pure. Where the message may have left whole and no
// answer came, it is `unknown`.
import { msToMidnight, toReason } from '../outside.ts'
import type { OneOutcome } from '../provider.ts'
import { FULL, judgeRefusal, OURS } from '../severity.ts'
import type { SmtpError } from './handing-over.ts'

/** A server that is out of reach is asked again after this, in milliseconds. */
export const DOWN_MS = 60_000
/** Greylisting lets nobody in for the first minutes; the ledger doubles this wait. */
const DEFERRED_MS = 5 * 60_000

/** Words for a limit of ours, as servers put it. */
const QUOTA = /\b[45]\.4\.5\b|\b(daily|monthly|sending)\b.{0,40}\b(quota|limit)\b/i
/**
 * A mailbox has limits too, which are its reader's own affair: so say its codes (RFC 3463), and
 * these words where they are not about sending.
 */
const MAILBOX_CODE = /^\d{3}[ -][45]\.2\.\d/
const MAILBOX_LIMIT =
  /\b(recipient|mailbox|inbox|user)\b.{0,40}\b(daily|monthly)\b|\bfor (this|the) (recipient|mailbox|inbox|user)\b/i
const SENDING = /\b(send|sending|sent|outgoing)\b/i
const RELAY = /\brelay|\bauthenticat|\bnot (allowed|permitted) to send\b/i
/**
 * A receiver that gets too many at a time, in its own words and codes: Gmail's 4.7.28, Outlook's
 * 4.7.500 and 4.7.65x, Yahoo's TSS04 … Greylisting (4.7.1 as often) is about something else.
 */
const TOO_FAST =
  /\b4\.7\.(28|500|65\d)\b|\[TSS0\d\]|\brate.?limit|\btoo (many|much|fast)\b(?! errors)|\bunusual rate\b|\bunexpected volume\b|\bthrottl|\bslow down\b|\bexceed(s|ed)? .{0,40}\b(rate|limit)\b|\b(rate|limit) (is |was |has been )?(exceeded|reached)\b/i
const GREYLISTED = /\bgr[ae]y.?list/i
/** The recipient's server asked beforehand, and what it said. */
const PASSED_ON = /\brecipient address rejected\b|\bsaid: /i
/** The library's word for a 421 in the middle of a mail, behind its recipient. */
const CLOSED = /^Server closed the connection/
/** The server in between counts what we hand over, to whomever. */
const OWN_RATE = /\bsending rate\b/i
/** Of connections at the same time, which a server takes or not before any mail. */
const CONNECTIONS =
  /\b(too many|concurrent|simultaneous|maximum)\b.{0,40}\b(connections?|sessions?|clients)\b|\b(connections?|sessions?)\b.{0,20}\blimit/i
const CERTIFICATE = /certificate|self.signed|altname/i

/**
 * Classifies a failure. `handedOver`: the end of the message may have left.
 */
export function readRefusal(
  error: SmtpError,
  { handedOver, addresses, now }: { handedOver: boolean; addresses: readonly string[]; now: number },
): OneOutcome {
  const { code = '', command = '', responseCode: status = 0 } = error
  const reason = toReason(error.response ?? error.message, addresses)
  const refused = status >= 400 && status < 600
  if (isOneTooMany(error)) return down(`${reason}: see pool in SMTP_URL`)
  if (!refused && handedOver) return { state: 'unknown', reason: `no answer after the whole message: ${reason}` }
  if (code === 'EAUTH' || code === 'ENOAUTH' || command.startsWith('AUTH')) {
    return status >= 400 && status < 500 ? down(reason) : { kind: 'stopped', reason }
  }
  if (code === 'ETLS') {
    return status >= 500 || CERTIFICATE.test(`${error.originalCode} ${error.message}`)
      ? { kind: 'stopped', reason }
      : down(reason)
  }
  if (!refused) {
    // Refused by the library itself, before a word to the server: an address that SMTP cannot
    // carry, a size over the limit.
    const isOurs = code === 'EENVELOPE' || code === 'EMESSAGE'
    return isOurs ? { state: 'rejected', reason } : down(reason)
  }
  if (status < 500 && OWN_RATE.test(reason)) return down(reason)
  const isOfTheMail = code === 'EENVELOPE' || code === 'EMESSAGE'
  const isBehindSender = isOfTheMail ? command !== 'MAIL FROM' : CLOSED.test(error.message)
  const isOfTheMailbox = isBehindSender && isLimitOfMailbox(reason)
  if (QUOTA.test(reason) && !isOfTheMailbox) return { kind: 'quota', reason, retryAfterMs: msToMidnight(now) }
  const deferred = { state: 'deferred' as const, reason, retryAfterMs: DEFERRED_MS }
  if (status < 500 && isOfTheMailbox) return deferred
  if (status < 500 && isBehindSender && TOO_FAST.test(reason) && !GREYLISTED.test(reason)) {
    return { ...deferred, tooFast: true }
  }
  // 421: the server closes, whatever it was asked.
  if (status === 421) return down(reason)
  if (status < 500) return isOfTheMail ? deferred : down(reason)
  // The sender, the greeting, the right to relay: the same for every reader, who must not be
  // rejected for it. Most servers say so at the recipient.
  const isAtSender = command === 'MAIL FROM' && status !== 552
  const isOfTheAccount = !isOfTheMail || isAtSender || (command === 'RCPT TO' && isOfUs(status, reason))
  if (isOfTheAccount) return { kind: 'stopped', reason }
  const isGone = command === 'RCPT TO' && judgeRefusal({ words: error.response ?? '' }) === 'hard-bounce'
  return isGone ? { state: 'rejected', reason, isGone } : { state: 'rejected', reason }
}

/** Tells whether a server refused a connection since it has too many of us; no mail was begun. */
export function isOneTooMany({ command = '', message, response = '' }: SmtpError): boolean {
  return /^(CONN|EHLO|HELO|AUTH)/.test(command) && !CLOSED.test(message) && CONNECTIONS.test(response)
}

function isLimitOfMailbox(reason: string): boolean {
  return MAILBOX_CODE.test(reason) || FULL.test(reason) || (MAILBOX_LIMIT.test(reason) && !SENDING.test(reason))
}

/** 530: not before a login or TLS. */
function isOfUs(status: number, reason: string): boolean {
  return status === 530 || ((RELAY.test(reason) || OURS.test(reason)) && !PASSED_ON.test(reason))
}

function down(reason: string): OneOutcome {
  return { kind: 'throttled', reason, retryAfterMs: DOWN_MS }
}
