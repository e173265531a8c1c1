import { sql } from 'kysely'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Subscriber } from '../../../src/subscriber/subscriber.ts'
import { issueToken } from '../../../src/subscriber/token.ts'
import { addReader } from '../../support/round.ts'
import { keepWeb, openApp } from '../open-app.ts'

const web = keepWeb()
let reader: Subscriber
beforeEach(async () => {
  reader = await addReader(web.round.db, 'ada')
})

/** Begins a sitting by the link of a mail and returns what the browser is told to keep. */
async function begin(app = web.app): Promise<string> {
  const link = issueToken(web.round.linkKeys, 'preferences', reader, new Date())
  return (await app.request(`/preferences/${link}`)).headers.get('Set-Cookie') ?? ''
}
const statusWith = async (cookie: string, app = web.app) =>
  (await app.request('/preferences', { headers: { cookie: cookie.split(';')[0] as string } })).status

describe('a sitting', () => {
  it('is kept under a name that no other site can set, and unread by scripts', async () => {
    const cookie = await begin()
    expect(cookie).toMatch(/^__Host-paper-round=[\w-]+; Max-Age=3600; Path=\/; HttpOnly; Secure; SameSite=Lax$/)
    expect(await statusWith(cookie)).toBe(200)
    expect(await statusWith(cookie.replace('__Host-', ''))).toBe(403)
  })

  it('has a plain name on a machine of one’s own', async () => {
    const app = openApp(web, { publicUrl: 'http://127.0.0.1:3000' })
    const cookie = await begin(app)
    expect(cookie).toMatch(/^paper-round=[\w-]+; Max-Age=3600; Path=\/; HttpOnly; SameSite=Lax$/)
    expect(await statusWith(cookie, app)).toBe(200)
  })

  it('ends with the hour, with a revocation and with the reader', async () => {
    const cookie = await begin()
    const hourAgo = new Date(Date.now() - 3_601_000)
    const old = issueToken(web.round.linkKeys, 'session', reader, hourAgo)
    expect(await statusWith(`__Host-paper-round=${old}`)).toBe(403)
    await sql`update subscribers set token_epoch = token_epoch + 1`.execute(web.round.db)
    expect(await statusWith(cookie)).toBe(403)
    await sql`update subscribers set token_epoch = ${reader.tokenEpoch}`.execute(web.round.db)
    expect(await statusWith(cookie)).toBe(200)
    await sql`update subscribers set address = null, consent = 'unsubscribed'`.execute(web.round.db)
    expect(await statusWith(cookie)).not.toBe(200)
  })
})
