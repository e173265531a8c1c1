// Sign-ups under abuse: thousands of scripted posts from hundreds of networks, that prove nothing,
// solve challenges, or wait as visitors without script do. What it comes to in mailboxes is counted
// in the notices, and an honest visitor has to get through.
import { createChallenge, solveChallenge } from 'altcha-lib'
import { deriveKey } from 'altcha-lib/algorithms/pbkdf2'
import { sql } from 'kysely'
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { DEFAULT_RHYTHM } from '../../../src/subscriber/preferences.ts'
import { mailboxOf } from '../../../src/subscriber/subscriber.ts'
import { openFormKeys } from '../../../src/web/visit/form-keys.ts'
import { isFull } from '../../support/full.ts'
import { keepWeb, openApp } from '../open-app.ts'

const web = keepWeb()
const POSTS = isFull ? 10_000 : 20
const NETWORKS = isFull ? 500 : 5
/** The short form comes in where an attack has used up most of each share. */
const UNSOLVED = 30
const SOLVED = 30
/** Beyond the hours, in a month: one for each network that solves for the first time. */
const RESERVE = 500
const AT_ONCE = isFull ? 50 : 5
const HOUR_MS = 3_600_000
const LONG = { timeout: 900_000 }

beforeAll(() => {
  // That every answer takes as long is asserted where the form is.
  web.app = openApp(web, { answerMs: 0 })
})
afterEach(() => {
  vi.useRealTimers()
})

const SHARES = { host: UNSOLVED, 'host-solved': SOLVED / 2, 'host-new': SOLVED / 2, 'host-reserve': RESERVE }

/** Leaves so much of each part of the host's share; returns how much was taken before. */
async function comeIn(left: number, ...parts: readonly (keyof typeof SHARES)[]): Promise<number> {
  if (isFull) return 0
  const name = keys().nameOf('host:victim.example')
  let before = 0
  for (const part of parts) {
    const taken = SHARES[part] - left
    before += taken
    await sql`insert into rate_limits (key, points, expire) values (${`${part}:${name}`}, ${taken}, ${Date.now() + HOUR_MS})
      on conflict (key) do update set points = excluded.points, expire = excluded.expire`.execute(web.round.db)
  }
  return before
}

const keys = () => openFormKeys(web.round.linkKeys)
const networkAt = (index: number) => `2001:db8:${(index % NETWORKS).toString(16)}:${(index % 7).toString(16)}::1`

async function post(given: Record<string, string>, from: string) {
  const fields = {
    ...{ ...DEFAULT_RHYTHM, weekday: '1', hour: '7' },
    ...{ opened: keys().stamp(new Date(Date.now() - 5_000)), website: '', ...given },
  }
  const env = { incoming: { socket: { remoteAddress: from } } }
  return web.app.request('/subscribe', { method: 'POST', body: new URLSearchParams(fields) }, env)
}

/** The fields of the page that asks, as a browser would send them. */
async function readAsked(answer: Response) {
  const html = (await answer.text()).replaceAll('&quot;', '"').replaceAll('&#x3D;', '=')
  const challenge = JSON.parse(/data-challenge="(\{.*?\})" data-base/.exec(html)?.[1] ?? 'null')
  return { html, challenge, ticket: /name="ticket" value="([^"]*)"/.exec(html)?.[1] ?? '' }
}

/** Solves as the page's script does. */
async function solve(challenge: Parameters<typeof solveChallenge>[0]['challenge']): Promise<string> {
  const solution = await solveChallenge({ challenge, deriveKey, counterStart: 0, counterStep: 1 })
  return JSON.stringify({ challenge, solution: { counter: solution?.counter, derivedKey: solution?.derivedKey } })
}

/** A solution that costs the attacker nothing: the worst that could be. */
async function freeSolution(): Promise<string> {
  const secrets = {
    hmacSignatureSecret: keys().secretOf('challenge'),
    hmacKeySignatureSecret: keys().secretOf('solution'),
  }
  const expiresAt = new Date(Date.now() + 60_000)
  return solve(
    await createChallenge({ algorithm: 'PBKDF2/SHA-256', cost: 1, counter: 1, deriveKey, expiresAt, ...secrets }),
  )
}

async function each(count: number, act: (index: number) => Promise<void>): Promise<void> {
  let next = 0
  const work = async () => {
    while (next < count) await act(next++)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
}

/** Half of it at one mailbox, half at its host. */
const attackedAddress = (index: number) =>
  index % 2 === 0 ? `victim+${index}@victim.example` : `v${index}@victim.example`

async function countMails() {
  const rows = await web.round.db.selectFrom('notices').select('address').execute()
  const mailboxes = new Map<string, number>()
  for (const { address } of rows) {
    const mailbox = mailboxOf(address ?? '')
    mailboxes.set(mailbox, (mailboxes.get(mailbox) ?? 0) + 1)
  }
  return { all: rows.length, mailbox: Math.max(0, ...mailboxes.values()) }
}

async function answers(): Promise<Record<string, number>> {
  const rows = await web.round.db.selectFrom('sign_up_answers').selectAll().execute()
  return Object.fromEntries(rows.map(({ answer, count }) => [answer, count]))
}

/**
 * Signs up as a visitor with script does; returns the status of the last answer. Without `solves`
 * the solution is given to them.
 */
async function visit(address: string, from = '203.0.113.9', solves = isFull): Promise<number> {
  const first = await post({ address }, from)
  if (first.status !== 202) return first.status
  const { challenge } = await readAsked(first)
  return (await post({ address, solution: solves ? await solve(challenge) : await freeSolution() }, from)).status
}

/** In full, the figures of an attack for people to read. */
function tell(what: string, figures: Record<string, unknown>): void {
  if (isFull) process.stdout.write(`${what}: ${JSON.stringify(figures)}\n`)
}

const isMailed = async (address: string) =>
  (await web.round.db.selectFrom('notices').select('id').where('address', '=', address).execute()).length === 1

describe(`an attack of ${POSTS} posts from ${NETWORKS} networks`, () => {
  it('that proves nothing reaches no mailbox more than three times, and a visitor gets through', LONG, async () => {
    const before = await comeIn(12, 'host')
    await each(POSTS, async (index) => {
      await post({ address: attackedAddress(index) }, networkAt(index))
    })
    const mails = await countMails()
    expect(mails.mailbox).toBe(3)
    expect(before + mails.all).toBeLessThanOrEqual(UNSOLVED)
    const counted = await answers()
    expect((counted.taken ?? 0) + (counted.challenged ?? 0) + (counted.refused ?? 0)).toBe(POSTS)
    const startedAt = performance.now()
    expect(await visit('honest@victim.example', '203.0.113.9', true)).toBe(200)
    expect(await isMailed('honest@victim.example')).toBe(true)
    const visitorMs = performance.now() - startedAt
    expect(visitorMs).toBeLessThan(60_000)
    tell('without solving', { ...mails, ...counted, visitorMs })
  })

  it(
    'that solves at no cost takes the hour and each network once more; a visitor is served at once',
    LONG,
    async () => {
      const attack = () =>
        each(POSTS, async (index) => {
          await post({ address: attackedAddress(index), solution: await freeSolution() }, networkAt(index))
        })
      const before = (await comeIn(4, 'host', 'host-solved', 'host-new')) + (await comeIn(6, 'host-reserve'))
      await attack()
      const mails = await countMails()
      expect(mails.mailbox).toBe(3)
      expect(before + mails.all).toBeLessThanOrEqual(UNSOLVED + SOLVED + RESERVE)
      // Another host's visitor notices nothing, nor does who comes for the first time. For whoever
      // has solved before, the hour of the attacked host is used up, and says so.
      expect(await visit('honest@victim.example')).toBe(200)
      expect(await visit('honest@elsewhere.example')).toBe(200)
      expect(await visit('again@victim.example')).toBe(429)
      const counted = await answers()
      // An hour on, the same networks come first: they are not new any more.
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + HOUR_MS })
      await comeIn(4, 'host', 'host-solved', 'host-new')
      await attack()
      const startedAt = performance.now()
      expect(await visit('later@victim.example', '203.0.113.10')).toBe(200)
      expect(await isMailed('later@victim.example')).toBe(true)
      const visitorMs = performance.now() - startedAt
      tell('solving', { ...mails, ...counted, anHourLater: await countMails(), visitorMs })
    },
  )

  it('that solves slowly, each network seldom enough to seem new, keeps no visitor out', LONG, async () => {
    const hours = isFull ? 48 : 2
    const start = Date.now()
    let sent = 0
    // The first half of each hour goes to whoever asks, and each network solves up to thrice a day.
    const take = async (unsolved: number, solved: number) => {
      await each(unsolved, async (index) => {
        await post({ address: `u${sent}-${index}@victim.example` }, networkAt(sent + index))
      })
      await each(solved, async (index) => {
        const given = { address: `s${sent}-${index}@victim.example`, solution: await freeSolution() }
        await post(given, networkAt(sent + index))
      })
      sent += solved
    }
    let before = await comeIn(hours + 1, 'host-reserve')
    await take(0, NETWORKS)
    for (let hour = 1; hour <= hours; hour++) {
      vi.useFakeTimers({ toFake: ['Date'], now: start + hour * (HOUR_MS + 1_000) })
      before += await comeIn(1, 'host', 'host-solved', 'host-new')
      await take(isFull ? 35 : 2, isFull ? 40 : 3)
      const address = `honest${hour}@victim.example`
      const startedAt = performance.now()
      expect([hour, await visit(address, `198.51.100.${hour}`)]).toEqual([hour, 200])
      expect(await isMailed(address)).toBe(true)
      expect(performance.now() - startedAt).toBeLessThan(60_000)
    }
    const mails = await countMails()
    expect(mails.mailbox).toBeLessThanOrEqual(3)
    expect(before + mails.all).toBeLessThanOrEqual((hours + 1) * (UNSOLVED + SOLVED) + RESERVE)
    // It was the reserve that let them in: whoever solved within a month has none.
    expect(await visit('again@victim.example', '198.51.100.1')).toBe(429)
    tell('solving slowly', { hours, ...mails, ...(await answers()) })
  })

  it('that waits has few tickets a network, and only of the half without solutions', LONG, async () => {
    const tickets: { ticket: string; from: string }[] = []
    const before = await comeIn(12, 'host')
    await sql`insert into rate_limits (key, points, expire) values ('sign-up-busy:all', 1, ${Date.now() + HOUR_MS})`.execute(
      web.round.db,
    )
    await each(POSTS, async (index) => {
      const from = networkAt(index)
      const { ticket } = await readAsked(await post({ address: attackedAddress(index) }, from))
      if (ticket !== '') tickets.push({ ticket, from })
    })
    expect(tickets.length).toBeLessThanOrEqual(3 * 7 * NETWORKS)
    expect((await countMails()).all).toBe(0)
    // Too early: asked again, with the same ticket.
    const own = await readAsked(await post({ address: 'early@victim.example' }, '203.0.113.8'))
    const early = await post({ address: 'early@victim.example', ticket: own.ticket }, '203.0.113.8')
    expect([early.status, (await readAsked(early)).ticket]).toEqual([202, own.ticket])
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 21_000 })
    await each(tickets.length, async (index) => {
      const { ticket, from } = tickets[index] as (typeof tickets)[number]
      await post({ address: attackedAddress(index), ticket }, from)
    })
    const mails = await countMails()
    expect(mails.mailbox).toBe(3)
    expect(before + mails.all).toBeLessThanOrEqual(UNSOLVED)
    const startedAt = performance.now()
    expect(await visit('honest@victim.example')).toBe(200)
    expect(await isMailed('honest@victim.example')).toBe(true)
    const visitorMs = performance.now() - startedAt
    tell('waiting', { tickets: tickets.length, ...mails, ...(await answers()), visitorMs })
  })
})

describe('a proof', () => {
  const busy = () =>
    sql`insert into rate_limits (key, points, expire) values ('sign-up-busy:all', 1, ${Date.now() + HOUR_MS})`.execute(
      web.round.db,
    )

  it('counts once, and only as it was made', async () => {
    await busy()
    const solution = await freeSolution()
    expect((await post({ address: 'a@one.example', solution }, '203.0.113.1')).status).toBe(200)
    expect((await post({ address: 'b@one.example', solution }, '203.0.113.2')).status).toBe(202)
    const { ticket } = await readAsked(await post({ address: 'c@one.example' }, '203.0.113.3'))
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 21_000 })
    for (const wrong of ['x', `${ticket}x`, ticket.replace(/^./, '0'), `${ticket}.x`]) {
      expect((await post({ address: 'c@one.example', ticket: wrong }, '203.0.113.4')).status, wrong).toBe(202)
    }
    const fresh = await freeSolution()
    const more = (value: string) => fresh.replace('"cost"', `"more":${value},"cost"`)
    const nested = more(`${'['.repeat(10_000)}${']'.repeat(10_000)}`)
    const changed = solution.replace(/"counter":1/, '"counter":2').replace(/"cost":1/, '"cost":2')
    for (const wrong of ['x', '{}', changed, more('1'), nested]) {
      const { status } = await post({ address: 'c@one.example', solution: wrong }, '203.0.113.5')
      expect(status, wrong.slice(0, 200)).toBe(202)
    }
    expect((await post({ address: 'f@one.example', solution: fresh }, '203.0.113.6')).status).toBe(200)
    expect((await post({ address: 'c@one.example', ticket }, '203.0.113.3')).status).toBe(200)
    expect((await post({ address: 'd@one.example', ticket }, '203.0.113.3')).status).toBe(202)
    const old = await readAsked(await post({ address: 'g@one.example' }, '203.0.113.9'))
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 11 * 60_000 })
    expect((await post({ address: 'g@one.example', ticket: old.ticket }, '203.0.113.9')).status).toBe(202)
    const late = await freeSolution()
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 61_000 })
    expect((await post({ address: 'e@one.example', solution: late }, '203.0.113.6')).status).toBe(202)
  })

  it('is asked of a network that signs up many, and of nobody else; every state of an address is asked alike', async () => {
    const from = '203.0.113.7'
    for (const name of ['a', 'b', 'c']) expect((await post({ address: `${name}@two.example` }, from)).status).toBe(200)
    const asked = new Set<string>()
    for (const name of ['a', 'b', 'unknown']) {
      const answer = await post({ address: `${name}@two.example` }, from)
      const { html } = await readAsked(answer)
      const plain = html.replace(/data-challenge="[^>]*"/, '').replace(/value="[^"]*"/g, '')
      asked.add(`${answer.status} ${plain.replace(/<p role="status"[\s\S]*<\/form>/, '')}`)
      expect(answer.headers.get('Content-Security-Policy')).toContain("script-src 'self'")
    }
    expect(asked.size).toBe(1)
    expect((await post({ address: 'd@two.example' }, '203.0.113.8')).status).toBe(200)
  })

  it('comes with files of our own: the page’s script and the library’s', async () => {
    for (const path of [
      '/challenge.js',
      '/altcha/pow.js',
      '/altcha/helpers.js',
      '/altcha/types.js',
      '/altcha/algorithms/web/pbkdf2.js',
    ]) {
      const answer = await web.app.request(path)
      expect([answer.status, answer.headers.get('Content-Type')], path).toEqual([200, 'text/javascript; charset=utf-8'])
    }
    expect((await web.app.request('/altcha/../package.json')).status).toBe(404)
    expect((await web.app.request('/altcha/index.js')).status).toBe(404)
  })
})
