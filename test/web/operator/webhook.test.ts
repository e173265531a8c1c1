// The route for reports on real stores: verified by raw body and ring, capped, and never a fault of
// ours for a bad one.
import { describe, expect, it } from 'vitest'
import { openDatabase } from '../../../src/database/client.ts'
import type { Wished } from '../../../src/subscriber/journal/wish.ts'
import { WEBHOOK_PATH } from '../../../src/web/operator/webhook.ts'
import { listen } from '../../../src/web/server.ts'
import { bounce, makeReport, makeSecret, type SignedReport, signReport } from '../../support/resend-reports.ts'
import { openResendStandIn } from '../../support/resend-stand-in.ts'
import { addReader, freezeEdition, readAccounts, readDeliveries } from '../../support/round.ts'
import { keepWeb, mailEdition, openApp, snapshot } from '../open-app.ts'

const web = keepWeb()
const secret = makeSecret()
const other = makeSecret()

const app = () => openApp(web, { webhookSecrets: [secret, other] })
const post = (report: Pick<SignedReport, 'body' | 'headers'>, at = app()) =>
  at.request(WEBHOOK_PATH, { method: 'POST', ...report })

async function sendOne() {
  await addReader(web.round.db, 'ada')
  const edition = await freezeEdition(web.round, '2026-03-05')
  const mail = (await mailEdition(web.round, edition)).get('ada@example.org')
  const delivery = mail?.publicId as string
  return { edition, mail: { id: 'mail-1', to: 'ada@example.org', tags: { delivery } } }
}

async function fateOf(editionId: number) {
  return (await readDeliveries(web.round.db, editionId)).ada?.fate
}

describe('POST /webhooks/resend', () => {
  it('applies a signed report once, by either secret of the ring', async () => {
    const { edition, mail } = await sendOne()
    const first = makeReport('email.delivered', mail, { secret })
    for (const [report, answer] of [
      [first, 'applied'],
      [first, 'known'],
      [makeReport('email.complained', mail, { secret: other }), 'applied'],
      [makeReport('email.delivered', mail, { secret }), 'applied'],
    ] as const) {
      const response = await post(report)
      expect([response.status, await response.text()]).toEqual([200, `${answer}\n`])
    }
    expect(await fateOf(edition.id)).toBe('complained')
    expect(web.log.join()).not.toContain('ada@')
  })

  it('answers 200 for what is signed and not ours', async () => {
    const stranger = { id: 'x', to: 'x@example.org', tags: {} }
    for (const type of ['email.delivered', 'email.complained', 'contact.created', 'a.new_type']) {
      const response = await post(makeReport(type, stranger, { secret }))
      expect([response.status, await response.text()]).toEqual([200, 'unknown\n'])
    }
  })

  it('refuses what is not signed by us, too old, or no report, and changes nothing', async () => {
    const { mail } = await sendOne()
    const before = await snapshot(web.round.db)
    const good = makeReport('email.complained', mail, { secret })
    const late = Math.floor(Date.now() / 1_000) - 600
    const cases: [SignedReport, number][] = [
      [makeReport('email.complained', mail, { secret: makeSecret() }), 401],
      [makeReport('email.complained', mail, { secret, signedAt: late }), 401],
      [makeReport('email.complained', mail, { secret, signedAt: late + 1_200 }), 401],
      [{ ...good, body: good.body.replace('complained', 'delivered') }, 401],
      [{ ...good, body: ` ${good.body}` }, 401],
      [{ ...good, body: `\uFEFF${good.body}` }, 401],
      [{ ...good, headers: { 'content-type': 'application/json' } }, 400],
      [signReport('no json', { secret }), 400],
      [signReport('{}', { secret }), 400],
      [signReport('', { secret }), 400],
    ]
    for (const [report, status] of cases) {
      const response = await post(report)
      expect({ status: response.status, body: report.body.slice(0, 20) }).toEqual({
        status,
        body: report.body.slice(0, 20),
      })
      expect(await response.text()).toMatch(/^[^\n<]+\n$/)
    }
    expect(await snapshot(web.round.db)).toEqual(before)
  })

  it('has a limit of its own, above that of forms', async () => {
    const { edition, mail } = await sendOne()
    const large = (bytes: number) =>
      makeReport('email.bounced', mail, { secret, extra: { ...bounce('Permanent'), padding: 'x'.repeat(bytes) } })
    expect((await post(large(200 * 1024))).status).toBe(413)
    const endless = new ReadableStream({ pull: (stream) => stream.enqueue(new Uint8Array(64 * 1024)) })
    const undeclared = new Request(`http://here${WEBHOOK_PATH}`, {
      method: 'POST',
      body: endless,
      duplex: 'half',
    } as RequestInit)
    expect((await app().request(undeclared)).status).toBe(413)
    expect(await fateOf(edition.id)).toBe('none')
    expect((await post(large(100 * 1024))).status).toBe(200)
    expect(await fateOf(edition.id)).toBe('bounced')
  })

  it('is not there without a secret, and takes nothing but POST', async () => {
    const report = makeReport('email.sent', { id: 'x', to: 'x@example.org', tags: {} }, { secret })
    expect((await post(report, web.app)).status).toBe(404)
    expect((await post(report, openApp(web, { webhookSecrets: [] }))).status).toBe(404)
    expect((await app().request(WEBHOOK_PATH)).status).toBe(405)
  })

  it('is in the journal before it is answered, where it bars somebody', async () => {
    const { mail } = await sendOne()
    const noted: Wished[] = []
    const wishes = {
      leave: async () => 'left' as const,
      bring: async () => {},
      note: async (wished: Wished) => void noted.push(wished),
    }
    const at = openApp(web, { webhookSecrets: [secret], wishes })
    for (const type of ['email.delivered', 'email.complained'] as const) {
      expect((await post(makeReport(type, mail, { secret }), at)).status).toBe(200)
    }
    expect(noted).toEqual([
      { kind: 'complained', publicId: expect.any(String), addressHash: expect.any(Buffer), reason: 'complaint' },
    ])
  })

  it('asks the provider to come again when the database is away', async () => {
    const db = openDatabase('postgres://nobody@127.0.0.1:1/none')
    const away = openApp(web, { db, webhookSecrets: [secret] })
    expect(
      (await post(makeReport('email.sent', { id: 'x', to: 'x@example.org', tags: {} }, { secret }), away)).status,
    ).toBe(503)
    expect((await post(signReport('{}', { secret: other }), away)).status).toBe(401)
    await db.destroy()
  })

  it('takes the reports of the stand-in over HTTP', async () => {
    const { edition } = await sendOne()
    const server = await listen(app(), { port: 0, hostname: '127.0.0.1' })
    const standIn = await openResendStandIn()
    try {
      const mail = web.round.provider.accepted[0]
      const tags = [{ name: 'delivery', value: mail?.publicId }]
      const body = JSON.stringify([{ from: mail?.from, to: mail?.to, subject: 'Papers', text: 'x', tags }])
      await fetch(`${standIn.url}/emails/batch`, { method: 'POST', body, headers: { authorization: 'Bearer re_x' } })
      const target = { url: `${server.url}${WEBHOOK_PATH}`, secret }
      expect(await standIn.report({ type: 'email.delivered', ...target })).toEqual([200])
      expect(await fateOf(edition.id)).toBe('delivered')
      expect(await standIn.report({ type: 'email.bounced', ...target, extra: bounce('Permanent') })).toEqual([200])
      expect(await fateOf(edition.id)).toBe('bounced')
      expect(await standIn.report({ type: 'email.delivered', ...target, deliveries: [] })).toEqual([])
      expect(await readAccounts(web.round.db, edition.id)).toMatchObject({ submitted: 1 })
    } finally {
      await standIn.close()
      await server.close()
    }
  })
})
