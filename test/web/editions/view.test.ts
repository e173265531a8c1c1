import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { addReader, freezeEdition, inventPlaces } from '../../support/round.ts'
import { keepWeb, mailEdition, snapshot, tokenOf } from '../open-app.ts'

const web = keepWeb()
const DATE = '2026-03-05'

async function mailAda(given: Parameters<typeof freezeEdition>[2] = {}, reader: Parameters<typeof addReader>[2] = {}) {
  await addReader(web.round.db, 'ada', reader)
  const mail = (await mailEdition(web.round, await freezeEdition(web.round, DATE, given))).get('ada@example.org')
  if (!mail) throw new Error('no mail was sent')
  return { mail, token: tokenOf(mail, 'view') }
}

describe('the page', () => {
  it('shows the digest in a sandboxed frame and none of it outside', async () => {
    const { token } = await mailAda()
    const answer = await web.app.request(`/view/${token}`)
    const html = await answer.text()
    expect(answer.status).toBe(200)
    expect(html).toContain('<a class="button" href="/">Subscribe</a>')
    expect(html).toContain('<h1>Thursday 5 March 2026</h1>')
    expect(html).toMatch(
      new RegExp(`<iframe [^>]*src="/view/${token}/mail" sandbox="allow-popups allow-popups-to-escape-sandbox"`),
    )
    expect(html).not.toContain('Paper 2603.05001')
    expect(answer.headers.get('Content-Security-Policy')).toContain("frame-src 'self'")
  })

  it('names a week as one', async () => {
    const { token } = await mailAda({ kind: 'weekly' }, { cadence: 'weekly' })
    expect(await (await web.app.request(`/view/${token}`)).text()).toContain('<h1>Week to Thursday 5 March 2026</h1>')
  })

  it('says that an old email is no longer kept, and leads to its papers', async () => {
    const { token } = await mailAda()
    await web.round.db.updateTable('editions').set({ pruned_at: new Date() }).execute()
    for (const path of [`/view/${token}`, `/view/${token}/mail`]) {
      const answer = await web.app.request(path)
      expect([answer.status, await answer.text()]).toEqual([410, expect.stringContaining(`href="/editions/${DATE}"`)])
    }
  })

  it('changes nothing, however it is asked', async () => {
    const { token } = await mailAda()
    const before = await snapshot(web.round.db)
    for (const path of [`/view/${token}`, `/view/${token}/mail`]) {
      for (const method of ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'DELETE']) await web.app.request(path, { method })
    }
    expect(await snapshot(web.round.db)).toEqual(before)
  })
})

describe('the digest in the frame', () => {
  it('is the one that was mailed, without anything that belongs to the reader', async () => {
    const { mail, token } = await mailAda({}, { choices: { papers: 3, length: 'titles' } })
    const html = await (await web.app.request(`/view/${token}/mail`)).text()
    for (const number of [1, 2, 3]) expect(html).toContain(`Paper 2603.0500${number}`)
    expect(html).not.toContain('Paper 2603.05004')
    expect(mail.html).toContain(token)
    for (const personal of [token, tokenOf(mail, 'unsubscribe'), '/unsubscribe/', '/view/', 'ada@']) {
      expect(html).not.toContain(personal)
    }
  })

  it('opens its links in tabs of their own', async () => {
    const { token } = await mailAda()
    const html = await (await web.app.request(`/view/${token}/mail`)).text()
    expect(html).toMatch(/<head[^>]*><base target="_blank">/)
    expect(html).toContain('https://arxiv.org/abs/2603.05001')
  })

  it('stays escaped', async () => {
    const [place] = inventPlaces(DATE, 1)
    if (!place) throw new Error('no place')
    place.paper.title = '<script>alert(1)</script> & "$&"'
    const { token } = await mailAda({ places: [place] })
    const html = await (await web.app.request(`/view/${token}/mail`)).text()
    expect(html).not.toContain('<script>alert')
    expect(html).toContain('&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;$&amp;&quot;')
  })
})

describe('a link that no longer holds', () => {
  it.each([
    ['withheld', sql`update deliveries set state = 'withheld', reason = 'left', local_date = null`],
    ['revoked by a new epoch', sql`update subscribers set token_epoch = token_epoch + 1`],
  ])('says that it was withdrawn, and no more: %s', async (_, change) => {
    const { token } = await mailAda()
    expect((await web.app.request(`/view/${token}`)).status).toBe(200)
    await change.execute(web.round.db)
    for (const path of [`/view/${token}`, `/view/${token}/mail`]) {
      const answer = await web.app.request(path)
      const html = await answer.text()
      expect(answer.status).toBe(410)
      expect(html).toContain('This link was withdrawn')
      expect(html).not.toMatch(/<form|<button|example\.org|Paper 2603/)
    }
  })

  it('is not found once its reader was erased', async () => {
    const { token } = await mailAda()
    await sql`update subscribers set token_epoch = token_epoch + 1, address = null, consent = 'unsubscribed'`.execute(
      web.round.db,
    )
    for (const path of [`/view/${token}`, `/view/${token}/mail`]) expect((await web.app.request(path)).status).toBe(404)
  })

  it('still holds after the reader has left: the digest was theirs', async () => {
    const { mail, token } = await mailAda()
    await web.app.request(`/unsubscribe/${tokenOf(mail, 'unsubscribe')}`, { method: 'POST' })
    expect((await web.app.request(`/view/${token}/mail`)).status).toBe(200)
  })
})
