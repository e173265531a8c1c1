import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { DEFAULT_RHYTHM } from '../../../src/subscriber/preferences.ts'
import { getAddressKey } from '../../../src/subscriber/store.ts'
import { hashAddress } from '../../../src/subscriber/subscriber.ts'
import { networksOf } from '../../../src/web/visit/client-address.ts'
import { openFormKeys } from '../../../src/web/visit/form-keys.ts'
import { openLimits } from '../../../src/web/visit/limits.ts'
import { addReader } from '../../support/round.ts'
import { keepWeb, openApp } from '../open-app.ts'

const web = keepWeb()
const SECOND_MS = 1_000

function stampOf(agoMs: number): string {
  return openFormKeys(web.round.linkKeys).stamp(new Date(Date.now() - agoMs))
}

async function ask(given: Record<string, string>, { app = web.app, from = '203.0.113.1' } = {}) {
  const rhythm = { ...DEFAULT_RHYTHM, weekday: '1', hour: '7' }
  const fields = { ...rhythm, opened: stampOf(5 * SECOND_MS), website: '', ...given }
  const env = { incoming: { socket: { remoteAddress: from } } }
  return app.request('/subscribe', { method: 'POST', body: new URLSearchParams(fields) }, env)
}

const listNotices = () => web.round.db.selectFrom('notices').select(['id', 'kind', 'address']).orderBy('id').execute()

describe('signing up', () => {
  it('is answered alike and no sooner, whatever the state of the address; only mails differ', {
    tags: 'long',
  }, async () => {
    const { db } = web.round
    for (const name of ['confirmed', 'left', 'bounced']) await addReader(db, name)
    await sql`update subscribers set consent = 'unsubscribed' where address like 'left@%'`.execute(db)
    const hash = hashAddress(await getAddressKey(db), 'bounced@example.org')
    await db.insertInto('suppressions').values({ address_hash: hash, reason: 'bounced' }).execute()
    const queued: number[] = []
    const app = openApp(web, {
      queueNotice: async (noticeId) => {
        queued.push(noticeId)
      },
    })
    const answers = new Set<string>()
    for (const [index, name] of ['unknown', 'unknown', 'confirmed', 'left', 'bounced'].entries()) {
      const address = `${name}@example.org`
      const startedAt = performance.now()
      const answer = await ask({ address }, { app, from: `203.0.113.${index}` })
      expect(performance.now() - startedAt).toBeGreaterThanOrEqual(399)
      expect(answer.headers.get('Cache-Control')).toBe('no-store')
      expect(answer.headers.get('Set-Cookie')).toBeNull()
      answers.add(`${answer.status} ${(await answer.text()).replaceAll(address, '')}`)
    }
    expect([...answers]).toEqual([expect.stringMatching(/^200 [\s\S]*Check your inbox/)])
    const notices = await listNotices()
    expect(notices.map(({ kind, address }) => [kind, address])).toEqual([
      ['confirm', 'unknown@example.org'],
      ['subscribed-already', 'confirmed@example.org'],
      ['confirm', 'left@example.org'],
    ])
    expect(queued).toEqual(notices.map(({ id }) => id))
    const robot = await ask({ address: 'robot@example.org', website: 'https://spam.example' })
    expect([robot.status, (await listNotices()).length]).toEqual([200, 3])
    expect(await robot.text()).toContain('Check your inbox')
  })

  it('tells what is wrong beside the form, keeps what was typed and does nothing', async () => {
    const address = 'new@example.org'
    const cases: [Record<string, string>, string][] = [
      [{ address, opened: stampOf(0) }, 'That was quick'],
      [{ address, opened: stampOf(49 * 3600 * SECOND_MS) }, 'form has expired'],
      [{ address, opened: 'forged.stamp' }, 'form has expired'],
      [{ address: 'new@localhost' }, 'id="address-problem"'],
      [{ address, zone: 'Mars/Olympus' }, 'id="zone-problem"'],
      // This runtime knows it, PostgreSQL takes it for an abbreviation.
      [{ address, zone: 'CET' }, 'id="zone-problem"'],
      [{ address, hour: '24' }, 'Please choose how often and when.'],
      [{ address: 'new@gmial.com' }, 'Did you mean new@gmail.com?'],
    ]
    for (const [index, [given, words]] of cases.entries()) {
      const answer = await ask(given, { from: `203.0.113.${index}` })
      const html = await answer.text()
      expect(answer.status, words).toBe(422)
      // Said where the eye is: at the top of the form, or by the field that has the focus.
      expect(html, words).toMatch(/role="alert"| autofocus>/)
      expect(html).toContain(words)
      expect(html).toContain(`value="${given.address}"`)
    }
    expect(await listNotices()).toEqual([])
    await ask({ address: 'new@gmial.com', sure: 'new@gmial.com' })
    await ask({ address: 'other@gmial.com', suggested: 'other@gmail.com' })
    expect((await listNotices()).map((notice) => notice.address)).toEqual(['new@gmial.com', 'other@gmail.com'])
  })

  it('is led to by its address, below the path of the public one', async () => {
    const answer = await openApp(web, { publicUrl: 'https://example.org/papers' }).request('/subscribe')
    expect([answer.status, answer.headers.get('Location')]).toEqual([303, '/papers/#joining'])
    expect(await (await web.app.request('/')).text()).toContain('id="joining"')
  })

  it('is limited by network, not by address, and keeps no network’s address', async () => {
    const from = '2001:db8:1:2:3:4:5:6'
    const networks = networksOf(from).map(openFormKeys(web.round.linkKeys).nameOf)
    const { takeSignUp } = openLimits(web.round.db)
    for (let count = 0; count < 10; count++) expect(await takeSignUp(networks)).toBe(0)
    expect(await takeSignUp(networks)).toBeGreaterThan(3_000)
    // Its neighbour shares the wider networks, which take more.
    const neighbour = networksOf('2001:db8:1:3::9').map(openFormKeys(web.round.linkKeys).nameOf)
    for (let count = 0; count < 10; count++) expect(await takeSignUp(neighbour)).toBe(0)
    const third = networksOf('2001:db8:1:4::9').map(openFormKeys(web.round.linkKeys).nameOf)
    expect(await takeSignUp(third)).toBeGreaterThan(3_000)
    const { rows } = await sql<{ key: string }>`select key from rate_limits`.execute(web.round.db)
    expect(rows.length).toBeGreaterThan(3)
    expect(rows.map(({ key }) => key).join()).not.toMatch(/2001|db8/)
  })
})
