import { sql } from 'kysely'
import { beforeEach, describe, expect, it } from 'vitest'
import { shortDate } from '../../../../src/digest/text/words.ts'
import { markChanged } from '../../../../src/subscriber/change.ts'
import { findSubscriberByAddress } from '../../../../src/subscriber/store.ts'
import type { Subscriber } from '../../../../src/subscriber/subscriber.ts'
import { issueToken } from '../../../../src/subscriber/token.ts'
import { entryFrom } from '../../../../src/web/reader/preferences/entry.ts'
import { addReader } from '../../../support/round.ts'
import { keepWeb, openApp } from '../../open-app.ts'

const web = keepWeb()
const ADDRESS = 'ada@example.org'
let reader: Subscriber
let cookie: string
let formToken: string
beforeEach(async () => {
  reader = await addReader(web.round.db, 'ada')
  const link = issueToken(web.round.linkKeys, 'preferences', reader, new Date())
  const exchanged = await web.app.request(`/preferences/${link}?step=weekly`)
  expect([exchanged.status, exchanged.headers.get('Location')]).toEqual([303, '/preferences?step=weekly'])
  const set = exchanged.headers.get('Set-Cookie') ?? ''
  expect(set).toMatch(/^__Host-paper-round=[\w-]+; Max-Age=3600; Path=\/; HttpOnly; Secure; SameSite=Lax$/)
  cookie = set.split(';')[0] as string
  formToken = /name="form" value="([^"]+)"/.exec(await (await look()).text())?.[1] as string
})

const look = (query = '') => web.app.request(`/preferences${query}`, { headers: { cookie } })
const actionsIn = (html: string) => [...html.matchAll(/name="action" value="(\w+)"/g)].map(([, action]) => action)
const readerNow = () => findSubscriberByAddress(web.round.db, ADDRESS)

function send(fields: Record<string, string>, headers: Record<string, string> = {}) {
  const body = new URLSearchParams({ form: formToken, ...fields })
  return web.app.request('/preferences', { method: 'POST', body, headers: { cookie, ...headers } })
}

describe('the preferences page', () => {
  it('shows the masked address and takes nothing from elsewhere', async () => {
    const html = await (await look()).text()
    expect(html).toContain('a•••@example.org')
    expect(html).not.toContain(ADDRESS)
    expect((await web.app.request('/preferences')).status).toBe(403)
    const step = { action: 'step', step: 'weekly' }
    const refused = [
      await send({ ...step, form: '' }),
      await send({ ...step, form: `${formToken}x` }),
      await send(step, { cookie: '' }),
      await send(step, { 'sec-fetch-site': 'cross-site' }),
      await send(step, { 'sec-fetch-site': 'same-site' }),
      await send(step, { origin: 'https://evil.example' }),
    ]
    expect(refused.map(({ status }) => status)).toEqual([403, 403, 403, 403, 403, 403])
    expect(await readerNow()).toEqual(reader)
    // Without a referrer browsers send this origin with a form.
    expect((await send(step, { 'sec-fetch-site': 'same-origin', origin: 'null' })).status).toBe(200)
    expect(await readerNow()).toMatchObject({ cadence: 'weekly', weekday: 1 })
  })

  it('takes a form from another tab of the same reader, and shows one of somebody else again', async () => {
    const { onlyWithCode: _, ...fields } = entryFrom(reader)
    const open = async (who: Subscriber, at = new Date()) => {
      const link = issueToken(web.round.linkKeys, 'preferences', who, new Date())
      expect((await web.app.request(`/preferences/${link}`)).status).toBe(303)
      return `__Host-paper-round=${issueToken(web.round.linkKeys, 'session', who, at)}`
    }
    // A browser keeps the newer sitting alone, the first tab its form.
    const newer = await open(reader, new Date(Date.now() - 60_000))
    expect(newer).not.toBe(cookie)
    expect((await send({ ...fields, papers: '4', action: 'save' }, { cookie: newer })).status).toBe(200)
    expect((await readerNow())?.choices.papers).toBe(4)

    const other = await open(await addReader(web.round.db, 'grace'))
    const typed = { ...fields, papers: '5', include: 'tactile sensing', action: 'save' }
    const again = await send(typed, { cookie: other, 'sec-fetch-site': 'same-origin', origin: 'null' })
    const html = await again.text()
    expect([again.status, html.includes('It is for g•••@example.org now')]).toEqual([403, true])
    expect(html).toContain('tactile sensing')
    expect(html).not.toContain(formToken)
    // Words that another site may have put there are not shown.
    for (const headers of [
      {},
      { 'sec-fetch-site': 'cross-site' },
      { origin: 'null' },
      { origin: 'https://evil.example' },
    ]) {
      const refused = await send(typed, { cookie: other, ...headers })
      expect([refused.status, (await refused.text()).includes('tactile sensing')]).toEqual([403, false])
    }
    expect((await findSubscriberByAddress(web.round.db, 'grace@example.org'))?.choices.papers).toBe(10)
    expect((await readerNow())?.choices.papers).toBe(4)
  })

  it('saves, tells it back, previews without saving and refuses what cannot be', async () => {
    const { onlyWithCode: _, ...fields } = entryFrom(reader)
    const preview = await send({ ...fields, papers: '4', action: 'preview', part: 'look-back' })
    expect(await preview.text()).toMatch(/^<section class="look-back"/)
    expect(await readerNow()).toEqual(reader)
    expect((await send({ ...fields, papers: '0', action: 'preview', part: 'look-back' })).status).toBe(422)
    const html = await (await send({ ...fields, papers: '4', include: 'video', action: 'save' })).text()
    expect(html).toContain('It holds at most 4 papers; it held 10.')
    expect(html).toMatch(/href="\/undo\/[\w-]{43}"/)
    expect((await readerNow())?.choices).toMatchObject({ papers: 4, include: ['video'] })
    const wrong = await send({ ...fields, papers: '99', zone: 'CET', action: 'save' })
    expect(wrong.status).toBe(422)
    expect(await wrong.text()).toContain('aria-describedby="papers-help papers-problem"')
    const zone = await send({ ...fields, zone: 'CET', action: 'save' })
    expect([zone.status, (await zone.text()).includes('id="zone-problem"')]).toEqual([422, true])
    expect((await readerNow())?.choices.papers).toBe(4)
  })

  it('says at the top that nothing came of a form, whichever it was, and leads to the field far below', async () => {
    const { onlyWithCode: _, ...fields } = entryFrom(reader)
    const cases: [Record<string, string>, string, string[]][] = [
      [{ ...fields, papers: '99', action: 'save' }, 'Nothing was saved', []],
      [{ ...fields, papers: '99', action: 'preview' }, 'There is no preview of this', []],
      [{ action: 'pause', until: '2020-01-01' }, 'Nothing was paused', ['until']],
      [{ action: 'address', address: 'me@intranet' }, 'No link was sent', ['address']],
    ]
    for (const [sent, words, led] of cases) {
      const answer = await send(sent)
      const html = await answer.text()
      expect([answer.status, /role="alert">([^:<]*)/.exec(html)?.[1]]).toEqual([422, words])
      expect(
        [...html.matchAll(/<input id="(\w+)"[^>]* aria-invalid="true"[^>]* autofocus>/g)].map(([, id]) => id),
      ).toEqual(led)
    }
    expect(await (await look()).text()).not.toMatch(/role="alert"|autofocus/)
  })

  it('pauses from tomorrow on, for a year at most, and resumes', async () => {
    const day = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10)
    for (const until of [day(0), day(-3), day(500), '2026-02-31', 'tomorrow', '']) {
      expect((await send({ action: 'pause', until })).status, until).toBe(422)
    }
    expect(await (await send({ action: 'pause', until: day(7) })).text()).toContain('You get nothing through')
    expect((await readerNow())?.pausedUntil).toBe(day(7))
    expect(await (await look()).text()).toContain('Resume now')
    await send({ action: 'resume' })
    expect((await readerNow())?.pausedUntil).toBeNull()
  })

  it('never makes a pause shorter by a step, and by its own form alone', async () => {
    const [near, later, far] = [3, 12, 180].map((days) =>
      new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10),
    ) as [string, string, string]
    await send({ action: 'pause', until: far })
    const words = `You are paused through ${shortDate(far)} already.`
    for (const fields of [{ action: 'step', step: 'pause' }, { action: 'snooze' }]) {
      expect(await (await send(fields)).text()).toContain(words)
      expect((await readerNow())?.pausedUntil).toBe(far)
    }
    const paused = await (await look('?step=pause')).text()
    expect(paused).toContain(words)
    expect(actionsIn(paused)).toContain('resume')
    expect(actionsIn(paused)).not.toContain('snooze')
    await send({ action: 'pause', until: near })
    expect((await readerNow())?.pausedUntil).toBe(near)
    expect(await (await look('?step=pause')).text()).toContain(`You are paused through ${shortDate(near)};`)
    expect(actionsIn(await (await look()).text())).toContain('snooze')
    await send({ action: 'snooze' })
    expect(((await readerNow())?.pausedUntil ?? '') > later).toBe(true)
  })

  it('asks for a step of an old mail only where it is one, and takes none that has become none since', async () => {
    for (const step of ['weekly', 'fewer']) {
      expect(await (await look(`?step=${step}`)).text()).toContain(`name="step" value="${step}"`)
    }
    await web.round.db
      .transaction()
      .execute((trx) =>
        markChanged(
          trx,
          reader.id,
          { cadence: 'weekly', weekday: 6, hour: 8, choices: { ...reader.choices, papers: 1 } },
          web.round,
        ),
      )
    const before = await readerNow()
    for (const [step, words] of [
      ['weekly', 'Your digest comes once a week already: every Saturday at 08:00, UTC.'],
      ['fewer', 'Your digest holds at most 1 paper already.'],
    ] as const) {
      // Asked for now, and pressed on a page from before.
      for (const answer of [await look(`?step=${step}`), await send({ action: 'step', step })]) {
        const html = await answer.text()
        expect([answer.status, html.includes(words), html.includes('name="step"')]).toEqual([200, true, false])
      }
    }
    expect(await readerNow()).toEqual(before)
  })

  it('has five addresses asked a day, and no more strangers', async () => {
    const queued: number[] = []
    const app = openApp(web, { queueNotice: async (id) => void queued.push(id) })
    const ask = (address: string) => {
      const body = new URLSearchParams({ form: formToken, action: 'address', address })
      return app.request('/preferences', { method: 'POST', body, headers: { cookie } })
    }
    for (let at = 0; at < 5; at++) expect((await ask(`person${at}@example.org`)).status).toBe(200)
    const refused = await ask('person5@example.org')
    expect(refused.status).toBe(429)
    expect(Number(refused.headers.get('Retry-After'))).toBeGreaterThan(3_600)
    expect(await refused.text()).toContain('No link was sent: you have asked for several of them. Try again tomorrow.')
    const notices = await web.round.db.selectFrom('notices').select('address').execute()
    expect(notices).toHaveLength(5)
  })

  it('mails links instead of moving, exporting or erasing, and says the same of an address that is taken', async () => {
    await addReader(web.round.db, 'grace')
    const queued: number[] = []
    const app = openApp(web, { queueNotice: async (id) => void queued.push(id) })
    const ask = async (fields: Record<string, string>) => {
      const body = new URLSearchParams({ form: formToken, ...fields })
      const answer = await app.request('/preferences', { method: 'POST', body, headers: { cookie } })
      return /<section class="sheet card told"[\s\S]*?<\/section>/.exec(await answer.text())?.[0]
    }
    const free = await ask({ action: 'address', address: 'New@example.org' })
    const taken = await ask({ action: 'address', address: 'grace@example.org' })
    expect(free).toContain('An email with a link is on its way to new@example.org')
    expect(free).toContain('at most one such email a day to an address, and three in 30 days')
    expect(await ask({ action: 'address', address: 'New@example.org' })).toBe(free)
    expect((await ask({ action: 'address', address: ADDRESS }))?.replace('ada@', 'new@')).toBe(free)
    expect(taken?.replace('grace@', 'new@')).toBe(free)
    expect(await ask({ action: 'export' })).toContain('a•••@example.org')
    expect(await ask({ action: 'erase' })).toContain('erase everything')
    const notices = await web.round.db.selectFrom('notices').select(['id', 'kind', 'address']).orderBy('id').execute()
    expect(notices.map(({ kind, address }) => [kind, address])).toEqual([
      ['address', 'new@example.org'],
      ['export', ADDRESS],
      ['erase', ADDRESS],
    ])
    expect(queued).toEqual(notices.map(({ id }) => id))
    expect(await readerNow()).toEqual(reader)
  })

  it('has nothing to choose for somebody who has left', async () => {
    await sql`update subscribers set consent = 'unsubscribed'`.execute(web.round.db)
    expect(await (await look()).text()).toContain('You get no digests now')
    await send({ action: 'step', step: 'weekly' })
    expect(await readerNow()).toMatchObject({ cadence: 'daily', consent: 'unsubscribed' })
    for (const action of ['export', 'erase'])
      expect(await (await send({ action })).text()).toContain('Check your inbox')
    const notices = await web.round.db.selectFrom('notices').select('kind').orderBy('id').execute()
    expect(notices.map(({ kind }) => kind)).toEqual(['export', 'erase'])
  })
})
