// Reads what Resend reports: its signature by the standard that it follows, then its words put into
// ours. It never touches the database, and nothing of an unverified body is looked at.
import { Webhook } from 'standardwebhooks'
import * as z from 'zod'
import type { ReportType } from '../../../database/states.ts'
import type { Report } from '../report.ts'

/** The three headers under which a report is signed, as Svix names them: svix-id and so on. */
export interface SignedHeaders {
  id: string | undefined
  timestamp: string | undefined
  signature: string | undefined
}

export type Reading =
  | { kind: 'report'; report: Report }
  /**
   * `malformed`: not a report at all; `forged`: not signed by a key of ours within five minutes.
   */
  | { kind: 'malformed' | 'forged'; reason: string }

export type WebhookReader = (payload: string, headers: SignedHeaders) => Reading

/** Longest id that is kept; Svix's have 31 characters. */
const ID_MAX_CHARACTERS = 200

/**
 * Opens a reader for a ring of signing secrets (`whsec_…`); a report signed by any of them counts.
 */
export function openResendWebhook(secrets: readonly string[]): WebhookReader {
  const ring = secrets.map((secret) => new Webhook(secret))
  return (payload, { id, timestamp, signature }) => {
    if (!id || !timestamp || !signature || id.length > ID_MAX_CHARACTERS) {
      return { kind: 'malformed', reason: 'svix-id, svix-timestamp and svix-signature are needed' }
    }
    // The standard has the same three under names of its own.
    const headers = { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature }
    const signed = ring.some((webhook) => {
      try {
        // Not parsed here: a body that is no JSON is the sender's fault and not a forgery.
        webhook.verify(payload, headers, { jsonParse: false })
        return true
      } catch {
        return false
      }
    })
    if (!signed) return { kind: 'forged', reason: 'the signature does not hold, or is older than five minutes' }
    const report = readReport(id, payload)
    return report ? { kind: 'report', report } : { kind: 'malformed', reason: 'the body is not an event' }
  }
}

const event = z.object({ type: z.string(), created_at: z.string(), data: z.unknown() })

const tags = z.union([
  z.record(z.string(), z.unknown()),
  z.array(z.object({ name: z.string(), value: z.unknown() })).transform((list) => {
    return Object.fromEntries(list.map(({ name, value }) => [name, value]))
  }),
])

// Each part is read for itself: a part that changes its shape must not hide the others.
const mail = z.object({
  email_id: z.string().max(ID_MAX_CHARACTERS).nullable().catch(null),
  to: z.array(z.string()).catch([]),
  tags: tags.catch({}),
  bounce: z
    .object({ type: z.string().catch(''), subType: z.string().catch('') })
    .optional()
    .catch(undefined),
  failed: z
    .object({ reason: z.string().catch('') })
    .optional()
    .catch(undefined),
})
type MailFacts = z.infer<typeof mail>

const uuid = z.uuid().toLowerCase()

/**
 * Returns undefined when it has no type or no time that can be one. An event of anything but a mail
 * is a report of `other`.
 */
function readReport(id: string, payload: string): Report | undefined {
  const parsed = event.safeParse(parse(payload))
  const at = new Date(parsed.data?.created_at ?? '')
  // A year of four digits: the database keeps no others.
  if (!parsed.success || !/^\d{4}-/.test(parsed.data.created_at) || Number.isNaN(at.getTime())) return undefined
  const facts = mail.safeParse(parsed.data.data)
  if (!facts.success) return { id, type: 'other', delivery: null, notice: null, providerId: null, address: null, at }
  const [address = null] = facts.data.to
  return {
    id,
    type: typeOf(parsed.data.type, facts.data),
    delivery: uuid.safeParse(facts.data.tags.delivery).data ?? null,
    notice: uuid.safeParse(facts.data.tags.notice).data ?? null,
    providerId: facts.data.email_id,
    address,
    at,
  }
}

function typeOf(type: string, { bounce, failed }: MailFacts): ReportType {
  switch (type) {
    case 'email.sent':
    // Whoever opened it was sent it; that they read is none of our business.
    case 'email.opened':
    case 'email.clicked':
      return 'sent'
    case 'email.delivery_delayed':
      return 'delayed'
    case 'email.delivered':
      return 'delivered'
    case 'email.bounced':
      if (/suppress/i.test(bounce?.subType ?? '')) return 'suppressed'
      // Documented as permanent; only what is called otherwise may pass.
      return /^(transient|undetermined)$/i.test(bounce?.type ?? '') ? 'soft-bounce' : 'hard-bounce'
    case 'email.failed':
      return /suppress/i.test(failed?.reason ?? '') ? 'suppressed' : 'failed'
    case 'email.suppressed':
      return 'suppressed'
    case 'email.complained':
      return 'complained'
    default:
      return 'other'
  }
}

function parse(payload: string): unknown {
  try {
    return JSON.parse(payload)
  } catch {
    return undefined
  }
}
