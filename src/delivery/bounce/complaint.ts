// A complaint: a reader pressed "this is spam", and their provider says so (RFC 5965, and the older
// form of Hotmail, which is the mail itself with one header more). Pure.
import { addressIn, fieldOf, readFields } from './fields.ts'
import type { Parts } from './message.ts'
import type { Said } from './said.ts'

const FEEDBACK_REPORT = 'message/feedback-report'
/** Kinds that are about a reader's wish; authentication failures and "not spam" are not. */
const COMPLAINTS = ['abuse', 'fraud', 'opt-out', 'opt-out-list', 'complaint', 'miscategorized']
const HOTMAIL = /^X-HmXmrOriginalRecipient:[ \t]*(\S+)/im

/**
 * Returns the complaint in a message, 'other' for a report that is none, undefined where there is
 * no report.
 */
export function readComplaint({ attached }: Parts): Said | 'other' | undefined {
  const part = attached.find(({ type }) => type === FEEDBACK_REPORT)
  if (part !== undefined) {
    const [fields = []] = readFields(part.content)
    const type = fieldOf(fields, 'feedback-type')?.trim().toLowerCase()
    if (type === undefined) return undefined
    if (!COMPLAINTS.includes(type)) return 'other'
    const named = fields.filter(({ name }) => /^(original-rcpt-to|removal-recipient|redacted-address)$/.test(name))
    return { type: 'complained', recipients: named.flatMap(({ value }) => addressIn(value) ?? []) }
  }
  for (const { type, content } of attached) {
    const [head = ''] = content.split(/\r?\n\r?\n/, 1)
    const recipient = type === 'message/rfc822' ? HOTMAIL.exec(head)?.[1] : undefined
    if (recipient !== undefined) return { type: 'complained', recipients: [addressIn(recipient) ?? ''].filter(Boolean) }
  }
  return undefined
}
