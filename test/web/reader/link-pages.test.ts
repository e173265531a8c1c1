import { sql } from 'kysely'
import { beforeEach, describe, expect, it } from 'vitest'
import type { CredentialPurpose } from '../../../src/database/states.ts'
import { ensureCredential } from '../../../src/subscriber/credential.ts'
import { parseChoices } from '../../../src/subscriber/preferences.ts'
import { pruneSpent } from '../../../src/subscriber/spent.ts'
import { findSubscriberById, getAddressKey, markUnsubscribed } from '../../../src/subscriber/store.ts'
import { hashAddress, type Subscriber } from '../../../src/subscriber/subscriber.ts'
import { ensureSuppression } from '../../../src/subscriber/suppression.ts'
import { change } from '../../../src/subscriber/undo.ts'
import { addReader } from '../../support/round.ts'
import { keepWeb } from '../open-app.ts'

const web = keepWeb()
let reader: Subscriber
beforeEach(async () => {
  reader = await addReader(web.round.db, 'ada')
})

const readerNow = () => findSubscriberById(web.round.db, reader.id)

async function makeLink(purpose: CredentialPurpose, payload: object | null): Promise<string> {
  const token = await web.round.db.transaction().execute((trx) => ensureCredential(trx, purpose, reader.id, payload))
  return `/${purpose}/${token}`
}

/**
 * Opens a link twice, presses its button twice and opens it again. Returns the first pages and the
 * statuses of the others.
 */
async function use(path: string) {
  const shown = await web.app.request(path)
  const shownAgain = await web.app.request(path)
  expect(await readerNow(), 'a look changes nothing').toEqual(reader)
  const pressed = await web.app.request(path, { method: 'POST' })
  const pressedAgain = await web.app.request(path, { method: 'POST' })
  const late = await web.app.request(path)
  return {
    shown: await shown.text(),
    pressed,
    statuses: [shown, shownAgain, pressed, pressedAgain, late].map(({ status }) => status),
  }
}
const WORKS_ONCE = [200, 200, 200, 410, 410]

describe('a one-time link', () => {
  it('moves to another address, which it masks', async () => {
    const { shown, pressed, statuses } = await use(await makeLink('address', { address: 'moved@example.org' }))
    expect(statuses).toEqual(WORKS_ONCE)
    expect(shown).toContain('m•••@example.org')
    const page = await pressed.text()
    expect(page).toContain('Your digests have moved')
    // The page opens the preferences for a sitting.
    expect(page).toContain('href="/preferences"')
    const cookie = pressed.headers.get('Set-Cookie')?.split(';')[0] ?? ''
    expect((await web.app.request('/preferences', { headers: { cookie } })).status).toBe(200)
    expect(await readerNow()).toMatchObject({ address: 'moved@example.org', tokenEpoch: reader.tokenEpoch + 1 })
  })

  it('hands over what is kept of a reader, as a file', async () => {
    const { pressed, statuses } = await use(await makeLink('export', null))
    expect(statuses).toEqual(WORKS_ONCE)
    expect(pressed.headers.get('Content-Disposition')).toBe('attachment; filename="paper-round.json"')
    expect(pressed.headers.get('Cache-Control')).toBe('no-store')
    expect(await pressed.json()).toMatchObject({ subscriber: { address: 'ada@example.org' } })
  })

  it('erases', async () => {
    const path = await makeLink('erase', null)
    const { shown, pressed, statuses } = await use(path)
    // Nothing of an erased reader is found any more; pressed twice, the button says the same again.
    expect(statuses).toEqual([200, 200, 200, 200, 404])
    const again = await web.app.request(path, { method: 'POST' })
    expect(await again.text()).toBe(await pressed.text())
    expect(web.log.filter((line) => line.includes('subscriber.erased'))).toHaveLength(1)
    await sql`update spent_credentials set spent_at = now() - interval '48 hours'`.execute(web.round.db)
    expect(await pruneSpent(web.round.db)).toBe(1)
    expect((await web.app.request(path, { method: 'POST' })).status).toBe(404)
    expect(shown).toContain('Nothing can bring them back')
    expect(await readerNow()).toMatchObject({ address: null, consent: 'unsubscribed' })
  })

  it('undoes a change', async () => {
    const token = (await change(web.round, reader.id, { choices: parseChoices({ include: ['video'] }) }))?.undo
    // A newer change goes too, and is named before and after.
    await change(web.round, reader.id, { hour: 21 })
    reader = (await readerNow()) as Subscriber
    const { shown, pressed, statuses } = await use(`/undo/${token}`)
    expect(statuses).toEqual(WORKS_ONCE)
    for (const html of [shown, await pressed.text()]) {
      expect(html).toContain('Your digest now comes every day at 07:00, UTC; it came every day at 21:00, UTC.')
      expect(html).toContain('Topics you include: none now.')
    }
    expect(await readerNow()).toMatchObject({ hour: 7, choices: { include: [] } })
  })

  it('undoes a move, and opens the preferences at the address that had them before', async () => {
    const move = await makeLink('undo', { kind: 'address', before: 'before@example.org' })
    const { pressed, statuses } = await use(move)
    expect(statuses).toEqual(WORKS_ONCE)
    expect(await pressed.text()).toContain('href="/preferences"')
    const cookie = pressed.headers.get('Set-Cookie')?.split(';')[0] ?? ''
    const page = await web.app.request('/preferences', { headers: { cookie } })
    expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('b•••@example.org')])
  })

  it('opens no preferences by undoing choices, as a link to leave shows that link too', async () => {
    const token = (await change(web.round, reader.id, { hour: 21 }))?.undo
    const pressed = await web.app.request(`/undo/${token}`, { method: 'POST' })
    expect([pressed.status, pressed.headers.get('Set-Cookie')]).toEqual([200, null])
  })

  it('says where an undo would change nothing', async () => {
    const { id: _, ...standing } = reader
    const { shown, statuses } = await use(await makeLink('undo', { kind: 'choices', before: standing }))
    expect([shown.includes('nothing will change'), statuses]).toEqual([true, WORKS_ONCE])
  })

  it.each<[purpose: 'address' | 'undo', payload: object, words: string, inTheWay: () => Promise<unknown>]>([
    [
      'address',
      { address: 'moved@example.org' },
      'm•••@example.org has a subscription of its own, or had one.',
      () => addReader(web.round.db, 'moved'),
    ],
    [
      'address',
      { address: 'moved@example.org' },
      'The subscription that this link belongs to has ended.',
      () => markUnsubscribed(web.round.db, reader.publicId),
    ],
    ['address', { address: 'ada@example.org' }, 'Your digests go to a•••@example.org already.', async () => {}],
    [
      'undo',
      { kind: 'choices', before: { hour: 9 } },
      "You've unsubscribed since.",
      () => markUnsubscribed(web.round.db, reader.publicId),
    ],
    [
      'undo',
      { kind: 'address', before: 'barred@example.org' },
      'We do not write to b•••@example.org',
      async () => {
        const hash = hashAddress(await getAddressKey(web.round.db), 'barred@example.org')
        await ensureSuppression(web.round.db, hash, 'bounce', new Date())
      },
    ],
  ])('to %s %j says what is in its way, and is not used up: %s', async (purpose, payload, words, inTheWay) => {
    const path = await makeLink(purpose, payload)
    await inTheWay()
    const before = await readerNow()
    for (const method of ['GET', 'POST', 'POST', 'GET']) {
      const answer = await web.app.request(path, { method })
      const html = (await answer.text()).replaceAll('&#x27;', "'")
      expect([answer.status, html.includes(words), html.includes('this link is not used up')]).toEqual([
        409,
        true,
        true,
      ])
      expect(html).not.toMatch(/<button|moved@|barred@|ada@/)
    }
    expect(await readerNow()).toEqual(before)
  })

  it.each(['address', 'export', 'erase', 'undo'])(
    'is not found as %s when it is of another purpose or invented',
    async (purpose) => {
      const path = await makeLink('confirm', null)
      const token = path.split('/').at(-1)
      const paths = [`/${purpose}/${token}`, `/${purpose}/${'a'.repeat(43)}`]
      const pages = await Promise.all(
        paths.flatMap((each) => ['GET', 'POST'].map((method) => web.app.request(each, { method }))),
      )
      expect(new Set(pages.map(({ status }) => status))).toEqual(new Set([404]))
      expect(await readerNow()).toEqual(reader)
    },
  )
})
