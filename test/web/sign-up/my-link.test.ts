import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { signUp } from '../../../src/delivery/request/sign-up.ts'
import { openFormKeys } from '../../../src/web/visit/form-keys.ts'
import { makeAsk } from '../../support/asks.ts'
import { ageNotices } from '../../support/notices.ts'
import { addReader } from '../../support/round.ts'
import { keepWeb } from '../open-app.ts'

const web = keepWeb()

function ask(given: Record<string, string>, from = '203.0.113.1') {
  const opened = openFormKeys(web.round.linkKeys).stamp(new Date(Date.now() - 5_000))
  const body = new URLSearchParams({ action: 'link', opened, website: '', ...given })
  const env = { incoming: { socket: { remoteAddress: from } } }
  return web.app.request('/subscribe', { method: 'POST', body }, env)
}

const listNotices = () => web.round.db.selectFrom('notices').select(['kind', 'address']).orderBy('id').execute()

describe('asking for one’s link', () => {
  it('is answered alike and no sooner, whatever the state of the address; only mails differ', {
    tags: 'long',
  }, async () => {
    const { db } = web.round
    for (const name of ['confirmed', 'left']) await addReader(db, name)
    await sql`update subscribers set consent = 'unsubscribed' where address like 'left@%'`.execute(db)
    await signUp(web.round, 'pending@example.org', makeAsk())
    await ageNotices(db, 25)
    const answers = new Set<string>()
    for (const [index, name] of ['unknown', 'confirmed', 'confirmed', 'left', 'pending'].entries()) {
      const address = `${name}@example.org`
      const startedAt = performance.now()
      const answer = await ask({ address }, `203.0.113.${index}`)
      expect(performance.now() - startedAt).toBeGreaterThanOrEqual(399)
      expect(answer.headers.get('Set-Cookie')).toBeNull()
      answers.add(`${answer.status} ${(await answer.text()).replaceAll(address, '')}`)
    }
    expect([...answers]).toEqual([expect.stringMatching(/^200 [\s\S]*Check your inbox/)])
    expect((await listNotices()).slice(1)).toEqual([
      { kind: 'link', address: 'confirmed@example.org' },
      { kind: 'link', address: 'left@example.org' },
      { kind: 'confirm', address: 'pending@example.org' },
    ])
    await ask({ address: 'left@example.org', website: 'https://spam.example' })
    expect(await listNotices()).toHaveLength(4)
  })

  it('is not used up by sign-ups of somebody else, and uses up none', { tags: 'long' }, async () => {
    await addReader(web.round.db, 'ada')
    const address = 'ada@example.org'
    for (let times = 0; times < 3; times++) {
      await signUp(web.round, address, makeAsk())
      await ageNotices(web.round.db, 25)
    }
    expect(await signUp(web.round, address, makeAsk())).toBeNull()
    for (let times = 0; times < 4; times++) {
      await ask({ address })
      await ageNotices(web.round.db, 25)
    }
    const kinds = (await listNotices()).map(({ kind }) => kind)
    expect(kinds.filter((kind) => kind === 'subscribed-already')).toHaveLength(3)
    expect(kinds.filter((kind) => kind === 'link')).toHaveLength(3)
    // The links are of the last 30 days, the sign-ups are not.
    await ageNotices(web.round.db, 25 * 24)
    expect(await signUp(web.round, address, makeAsk())).not.toBeNull()
  })

  it('tells what is wrong with what was typed, and does nothing', async () => {
    await addReader(web.round.db, 'ada')
    const stamp = (agoMs: number) => openFormKeys(web.round.linkKeys).stamp(new Date(Date.now() - agoMs))
    const cases: [Record<string, string>, string][] = [
      [{ address: 'ada@' }, 'We cannot send email to this address.'],
      [{ address: 'ada@example.org', opened: stamp(0) }, 'That was quick'],
      [{ address: 'ada@example.org', opened: 'forged' }, 'This form has expired'],
    ]
    for (const [given, words] of cases) {
      const answer = await ask(given)
      const html = await answer.text()
      expect(html).toMatch(/aria-describedby="own-address-problem" autofocus>/)
      expect([answer.status, html.includes(words), html.includes(`value="${given.address}"`)]).toEqual([
        422,
        true,
        true,
      ])
    }
    expect(await listNotices()).toEqual([])
  })

  it('is limited to a network', { tags: 'long' }, async () => {
    const statuses: number[] = []
    for (let times = 0; times < 11; times++) statuses.push((await ask({ address: `a${times}@example.org` })).status)
    expect(statuses.slice(-2)).toEqual([200, 429])
  })

  it('stands on the front page, and where a sitting has ended', async () => {
    expect(await (await web.app.request('/')).text()).toContain('Already subscribed? Email me my link')
    expect(await (await web.app.request('/preferences')).text()).toContain('name="action" value="link"')
  })
})
