import { sql } from 'kysely'
import { beforeEach, describe, expect, it } from 'vitest'
import type { CredentialPurpose } from '../../../src/database/states.ts'
import { eraseSubscriber } from '../../../src/delivery/request/erasure.ts'
import { confirm, signUp } from '../../../src/delivery/request/sign-up.ts'
import { markAddress } from '../../../src/subscriber/address.ts'
import { prunePending } from '../../../src/subscriber/consent.ts'
import { ensureCredential, pruneCredentials } from '../../../src/subscriber/credential.ts'
import { findSubscriberByAddress, markUnsubscribed } from '../../../src/subscriber/store.ts'
import type { Subscriber } from '../../../src/subscriber/subscriber.ts'
import { issueToken } from '../../../src/subscriber/token.ts'
import { makeAsk } from '../../support/asks.ts'
import { ageNotices, readToken } from '../../support/notices.ts'
import { addReader } from '../../support/round.ts'
import { keepWeb, openApp } from '../open-app.ts'

const web = keepWeb()
const PURPOSES = ['address', 'export', 'erase', 'undo'] as const
let reader: Subscriber
beforeEach(async () => {
  reader = await addReader(web.round.db, 'ada')
})

async function makeLink(purpose: CredentialPurpose, payload: object | null = null): Promise<string> {
  const token = await web.round.db.transaction().execute((trx) => ensureCredential(trx, purpose, reader.id, payload))
  return `/${purpose}/${token}`
}

async function open(path: string) {
  const answer = await web.app.request(path)
  const html = await answer.text()
  const heading = /<h1>(.*?)<\/h1>/.exec(html)?.[1]?.replace('&#x27;', "'")
  return { status: answer.status, html, heading, button: /value="fresh">\s*<button[^>]*>([^<]*)/.exec(html)?.[1] }
}

/** Presses the button that emails a fresh link. */
async function askFresh(path: string, app = web.app) {
  const answer = await app.request(path, { method: 'POST', body: new URLSearchParams({ action: 'fresh' }) })
  return { status: answer.status, html: await answer.text() }
}

const listNotices = () => web.round.db.selectFrom('notices').select(['id', 'kind', 'address']).orderBy('id').execute()
const expire = () => sql`update credentials set expires_at = now() - interval '1 second'`.execute(web.round.db)
const missing = async () => (await open('/export/nothing')).html

describe('a one-time link of no use any more', () => {
  it.each(PURPOSES)('says that it has expired, before and after the sweep: %s', async (purpose) => {
    const path = await makeLink(purpose)
    await expire()
    for (const sweep of [false, true]) {
      if (sweep) await pruneCredentials(web.round.db)
      expect(await open(path)).toMatchObject({ status: 410, heading: 'This link has expired' })
    }
    await sql`update spent_credentials set spent_at = now() - interval '31 days'`.execute(web.round.db)
    expect(await open(path)).toMatchObject({ status: 404, html: await missing() })
  })

  it.each(['address', 'export', 'erase'] as const)('says that a newer one is there: %s', async (purpose) => {
    const [older, newer] = [await makeLink(purpose), await makeLink(purpose, { address: 'new@example.org' })]
    expect(await open(older)).toMatchObject({ status: 410, heading: 'A newer link has replaced this one' })
    expect((await open(newer)).status).toBe(200)
  })

  it('says that it was used, and that it was withdrawn by a change of address', async () => {
    const used = await makeLink('export')
    await web.app.request(used, { method: 'POST' })
    expect(await open(used)).toMatchObject({
      status: 410,
      heading: 'This link was used',
      button: 'Email me a new link',
    })
    const [withdrawn, move] = [await makeLink('erase'), await makeLink('address', { address: 'new@example.org' })]
    await web.app.request(move, { method: 'POST' })
    expect(await open(withdrawn)).toMatchObject({ status: 410, heading: 'This link was withdrawn' })
  })

  it('emails a fresh one to the address on file, a few times a day, and says the same in any case', async () => {
    const paths: string[] = []
    for (const purpose of PURPOSES) paths.push(await makeLink(purpose))
    await expire()
    const answers = new Set<string>()
    for (const path of paths) answers.add((await askFresh(path)).html)
    expect(await listNotices()).toMatchObject(
      ['link', 'export', 'erase', 'link'].map((kind) => ({ kind, address: 'ada@example.org' })),
    )
    for (let times = 0; times < 4; times++) answers.add((await askFresh(paths[0] as string)).html)
    expect((await listNotices()).filter(({ kind }) => kind === 'link')).toHaveLength(5)
    expect(answers.size).toBe(1)
    expect([...answers][0]).not.toMatch(/ada|example\.org/)
  })

  it('is limited to a network', async () => {
    const path = await makeLink('undo')
    await expire()
    const statuses = new Set<number>()
    for (let times = 0; times < 12; times++) statuses.add((await askFresh(path)).status)
    expect([...statuses]).toEqual([200, 429])
  })

  it('does nothing when it is only opened', async () => {
    const path = await makeLink('export')
    await expire()
    await open(path)
    await web.app.request(path, { method: 'POST' })
    expect(await listNotices()).toEqual([])
  })

  it('is not found for an erased reader, byte for byte like one that never was', async () => {
    const paths: string[] = []
    for (const purpose of PURPOSES) paths.push(await makeLink(purpose))
    await web.app.request(paths[1] as string, { method: 'POST' })
    const old = issueToken(web.round.linkKeys, 'preferences', reader, new Date(Date.now() - 91 * 86_400_000))
    await web.round.db.transaction().execute((trx) => eraseSubscriber(trx, reader.id))
    for (const path of [...paths, `/preferences/${old}`]) {
      expect(await open(path)).toMatchObject({ status: 404, html: await missing() })
      expect(await askFresh(path)).toEqual({ status: 404, html: await missing() })
    }
    expect((await sql`select from spent_credentials`.execute(web.round.db)).rows).toEqual([])
  })
})

describe('a confirmation', () => {
  const ADDRESS = 'new@example.org'
  const ask = async () => {
    const notice = await signUp(web.round, ADDRESS, makeAsk({ hour: 9, welcome: false }))
    return `/confirm/${await readToken(web.round, notice)}`
  }

  it('that was used says that one is subscribed, with a way on', async () => {
    const path = await ask()
    await web.app.request(path, { method: 'POST' })
    const shown = await open(path)
    expect(shown).toMatchObject({ status: 200, heading: "You're subscribed", button: 'Email me my link' })
    expect(shown.html).toContain('every day at 09:00')
    await ageNotices(web.round.db, 25)
    await askFresh(path)
    expect((await listNotices()).at(-1)).toMatchObject({ kind: 'link', address: ADDRESS })
    const confirmed = await findSubscriberByAddress(web.round.db, ADDRESS)
    await markUnsubscribed(web.round.db, confirmed?.publicId ?? '')
    expect(await open(path)).toMatchObject({ status: 410, heading: "You've unsubscribed since" })
  })

  it('says nothing of the digest to the mailbox that its reader has left for another', async () => {
    const path = await ask()
    await web.app.request(path, { method: 'POST' })
    const { id } = (await findSubscriberByAddress(web.round.db, ADDRESS)) as Subscriber
    await web.round.db.transaction().execute((trx) => markAddress(trx, id, 'moved@example.org'))
    const shown = await open(path)
    expect(shown).toMatchObject({ status: 200, heading: "You're subscribed", button: 'Email me my link' })
    expect(shown.html).not.toMatch(/09:00|moved/)
  })

  it('that is too old asks again for the same, once a day', async () => {
    const path = await ask()
    await expire()
    await pruneCredentials(web.round.db)
    expect(await open(path)).toMatchObject({ status: 410, button: 'Email me a new confirmation' })
    await askFresh(path)
    expect(await listNotices()).toHaveLength(1)
    await ageNotices(web.round.db, 25)
    await askFresh(path)
    const [, again] = await listNotices()
    expect(again).toMatchObject({ kind: 'confirm', address: ADDRESS })
    expect(await open(path)).toMatchObject({ heading: 'This link has expired' })
    const token = await readToken(web.round, again?.id ?? null)
    expect(await confirm(web.round, token)).toMatchObject({ subscriber: { hour: 9 }, welcome: false })
  })

  it('of a sign-up that has vanished leads to another', async () => {
    const path = await ask()
    await expire()
    await sql`update subscribers set created_at = now() - interval '8 days' where consent = 'pending'`.execute(
      web.round.db,
    )
    await pruneCredentials(web.round.db)
    expect(await prunePending(web.round.db)).toBe(1)
    expect(await open(path)).toMatchObject({ status: 410, heading: 'This link has expired', button: undefined })
    await askFresh(path)
    expect(await listNotices()).toHaveLength(1)
  })
})

describe('a link to the preferences', () => {
  const link = (days: number) =>
    `/preferences/${issueToken(web.round.linkKeys, 'preferences', reader, new Date(Date.now() - days * 86_400_000))}`

  it('that is too old or withdrawn says so and emails a fresh one', async () => {
    const [old, recent] = [link(91), link(1)]
    expect(await open(old)).toMatchObject({ status: 410, heading: 'This link has expired' })
    const queued: number[] = []
    await askFresh(old, openApp(web, { queueNotice: async (id) => void queued.push(id) }))
    const [notice] = await listNotices()
    expect(notice).toMatchObject({ kind: 'link', address: 'ada@example.org' })
    expect(queued).toEqual([notice?.id])
    expect((await askFresh(recent)).status).toBe(303)
    await sql`update subscribers set token_epoch = token_epoch + 1`.execute(web.round.db)
    expect(await open(recent)).toMatchObject({ status: 410, heading: 'This link was withdrawn' })
  })
})
