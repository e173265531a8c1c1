import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { openHandles } from '../../../src/database/client.ts'
import { eraseSubscriber } from '../../../src/delivery/request/erasure.ts'
import { shortDate } from '../../../src/digest/text/words.ts'
import { openLogger } from '../../../src/logger.ts'
import { openWishDesk } from '../../../src/subscriber/journal/desk.ts'
import { openJournal } from '../../../src/subscriber/journal/journal.ts'
import { findSubscriberByAddress } from '../../../src/subscriber/store.ts'
import type { Subscriber } from '../../../src/subscriber/subscriber.ts'
import { deriveLinkKeys } from '../../../src/subscriber/token.ts'
import { moveClock } from '../../support/clock.ts'
import { addReader, freezeEdition, TEST_SECRET } from '../../support/round.ts'
import { keepWeb, mailEdition, openApp, snapshot, tokenOf } from '../open-app.ts'

const web = keepWeb()
const ADDRESS = 'ada@example.org'

async function mailAda(): Promise<string> {
  await addReader(web.round.db, 'ada')
  await addReader(web.round.db, 'grace')
  const mail = (await mailEdition(web.round, await freezeEdition(web.round, '2026-03-05'))).get(ADDRESS)
  return `/unsubscribe/${tokenOf(mail, 'unsubscribe')}`
}

const consentOf = async (address: string) => (await findSubscriberByAddress(web.round.db, address))?.consent

describe('the page', () => {
  it('shows one button and the masked address, and what may be had instead', async () => {
    const path = await mailAda()
    const html = await (await web.app.request(path)).text()
    expect(html).toContain(`<form method="post" action="${path}">`)
    expect(html.match(/<button class="button"/g)).toHaveLength(1)
    expect(
      [...html.matchAll(/<button class="button quieter"[^>]* value="(\w+)"/g)].map(([, action]) => action),
    ).toEqual(['weekly', 'pause', 'fewer'])
    expect(html).toContain('a•••@example.org')
    expect(html).not.toContain(ADDRESS)
  })

  it('changes nothing, as scanners open every link', async () => {
    const path = await mailAda()
    const before = await snapshot(web.round.db)
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'PUT', 'PATCH', 'DELETE']) await web.app.request(path, { method })
    await web.app.request(`${path}?List-Unsubscribe=One-Click&action=unsubscribe`)
    expect(await snapshot(web.round.db)).toEqual(before)
  })

  it('says so to a reader who has already left', async () => {
    const path = await mailAda()
    await web.app.request(path, { method: 'POST' })
    const answer = await web.app.request(path)
    const html = await answer.text()
    expect(answer.status).toBe(200)
    expect(html).toContain('Already unsubscribed')
    expect([...html.matchAll(/<button[^>]* name="action" value="(\w+)"/g)].map(([, action]) => action)).toEqual([
      'resubscribe',
      'export',
      'erase',
    ])
  })

  it('offers no way back an hour after leaving', async () => {
    const path = await mailAda()
    await web.app.request(path, { method: 'POST' })
    await sql`update subscribers set left_at = now() - interval '61 minutes'`.execute(web.round.db)
    expect(await (await web.app.request(path)).text()).not.toContain('value="resubscribe"')
    const late = await post(path, { action: 'resubscribe' })
    expect(await late.text()).toContain('Already unsubscribed')
    expect(await consentOf(ADDRESS)).toBe('unsubscribed')
  })

  it('asks for a reason in one tap, takes the last one, and forgets it with whoever comes back', async () => {
    const path = await mailAda()
    const reasonOf = async () =>
      (
        await web.round.db
          .selectFrom('subscribers')
          .select('left_reason')
          .where('address', '=', ADDRESS)
          .executeTakeFirstOrThrow()
      ).left_reason
    // Whoever is still here has none, and is asked whether to leave at all.
    expect(await (await post(path, { action: 'reason', reason: 'other' })).text()).toContain('value="unsubscribe"')
    expect([await consentOf(ADDRESS), await reasonOf()]).toEqual(['confirmed', null])
    const goodbye = await (await post(path, { action: 'unsubscribe' })).text()
    // It stands in their row and in their export, and the page says so.
    expect(goodbye).toContain('We keep the answer with your data')
    expect(goodbye).toContain('and, if you told us, why you left')
    expect([...goodbye.matchAll(/name="reason" value="([a-z-]+)"/g)].map(([, reason]) => reason)).toEqual([
      'too-many',
      'off-topic',
      'not-useful',
      'elsewhere',
      'other',
    ])
    const thanks = await (await post(path, { action: 'reason', reason: 'too-many' })).text()
    const later = await (await web.app.request(path)).text()
    expect(thanks).toContain('Thank you')
    for (const html of [thanks, later]) {
      expect([html.includes('value="resubscribe"'), html.includes('name="reason"')]).toEqual([true, false])
    }
    await post(path, { action: 'reason', reason: 'off-topic' })
    await post(path, { action: 'reason', reason: '<script>' })
    expect([await consentOf(ADDRESS), await reasonOf()]).toEqual(['unsubscribed', 'off-topic'])
    await post(path, { action: 'resubscribe' })
    expect([await consentOf(ADDRESS), await reasonOf()]).toEqual(['confirmed', null])
  })

  it('is not found after an erasure, like a link that never was', async () => {
    const path = await mailAda()
    const { id } = (await findSubscriberByAddress(web.round.db, ADDRESS)) as Subscriber
    await web.round.db.transaction().execute((trx) => eraseSubscriber(trx, id))
    const missing = await (await web.app.request('/unsubscribe/x')).text()
    for (const method of ['GET', 'POST']) {
      const answer = await web.app.request(path, { method })
      expect([answer.status, await answer.text()]).toEqual([404, missing])
    }
  })

  it('tells a mail program that clicks for an erased reader that they are gone, by a genuine link', async () => {
    const path = await mailAda()
    const { id } = (await findSubscriberByAddress(web.round.db, ADDRESS)) as Subscriber
    await web.round.db.transaction().execute((trx) => eraseSubscriber(trx, id))
    const before = await snapshot(web.round.db)
    const answer = await web.app.request(path, { method: 'POST', body: urlencoded() })
    expect([answer.status, await answer.text()]).toEqual([200, 'Unsubscribed.'])
    const forged = await web.app.request(`${path.slice(0, -2)}xx`, { method: 'POST', body: urlencoded() })
    expect(forged.status).toBe(404)
    expect(await snapshot(web.round.db)).toEqual(before)
  })

  it('still gives readers who have left their data, or its end, by a mailed link', async () => {
    const path = await mailAda()
    await post(path, { action: 'unsubscribe' })
    for (const action of ['export', 'erase']) {
      const html = await (await post(path, { action })).text()
      expect(html).toContain('Check your inbox')
      expect(html).toContain('a•••@example.org')
    }
    const notices = await web.round.db.selectFrom('notices').select(['kind', 'address']).orderBy('id').execute()
    expect(notices).toEqual([
      { kind: 'export', address: ADDRESS },
      { kind: 'erase', address: ADDRESS },
    ])
    expect(await consentOf(ADDRESS)).toBe('unsubscribed')
    // One click means leaving, whatever else it says.
    await post(path, { action: 'resubscribe' })
    await post(path, { action: 'export', 'List-Unsubscribe': 'One-Click' })
    expect(await consentOf(ADDRESS)).toBe('unsubscribed')
  })
})

describe('the button', () => {
  it('ends this subscription, no other, and says goodbye', async () => {
    const path = await mailAda()
    const body = new URLSearchParams({ action: 'unsubscribe' })
    const answer = await web.app.request(path, { method: 'POST', body })
    expect(answer.status).toBe(200)
    expect(await answer.text()).toMatch(/You(&#x27;|')re unsubscribed/)
    expect(await consentOf(ADDRESS)).toBe('unsubscribed')
    expect(await consentOf('grace@example.org')).toBe('confirmed')
  })

  it('is logged without address and token, once', async () => {
    const path = await mailAda()
    for (let press = 0; press < 3; press++) await web.app.request(path, { method: 'POST' })
    const lines = web.log.filter((line) => line.includes('subscriber.unsubscribed'))
    expect(lines).toHaveLength(1)
    expect(lines[0]).not.toContain('ada')
    expect(lines[0]).not.toContain(path.slice(path.lastIndexOf('/') + 1))
  })
})

const urlencoded = () => new URLSearchParams({ 'List-Unsubscribe': 'One-Click' })

describe('one click (RFC 8058)', () => {
  const multipart = () => {
    const form = new FormData()
    form.set('List-Unsubscribe', 'One-Click')
    return form
  }

  it.each([
    ['urlencoded', urlencoded],
    ['multipart', multipart],
  ])('acts at once, without cookie and redirect: %s', async (_, body) => {
    const path = await mailAda()
    const answer = await web.app.request(path, { method: 'POST', body: body() })
    expect(answer.status).toBe(200)
    expect(answer.headers.get('Set-Cookie')).toBeNull()
    expect(answer.headers.get('Location')).toBeNull()
    expect(answer.headers.get('Content-Type')).toMatch(/^text\/plain/)
    expect(await answer.text()).toBe('Unsubscribed.')
    expect(await consentOf(ADDRESS)).toBe('unsubscribed')
  })

  it('may be repeated: nothing changes any more', async () => {
    const path = await mailAda()
    await web.app.request(path, { method: 'POST', body: urlencoded() })
    const before = await snapshot(web.round.db)
    for (const body of [urlencoded(), multipart(), urlencoded()]) {
      const answer = await web.app.request(path, { method: 'POST', body })
      expect([answer.status, await answer.text()]).toEqual([200, 'Unsubscribed.'])
    }
    expect(await snapshot(web.round.db)).toEqual(before)
  })

  it.each([
    ['no body', {}],
    [
      'a form cut short',
      { body: '--x\r\nContent-Disp', headers: { 'Content-Type': 'multipart/form-data; boundary=x' } },
    ],
    ['a form without its boundary', { body: 'x', headers: { 'Content-Type': 'multipart/form-data' } }],
    ['something else', { body: '{}', headers: { 'Content-Type': 'application/json' } }],
  ])('holds nobody back for %s', async (_, init) => {
    const path = await mailAda()
    expect((await web.app.request(path, { method: 'POST', ...init })).status).toBe(200)
    expect(await consentOf(ADDRESS)).toBe('unsubscribed')
  })

  it('works from any address, as often as it is asked', async () => {
    const path = await mailAda()
    for (let request = 0; request < 50; request++) {
      const headers = { 'X-Forwarded-For': '192.0.2.1' }
      expect((await web.app.request(path, { method: 'POST', body: urlencoded(), headers })).status).toBe(200)
    }
  })
})

describe('while the database is away', () => {
  it('leaves by the signature alone, by one click and by the button, and says what may still come', {
    tags: 'long',
  }, async () => {
    const path = await mailAda()
    const stateDir = await mkdtemp(join(tmpdir(), 'journal-'))
    const logger = openLogger('silent')
    const { db: away } = openHandles('postgres://nobody@127.0.0.1:1/none')
    const journal = openJournal({ stateDir, redisUrl: undefined, schema: 'public' }, logger)
    const wishes = await openWishDesk({ db: web.round.db, pageDb: away }, journal, logger)
    const app = openApp(web, { db: away, wishes })
    const shown = await app.request(path)
    expect([shown.status, await shown.text()]).toEqual([200, expect.stringContaining('value="unsubscribe"')])
    const clicked = await app.request(path, { method: 'POST', body: urlencoded() })
    expect([clicked.status, await clicked.text()]).toEqual([
      200,
      'Unsubscribed. A digest already on its way may still arrive.',
    ])
    const pressed = await app.request(path, { method: 'POST', body: new URLSearchParams({ action: 'unsubscribe' }) })
    const html = await pressed.text()
    expect(pressed.status).toBe(200)
    expect(html).toContain('A digest already on its way may still arrive.')
    expect(html).not.toMatch(/<button|action=/)
    const forged = await app.request(`${path.slice(0, -2)}xx`, { method: 'POST', body: urlencoded() })
    expect(forged.status).toBe(404)
    for (const action of ['resubscribe', 'weekly', 'export', 'erase']) {
      const answer = await app.request(path, { method: 'POST', body: new URLSearchParams({ action }) })
      expect([action, answer.status, answer.headers.get('Retry-After')]).toEqual([action, 503, '30'])
    }
    await expect.poll(() => consentOf(ADDRESS)).toBe('unsubscribed')
    await wishes.close()
    await journal.close()
    await away.destroy()
  })
})

describe('while the database is read and not written', () => {
  it('leaves whenever its clock was put right', async () => {
    const path = await mailAda()
    const { db: away } = openHandles('postgres://nobody@127.0.0.1:1/none')
    const stateDir = await mkdtemp(join(tmpdir(), 'journal-'))
    const journal = openJournal({ stateDir, redisUrl: undefined, schema: 'public' }, openLogger('silent'))
    const wishes = await openWishDesk({ db: web.round.db, pageDb: away }, journal, openLogger('silent'))
    await moveClock(web.round.databaseUrl, '2 days')
    try {
      await sql`update subscribers set confirmed_at = round_clock()`.execute(web.round.db)
      const clicked = await openApp(web, { wishes }).request(path, { method: 'POST', body: urlencoded() })
      expect(await clicked.text()).toBe('Unsubscribed. A digest already on its way may still arrive.')
      await wishes.bring()
      expect(await consentOf(ADDRESS)).toBe('unsubscribed')
    } finally {
      await moveClock(web.round.databaseUrl, '0 days')
      await wishes.close()
      await journal.close()
      await away.destroy()
    }
  })
})

describe('a link to leave', () => {
  it('works for ever: with a revoked epoch and a retired key', async () => {
    const path = await mailAda()
    await sql`update subscribers set token_epoch = token_epoch + 3`.execute(web.round.db)
    const app = openApp(web, { linkKeys: deriveLinkKeys(['the secret that came after it, long enough', TEST_SECRET]) })
    expect((await app.request(path)).status).toBe(200)
    expect((await app.request(path, { method: 'POST' })).status).toBe(200)
    expect(await consentOf(ADDRESS)).toBe('unsubscribed')
  })
})

describe('a link from before a change of address', () => {
  const move = () =>
    sql`update subscribers set address = 'moved@example.org', token_epoch = token_epoch + 1, zone = 'Asia/Tokyo'
      where address = ${ADDRESS}`.execute(web.round.db)

  it('shows and takes nothing but leaving', async () => {
    const path = await mailAda()
    await move()
    const before = await snapshot(web.round.db)
    for (const action of [undefined, 'weekly', 'pause', 'fewer', 'reason', 'resubscribe', 'export', 'erase']) {
      const answer = action === undefined ? web.app.request(path) : post(path, { action, reason: 'other' })
      const html = await (await answer).text()
      expect([...html.matchAll(/<button[^>]* value="(\w+)"/g)].map(([, value]) => value)).toEqual(['unsubscribe'])
      expect(html).not.toMatch(/@example\.org|07:00|Tokyo/)
    }
    expect(await snapshot(web.round.db)).toEqual(before)
  })

  it('leaves, and then takes nothing back', async () => {
    const path = await mailAda()
    await move()
    const goodbye = await (await post(path, { action: 'unsubscribe' })).text()
    expect(await consentOf('moved@example.org')).toBe('unsubscribed')
    const before = await snapshot(web.round.db)
    const late = await Promise.all(
      ['resubscribe', 'reason', 'export', 'erase'].map((action) => post(path, { action, reason: 'other' })),
    )
    for (const html of [goodbye, ...(await Promise.all(late.map((answer) => answer.text())))]) {
      expect(html).toMatch(/You(&#x27;|')re unsubscribed/)
      expect(html).not.toMatch(/<button|@example\.org|Tokyo/)
    }
    expect(await snapshot(web.round.db)).toEqual(before)
    expect(await web.round.db.selectFrom('notices').select('id').execute()).toEqual([])
  })
})

describe('what may be had instead of leaving', () => {
  it('steps down with the same link, and can be undone', async () => {
    const path = await mailAda()
    const html = await (await post(path, { action: 'weekly' })).text()
    expect(html).toMatch(/You(&#x27;|')re still subscribed/)
    expect(html).toContain('every Monday at 07:00')
    const reader = await findSubscriberByAddress(web.round.db, ADDRESS)
    expect(reader).toMatchObject({ consent: 'confirmed', cadence: 'weekly', weekday: 1 })
    const undo = /href="(\/undo\/[\w-]+)"/.exec(html)?.[1] as string
    expect((await web.app.request(undo, { method: 'POST' })).status).toBe(200)
    expect(await findSubscriberByAddress(web.round.db, ADDRESS)).toMatchObject({ cadence: 'daily' })
    expect((await web.app.request(undo, { method: 'POST' })).status).toBe(410)
  })

  it.each(['weekly', 'export', 'erase'])('never leaves by %s from a page that has grown old', async (action) => {
    const path = await mailAda()
    await sql`update subscribers set cadence = 'weekly', weekday = 1`.execute(web.round.db)
    const html = await (await post(path, { action })).text()
    expect(await consentOf(ADDRESS)).toBe('confirmed')
    expect([...html.matchAll(/<button[^>]* value="(\w+)"/g)].map(([, value]) => value)).toContain('pause')
  })

  it('offers and takes no step that would be none, and says what there is already', async () => {
    const path = await mailAda()
    const paused = new Date(Date.now() + 180 * 86_400_000).toISOString().slice(0, 10)
    await sql`update subscribers set cadence = 'weekly', weekday = 6, paused_until = ${paused}::date
      where address = ${ADDRESS}`.execute(web.round.db)
    const before = await findSubscriberByAddress(web.round.db, ADDRESS)
    const offered = (html: string) =>
      [...html.matchAll(/<button class="button quieter"[^>]* value="(\w+)"/g)].map(([, action]) => action)
    expect(offered(await (await web.app.request(path)).text())).toEqual(['fewer'])
    for (const [action, words] of [
      ['weekly', 'once a week already: every Saturday at 07:00'],
      ['pause', `You are paused through ${shortDate(paused)} already.`],
    ] as const) {
      const html = await (await post(path, { action })).text()
      expect(html).toContain(words)
      expect(offered(html)).toEqual(['fewer'])
    }
    expect(await findSubscriberByAddress(web.round.db, ADDRESS)).toEqual(before)
  })

  it('comes back within an hour of leaving, and one-click leaves whatever else it says', async () => {
    const path = await mailAda()
    await post(path, { action: 'resubscribe', 'List-Unsubscribe': 'One-Click' })
    expect(await consentOf(ADDRESS)).toBe('unsubscribed')
    const back = await post(path, { action: 'resubscribe' })
    expect(await back.text()).toContain('Welcome back')
    expect(await consentOf(ADDRESS)).toBe('confirmed')
  })
})

function post(path: string, fields: Record<string, string>) {
  return web.app.request(path, { method: 'POST', body: new URLSearchParams(fields) })
}
