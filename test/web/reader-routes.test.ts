// Every link of a reader against whoever plays with it: changed and exchanged tokens, scanners that
// only look, requests of any shape. Small samples here, the whole of them with `npm run test:full`.
import { connect } from 'node:net'
import fc from 'fast-check'
import { sql } from 'kysely'
import { beforeEach, describe, expect, it } from 'vitest'
import { signUp } from '../../src/delivery/request/sign-up.ts'
import { ensureCredential } from '../../src/subscriber/credential.ts'
import type { Subscriber } from '../../src/subscriber/subscriber.ts'
import { issueToken, TOKEN_PURPOSES } from '../../src/subscriber/token.ts'
import { listen } from '../../src/web/server.ts'
import { makeAsk } from '../support/asks.ts'
import { isFull } from '../support/full.ts'
import { addReader, freezeEdition } from '../support/round.ts'
import { keepWeb, mailEdition, openApp, tokenOf } from './open-app.ts'

const web = keepWeb()
const TOKENS_TRIED = isFull ? 10_000 : 400
const REQUESTS_TRIED = isFull ? 6_000 : 300
const BYTES_TRIED = isFull ? 500 : 30
const LONG_MS = 600_000

/** What takes a token, and whether its button is pressed by POST. */
const LINKS = {
  confirm: true,
  preferences: false,
  unsubscribe: true,
  address: true,
  export: true,
  erase: true,
  undo: true,
  view: false,
  feed: false,
} as const
type Purpose = keyof typeof LINKS
const PURPOSES = Object.keys(LINKS) as Purpose[]

let reader: Subscriber
let tokens: Record<Purpose | 'session', string>
beforeEach(async () => {
  const { db, linkKeys } = web.round
  reader = await addReader(db, 'ada')
  const mail = (await mailEdition(web.round, await freezeEdition(web.round, '2026-03-05'))).get('ada@example.org')
  await signUp({ db, linkKeys }, 'new@example.org', makeAsk())
  const now = new Date()
  const signed = (purpose: 'preferences' | 'feed' | 'session') => issueToken(linkKeys, purpose, reader, now)
  const once = (purpose: 'address' | 'export' | 'erase' | 'confirm' | 'undo', payload: object | null, id = reader.id) =>
    db.transaction().execute((trx) => ensureCredential(trx, purpose, id, payload))
  const { id: newId } = await db
    .selectFrom('subscribers')
    .select('id')
    .where('consent', '=', 'pending')
    .executeTakeFirstOrThrow()
  const { id: _, ...standing } = reader
  tokens = {
    confirm: await once('confirm', makeAsk(), newId),
    address: await once('address', { address: 'moved@example.org' }),
    export: await once('export', null),
    erase: await once('erase', null),
    undo: await once('undo', { kind: 'choices', before: standing }),
    unsubscribe: tokenOf(mail, 'unsubscribe'),
    view: tokenOf(mail, 'view'),
    preferences: signed('preferences'),
    feed: signed('feed'),
    session: signed('session'),
  }
})

describe('a token', () => {
  it(
    `opens nothing once it was changed or taken to another door (${TOKENS_TRIED} tries)`,
    async () => {
      const before = await digestOf()
      const missing = await answer('/nothing', 'GET')
      expect(missing.status).toBe(404)
      const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
      const attempt = fc.record({
        door: fc.constantFrom(...PURPOSES),
        from: fc.constantFrom(...PURPOSES, 'session' as const),
        kind: fc.constantFrom('replace', 'insert', 'delete', 'shorten', 'as it is', 'other case'),
        at: fc.nat({ max: 58 }),
        character: fc.constantFrom(...alphabet),
        post: fc.boolean(),
      })
      let tried = 0
      await fc.assert(
        fc.asyncProperty(attempt, async ({ door, from, kind, at, character, post }) => {
          const token = tokens[from]
          const changed = {
            replace: token.slice(0, at) + character + token.slice(at + 1),
            insert: token.slice(0, at) + character + token.slice(at),
            delete: token.slice(0, at) + token.slice(at + 1),
            shorten: token.slice(0, at),
            'as it is': token,
            'other case': token.toLowerCase(),
          }[kind]
          fc.pre(changed !== '' && (changed !== token || door !== from))
          tried++
          const method = post && LINKS[door] ? 'POST' : 'GET'
          expect(await answer(`/${door}/${changed}`, method), `${method} /${door} ${kind} of ${from}`).toEqual(missing)
        }),
        { numRuns: TOKENS_TRIED },
      )
      expect(tried).toBeGreaterThanOrEqual(TOKENS_TRIED)
      expect(await digestOf()).toEqual(before)
    },
    LONG_MS,
  )

  it('changes nothing when it is only looked at, by GET, HEAD or OPTIONS, however often', async () => {
    const before = await digestOf()
    const paths = [...PURPOSES.map((purpose) => `/${purpose}/${tokens[purpose]}`), `/view/${tokens.view}/mail`]
    for (const path of paths) {
      for (const method of ['GET', 'HEAD', 'OPTIONS', 'GET']) {
        const { status } = await answer(path, method)
        expect(status, `${method} ${path}`).toBeLessThan(400)
      }
    }
    for (const step of ['weekly', 'pause', 'fewer']) {
      const cookie = `__Host-paper-round=${tokens.session}`
      const page = await web.app.request(`/preferences?step=${step}`, { headers: { cookie } })
      expect(page.status).toBe(200)
    }
    expect(await digestOf()).toEqual(before)
  })

  it('opens nothing after its epoch or its time but says so, and the way out stays open', async () => {
    const { db, linkKeys } = web.round
    const old = issueToken(linkKeys, 'preferences', reader, new Date(Date.now() - 91 * 86_400_000))
    expect((await answer(`/preferences/${old}`, 'GET')).status).toBe(410)
    await sql`update credentials set expires_at = now()`.execute(db)
    await sql`update subscribers set token_epoch = token_epoch + 1`.execute(db)
    for (const purpose of PURPOSES) {
      const { status } = await answer(`/${purpose}/${tokens[purpose]}`, 'GET')
      expect(status, purpose).toBe(purpose === 'unsubscribe' ? 200 : 410)
    }
    const cookie = `__Host-paper-round=${tokens.session}`
    expect((await web.app.request('/preferences', { headers: { cookie } })).status).toBe(403)
  })

  it('is in no line of the log', async () => {
    for (const purpose of PURPOSES) {
      await answer(`/${purpose}/${tokens[purpose]}`, 'GET')
      await answer(`/${purpose}/${tokens[purpose]}`, 'POST')
    }
    const log = web.log.join('')
    for (const token of Object.values(tokens)) expect(log).not.toContain(token)
    expect(log).not.toContain('@example.org')
  })
})

describe('a request of any shape', () => {
  it(
    `is no fault of ours (${REQUESTS_TRIED} tries)`,
    async () => {
      const fixed = ['/', '/subscribe', '/preferences', '/editions', '/feed.xml', '/feed.json', '/style.css', '/readyz']
      const path = fc.oneof(
        fc.constantFrom(...fixed),
        fc.constantFrom(...PURPOSES).map((purpose) => `/${purpose}/${tokens[purpose]}`),
        fc
          .tuple(fc.constantFrom(...PURPOSES, 'editions', 'outbox'), fc.string({ unit: 'binary', maxLength: 60 }))
          .map(([door, text]) => `/${door}/${encodeURIComponent(text)}`),
        fc.constantFrom(
          '/view/%',
          '/confirm/%00',
          '/editions/2026-02-31',
          '/editions/%E0%A4%A',
          '//',
          '/preferences/..',
        ),
      )
      const request = fc.record({
        path,
        method: fc.constantFrom('GET', 'POST', 'POST', 'POST', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'BREW'),
        query: fc.webQueryParameters({ size: 'small' }),
        type: fc.constantFrom(
          'application/x-www-form-urlencoded',
          'multipart/form-data',
          'multipart/form-data; boundary=x',
          'application/x-www-form-urlencoded; charset=utf-16',
          'application/json',
          'text/plain',
          '',
        ),
        fields: fc.dictionary(
          fc.constantFrom(
            'address',
            'action',
            'form',
            'opened',
            'zone',
            'hour',
            'papers',
            'until',
            'step',
            '__proto__',
          ),
          fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('save', 'preview', 'pause', 'weekly', 'erase', '\0')),
        ),
        noise: fc.uint8Array({ maxLength: 80 }),
        cookie: fc.constantFrom(
          '',
          `__Host-paper-round=${tokens.session}`,
          '__Host-paper-round=%E0',
          '=;;=',
          'a=b; a=c',
        ),
        accept: fc.constantFrom('*/*', 'application/json', 'text/html;q=x', ''),
        forwarded: fc.constantFrom('', '1.2.3.4', ', ,', 'unknown', '[::1]:x', '999.1.1.1'),
      })
      const statuses = new Set<number>()
      const app = openApp(web, { trustedProxy: { hops: 1 } })
      await fc.assert(
        fc.asyncProperty(request, async (given) => {
          const headers: Record<string, string> = { cookie: given.cookie, accept: given.accept }
          if (given.type !== '') headers['content-type'] = given.type
          if (given.forwarded !== '') headers['x-forwarded-for'] = given.forwarded
          const hasBody = !['GET', 'HEAD'].includes(given.method)
          const text = new URLSearchParams(Object.entries(given.fields)).toString()
          const body = given.type.startsWith('multipart')
            ? Buffer.from([...Buffer.from('--x\r\n'), ...given.noise])
            : text
          const init = { method: given.method, headers, ...(hasBody && { body }) }
          const { status } = await app.request(`${given.path}?${given.query}`, init)
          statuses.add(status)
          expect(status).toBeLessThan(500)
        }),
        { numRuns: REQUESTS_TRIED },
      )
      expect([...statuses]).toEqual(expect.arrayContaining([200, 404, 405]))
      expect(web.log.filter((line) => line.includes('web.failed'))).toEqual([])
    },
    LONG_MS,
  )

  it(
    `leaves the port open, even when it is not HTTP (${BYTES_TRIED} tries)`,
    async () => {
      const server = await listen(web.app, { port: 0, hostname: '127.0.0.1' })
      try {
        const port = Number(new URL(server.url).port)
        const heads = ['', 'GET / HTTP/1.1\r\n', 'POST /subscribe HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n']
        const bytes = fc.tuple(fc.constantFrom(...heads), fc.uint8Array({ minLength: 1, maxLength: 300 }))
        await fc.assert(
          fc.asyncProperty(bytes, async ([head, noise]) => {
            const status = await send(port, Buffer.concat([Buffer.from(head), noise, Buffer.from('\r\n\r\n')]))
            expect(status).not.toMatch(/^5/)
          }),
          { numRuns: BYTES_TRIED },
        )
        const long = await send(port, Buffer.from(`GET / HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`))
        expect(long).toBe('431')
        expect((await fetch(`${server.url}/healthz`)).status).toBe(200)
      } finally {
        await server.close()
      }
    },
    LONG_MS,
  )
})

async function answer(path: string, method: string) {
  const found = await web.app.request(path, { method })
  return { status: found.status, headers: Object.fromEntries(found.headers), body: await found.text() }
}

/** Sends bytes and returns the status that came back, '' for none. */
function send(port: number, bytes: Uint8Array): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    const socket = connect(port, '127.0.0.1', () => socket.end(bytes))
    socket.setTimeout(2_000, () => socket.destroy())
    socket.on('data', (data) => {
      text += data.toString('latin1')
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? ''))
  })
}

/** Returns a digest of every table. */
async function digestOf(): Promise<Record<string, string>> {
  const { rows: tables } = await sql<{ name: string }>`
    select table_name as name from information_schema.tables
    where table_schema = 'public' and table_type = 'BASE TABLE' order by 1`.execute(web.round.db)
  const digests: Record<string, string> = {}
  for (const { name } of tables) {
    const { rows } = await sql<{ md5: string }>`
      select coalesce(md5(string_agg(t::text, '' order by t::text)), '') as md5 from ${sql.table(name)} t`.execute(
      web.round.db,
    )
    digests[name] = rows[0]?.md5 ?? ''
  }
  expect(Object.keys(digests).length).toBeGreaterThan(15)
  return digests
}

it('has a door for every purpose that is signed', () => {
  expect(TOKEN_PURPOSES.filter((purpose) => !(purpose in LINKS))).toEqual(['session'])
})
