// Reports as Resend sends them, signed as Svix describes it and without any code of the client that
// verifies them: HMAC-SHA-256 of `id.timestamp.body` under the base64 key behind `whsec_`.
import { createHmac, randomBytes } from 'node:crypto'

/** What a report says of one mail. */
export interface ReportedMail {
  id: string
  to: string
  tags: Record<string, string>
  from?: string
  subject?: string
}

export interface SignedReport {
  body: string
  headers: Record<string, string>
}

interface ReportOptions {
  secret: string
  /** The id of the report; a repeat carries the same. */
  id?: string
  /** When it happened. */
  at?: Date
  /** When it was signed, in seconds since 1970; now by default. */
  signedAt?: number
  /** Fields beside the usual ones: `bounce`, `failed` … */
  extra?: Record<string, unknown>
}

export const bounce = (type: 'Permanent' | 'Transient' | 'Undetermined', subType = 'General') => ({
  bounce: { type, subType, message: 'The other server said no.' },
})

export function makeSecret(): string {
  return `whsec_${randomBytes(24).toString('base64')}`
}

/** Returns the body and headers of a report of `type` (`email.delivered` …). */
export function makeReport(type: string, mail: ReportedMail, options: ReportOptions): SignedReport {
  const at = (options.at ?? new Date()).toISOString()
  const { id: email_id, to, tags, from = 'Daily Papers <papers@papers.example>', subject = 'Papers' } = mail
  const data = { email_id, created_at: at, from, to: [to], subject, tags, ...options.extra }
  return signReport(JSON.stringify({ type, created_at: at, data }), options)
}

/** Signs any body. */
export function signReport(
  body: string,
  { secret, id = `msg_${randomBytes(12).toString('hex')}`, signedAt = Math.floor(Date.now() / 1_000) }: ReportOptions,
): SignedReport {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64')
  const signature = createHmac('sha256', key).update(`${id}.${signedAt}.${body}`).digest('base64')
  const headers = {
    'content-type': 'application/json',
    'svix-id': id,
    'svix-timestamp': String(signedAt),
    'svix-signature': `v1,${signature}`,
  }
  return { body, headers }
}

/** Posts a report to a webhook and returns the status. */
export async function postReport(url: string, { body, headers }: SignedReport): Promise<number> {
  const response = await fetch(url, { method: 'POST', body, headers })
  await response.arrayBuffer()
  return response.status
}
