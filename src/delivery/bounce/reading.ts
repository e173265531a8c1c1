// What a message in the mailbox is: a report that a machine can read, a report of a known shape, an
// answer of a machine to anybody (which means nothing), or none of these. What its sender and
// subject say is never looked at.
import { createHash } from 'node:crypto'
import { readComplaint } from './complaint.ts'
import { DELIVERY_STATUS, readDeliveryStatus } from './delivery-status.ts'
import { openMessage, type Parts, READ_MAX_BYTES, valuesOf } from './message.ts'
import { readOddShape } from './odd-shapes.ts'
import type { Said } from './said.ts'

export interface Reading {
  /** Empty for `auto-reply`, `no-report` and `unreadable`. */
  said: Said[]
  kind: 'delivery-status' | 'complaint' | 'odd-shape' | 'auto-reply' | 'no-report' | 'unreadable'
  /** The same for the same message, however often and on which way it came. */
  fingerprint: string
  /** Where it was sent, and all else that it holds: a mail's own address stands in either. */
  addressed: string
  whole: string
}

/** Headers that name who got a message; machines write the first ones. */
const ADDRESSED = ['delivered-to', 'x-original-to', 'envelope-to', 'x-envelope-to', 'x-rcpt-to', 'to', 'cc']

/** Reads a message from the mailbox. Never rejects. */
export async function readBounce(source: Buffer): Promise<Reading> {
  const raw = source.subarray(0, READ_MAX_BYTES).toString('latin1')
  const parts = await openMessage(source).catch(() => undefined)
  if (parts === undefined) {
    return { said: [], kind: 'unreadable', fingerprint: fingerprintOf(raw, undefined), addressed: '', whole: '' }
  }
  return {
    ...judge(parts),
    fingerprint: fingerprintOf(raw, valuesOf(parts, 'message-id')[0]),
    addressed: valuesOf(parts, ...ADDRESSED).join('\n'),
    whole: [raw, ...parts.attached.map(({ content }) => content)].join('\n'),
  }
}

function judge(parts: Parts): Pick<Reading, 'kind' | 'said'> {
  const statuses = parts.attached.filter(({ type }) => DELIVERY_STATUS.test(type))
  const said = statuses.flatMap(({ content }) => readDeliveryStatus(content))
  if (said.length > 0) return { kind: 'delivery-status', said }
  const complaint = readComplaint(parts)
  if (complaint !== undefined && complaint !== 'other') return { kind: 'complaint', said: [complaint] }
  // Some mark their reports as answers of a machine, which they are: the shape counts before.
  const odd = complaint === undefined ? readOddShape(parts.text) : []
  if (odd.length > 0) return { kind: 'odd-shape', said: odd }
  return { kind: isAutomatic(parts) ? 'auto-reply' : 'no-report', said: [] }
}

/** Answers by RFC 3834, and by those who were there before it. */
function isAutomatic(parts: Parts): boolean {
  return (
    valuesOf(parts, 'auto-submitted').some((value) => !/^no\b/i.test(value)) ||
    valuesOf(parts, 'precedence').some((value) => /^(auto_reply|bulk|junk)$/i.test(value)) ||
    valuesOf(parts, 'x-autoreply', 'x-autorespond', 'x-autoresponder', 'x-auto-response-suppress', 'x-apple-action')
      .length > 0 ||
    parts.attached.some(({ type }) => type === 'message/disposition-notification')
  )
}

/** By its own id; without one by its body, since what carries it adds headers on the way. */
function fingerprintOf(raw: string, messageId: string | undefined): string {
  const body = raw.replace(/^[\s\S]*?\r?\n\r?\n/, '')
  return createHash('sha256')
    .update(messageId ? `id ${messageId}` : `body ${body}`)
    .digest('hex')
    .slice(0, 32)
}
