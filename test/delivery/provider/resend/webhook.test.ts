// Verified against reports that were signed by the specification and without the client: who may
// report, and how Resend's words become ours.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Report } from '../../../../src/delivery/provider/report.ts'
import { openResendWebhook, type SignedHeaders } from '../../../../src/delivery/provider/resend/webhook.ts'
import { runs } from '../../../support/full.ts'
import { bounce, makeReport, makeSecret, type SignedReport, signReport } from '../../../support/resend-reports.ts'

const secret = makeSecret()
const other = makeSecret()
const DELIVERY = '0b8f4f6e-5d6b-4b44-9a2c-6f3f0f2a9d11'
const mail = { id: 'mail-1', to: 'ada@example.org', tags: { delivery: DELIVERY, edition: '2026-03-05-daily' } }

function headersOf({ headers }: SignedReport): SignedHeaders {
  return { id: headers['svix-id'], timestamp: headers['svix-timestamp'], signature: headers['svix-signature'] }
}

const read = (report: SignedReport, secrets = [secret]) => openResendWebhook(secrets)(report.body, headersOf(report))

function reportOf(type: string, extra: Record<string, unknown> = {}): Report {
  const reading = read(makeReport(type, mail, { secret, extra }))
  if (reading.kind !== 'report') throw new Error(reading.reason)
  return reading.report
}

describe('a report', () => {
  it('is read whole', () => {
    const at = new Date('2026-03-05T07:00:01.000Z')
    expect(read(makeReport('email.delivered', mail, { secret, id: 'msg_1', at }))).toEqual({
      kind: 'report',
      report: {
        id: 'msg_1',
        type: 'delivered',
        delivery: DELIVERY,
        notice: null,
        providerId: 'mail-1',
        address: 'ada@example.org',
        at,
      },
    })
  })

  it.each([
    ['email.sent', {}, 'sent'],
    ['email.opened', {}, 'sent'],
    ['email.clicked', {}, 'sent'],
    ['email.delivery_delayed', {}, 'delayed'],
    ['email.delivered', {}, 'delivered'],
    ['email.bounced', bounce('Permanent'), 'hard-bounce'],
    ['email.bounced', {}, 'hard-bounce'],
    ['email.bounced', { bounce: null }, 'hard-bounce'],
    ['email.bounced', bounce('Transient', 'MailboxFull'), 'soft-bounce'],
    ['email.bounced', bounce('Undetermined'), 'soft-bounce'],
    ['email.bounced', bounce('Permanent', 'Suppressed'), 'suppressed'],
    ['email.bounced', bounce('Permanent', 'OnAccountSuppressionList'), 'suppressed'],
    ['email.failed', { failed: { reason: 'reached_daily_quota' } }, 'failed'],
    ['email.failed', { failed: { reason: 'recipient is suppressed' } }, 'suppressed'],
    ['email.suppressed', { suppressed: { type: 'OnAccountSuppressionList', message: '' } }, 'suppressed'],
    ['email.complained', {}, 'complained'],
    ['email.received', {}, 'other'],
    ['contact.created', {}, 'other'],
    ['email.turned_to_gold', {}, 'other'],
  ])('%s %j is %s', (type, extra, ours) => {
    expect(reportOf(type, extra).type).toBe(ours)
  })

  it.each([
    ['as a list', { tags: [{ name: 'delivery', value: DELIVERY.toUpperCase() }] }, DELIVERY],
    ['none', { tags: undefined }, null],
    ['of a stranger', { tags: { delivery: "'; drop table deliveries" } }, null],
    ['of another shape', { tags: 7 }, null],
  ])('tags: %s', (_name, extra, delivery) => {
    expect(reportOf('email.delivered', extra)).toMatchObject({ delivery, providerId: 'mail-1' })
  })

  it('of anything but a mail is kept as one that changes nothing', () => {
    for (const data of [null, 7, 'text', []]) {
      const body = JSON.stringify({ type: 'domain.updated', created_at: '2026-03-05T07:00:00Z', data })
      expect(read(signReport(body, { secret }))).toMatchObject({
        kind: 'report',
        report: { type: 'other', delivery: null },
      })
    }
  })
})

describe('a signature', () => {
  const now = Math.floor(Date.now() / 1_000)

  it('by any secret of the ring counts', () => {
    const report = makeReport('email.sent', mail, { secret: other })
    expect(read(report, [secret]).kind).toBe('forged')
    expect(read(report, [secret, other]).kind).toBe('report')
    expect(read(report, [other, secret]).kind).toBe('report')
  })

  it('may stand among others, as while the sender rotates', () => {
    const report = makeReport('email.sent', mail, { secret })
    const foreign = headersOf(makeReport('email.sent', mail, { secret: other })).signature
    const headers = headersOf(report)
    const signed = { ...headers, signature: `v1a,abc v1,short ${foreign} ${headers.signature}` }
    expect(openResendWebhook([secret])(report.body, signed).kind).toBe('report')
  })

  it.each([
    ['five minutes old', now - 295, 'report'],
    ['older', now - 310, 'forged'],
    ['five minutes ahead', now + 295, 'report'],
    ['further ahead', now + 310, 'forged'],
    ['of the year 1970', 0, 'forged'],
  ])('%s', (_name, signedAt, kind) => {
    expect(read(makeReport('email.sent', mail, { secret, signedAt })).kind).toBe(kind)
  })

  it.each(['id', 'timestamp', 'signature'] as const)('without %s is not one', (name) => {
    const report = makeReport('email.sent', mail, { secret })
    const reading = openResendWebhook([secret])(report.body, { ...headersOf(report), [name]: undefined })
    expect(reading.kind).toBe('malformed')
  })

  it('holds for no other byte, id, time or signature', () => {
    const report = makeReport('email.sent', mail, { secret })
    const headers = headersOf(report)
    const verify = openResendWebhook([secret])
    const flip = (text: string, at: number) => {
      const place = at % text.length
      const changed = String.fromCharCode(text.charCodeAt(place) ^ 1)
      return text.slice(0, place) + changed + text.slice(place + 1)
    }
    fc.assert(
      fc.property(fc.nat(), fc.constantFrom('body', 'id', 'timestamp', 'signature'), (at, part) => {
        const body = part === 'body' ? flip(report.body, at) : report.body
        const changed = part === 'body' ? headers : { ...headers, [part]: flip(headers[part as 'id'] ?? '', at) }
        // The last base64 character carries two bits that nothing reads back; it is compared all
        // the same.
        expect(verify(body, changed).kind).toBe('forged')
      }),
      { numRuns: runs(300) },
    )
  })

  it('never makes the reader throw, whatever comes', () => {
    const verify = openResendWebhook([secret])
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), fc.string(), (body, id, timestamp, signature) => {
        expect(verify(body, { id, timestamp, signature }).kind).not.toBe('report')
      }),
      { numRuns: runs(300) },
    )
    for (const body of ['', '{', '[]', 'null', '{"type":7}', '{"type":"email.sent"}', '\uFEFF{}']) {
      expect(read(signReport(body, { secret }))).toMatchObject({ kind: 'malformed' })
    }
    for (const created_at of ['-271820-01-01T00:00:00Z', '+275760-01-01T00:00:00Z', '']) {
      const body = JSON.stringify({ type: 'email.sent', created_at, data: {} })
      expect(read(signReport(body, { secret })), created_at).toMatchObject({ kind: 'malformed' })
    }
  })
})
