import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openHandles } from '../../src/database/client.ts'
import { findSubscriberByAddress } from '../../src/subscriber/store.ts'
import { deriveLinkKeys, signToken, type TokenPurpose } from '../../src/subscriber/token.ts'
import { runs } from '../support/full.ts'
import { addReader, freezeEdition } from '../support/round.ts'
import { keepWeb, mailEdition, openApp, snapshot, tokenOf } from './open-app.ts'

const web = keepWeb()
const DATE = '2026-03-05'

async function mailAda() {
  await addReader(web.round.db, 'ada')
  const mail = (await mailEdition(web.round, await freezeEdition(web.round, DATE))).get('ada@example.org')
  return { view: tokenOf(mail, 'view'), unsubscribe: tokenOf(mail, 'unsubscribe') }
}

describe('every answer', () => {
  it('carries the headers that keep a browser still', async () => {
    const tokens = await mailAda()
    const paths = [
      '/',
      '/style.css',
      '/zone.js',
      '/robots.txt',
      '/healthz',
      '/readyz',
      '/nothing',
      `/view/${tokens.view}`,
      `/view/${tokens.view}/mail`,
      `/unsubscribe/${tokens.unsubscribe}`,
    ]
    for (const path of paths) {
      for (const method of ['GET', 'HEAD', 'POST', 'OPTIONS', 'DELETE']) {
        const { headers, status } = await web.app.request(path, { method })
        const policy = headers.get('Content-Security-Policy') ?? ''
        expect(policy, `${method} ${path} ${status}`).toContain("default-src 'none'")
        expect(policy).not.toMatch(/script-src (?!'self';)/)
        expect(policy).toContain("base-uri 'none'")
        expect(headers.get('Referrer-Policy')).toBe('no-referrer')
        expect(headers.get('X-Content-Type-Options')).toBe('nosniff')
        expect(headers.get('Cross-Origin-Opener-Policy')).toBe('same-origin')
        expect(headers.get('Strict-Transport-Security')).toMatch(/^max-age=\d+$/)
        expect(headers.get('Set-Cookie')).toBeNull()
        expect(status).toBeLessThan(500)
      }
    }
  })

  it('allows inline styles nowhere but in the mail itself, which nobody else may frame', async () => {
    const { view, unsubscribe } = await mailAda()
    for (const path of ['/', `/view/${view}`, `/unsubscribe/${unsubscribe}`, '/nothing']) {
      const policy = (await web.app.request(path)).headers.get('Content-Security-Policy') ?? ''
      expect(policy).toContain("style-src 'self'")
      expect(policy).toContain("frame-ancestors 'none'")
      expect(policy).not.toContain('unsafe')
    }
    const policy = (await web.app.request(`/view/${view}/mail`)).headers.get('Content-Security-Policy') ?? ''
    expect(policy).toContain("style-src 'unsafe-inline'")
    expect(policy).toContain("frame-ancestors 'self'")
    expect(policy).toMatch(/; sandbox allow-popups allow-popups-to-escape-sandbox$/)
  })

  it('is a page without inline scripts, styles and handlers, in a language, with one first heading', async () => {
    const { view, unsubscribe } = await mailAda()
    for (const path of ['/', `/view/${view}`, `/unsubscribe/${unsubscribe}`, '/nothing']) {
      const html = await (await web.app.request(path)).text()
      expect(html).toMatch(/^<!doctype html>\n<html lang="en">/)
      expect(html.replace(/<script src="\/zone\.js[^"]*" defer><\/script>/, '')).not.toMatch(
        /<script|<style|\sstyle=|\son\w+=/i,
      )
      expect(html.match(/<h1[\s>]/g)).toHaveLength(1)
    }
  })

  it('promises https only where the public address does', async () => {
    const app = openApp(web, { publicUrl: 'http://localhost:3000' })
    expect((await app.request('/')).headers.get('Strict-Transport-Security')).toBeNull()
  })

  it('keeps what stands behind a token out of caches and indexes', async () => {
    const { view, unsubscribe } = await mailAda()
    for (const path of [`/view/${view}`, `/view/${view}/mail`, `/unsubscribe/${unsubscribe}`]) {
      const { headers, status } = await web.app.request(path)
      expect(status).toBe(200)
      expect(headers.get('Cache-Control')).toBe('no-store')
      expect(headers.get('X-Robots-Tag')).toBe('noindex')
    }
  })
})

describe('routes', () => {
  it('links from its pages only to pages that are there', async () => {
    const { view, unsubscribe } = await mailAda()
    const links = new Set<string>()
    for (const path of ['/', `/view/${view}`, `/unsubscribe/${unsubscribe}`, '/nothing']) {
      const html = await (await web.app.request(path)).text()
      for (const [, link] of html.matchAll(/(?:href|src|action)="(\/[^"]*)"/g)) links.add(decode(link as string))
    }
    // It leads to the form.
    links.delete('/subscribe')
    expect(links.size).toBeGreaterThan(3)
    for (const link of links) expect((await web.app.request(link)).status, link).toBe(200)
  })

  it('puts the path of the public address before its links', async () => {
    const app = openApp(web, { publicUrl: 'https://example.org/papers' })
    const html = await (await app.request('/')).text()
    expect(decode(html)).toContain('href="/papers/style.css?v=')
    expect(html).not.toMatch(/(?:href|src|action)="\/(?!papers\/)/)
  })

  it('leads to the same pages with the path of the public address and without it', async () => {
    const { unsubscribe } = await mailAda()
    const settings = { publicUrl: 'https://example.org/papers', readVersion: async () => 'one' }
    const app = openApp(web, settings)
    // As a link mailed before there was a path, where nothing is in front of us.
    const html = await (await app.request(`/unsubscribe/${unsubscribe}`)).text()
    const button = /<form method="post" action="([^"]+)">/.exec(decode(html))?.[1] as string
    expect(button).toBe(`/papers/unsubscribe/${unsubscribe}`)
    const style = /href="([^"]*style\.css[^"]*)"/.exec(decode(html))?.[1] as string
    for (const path of [style, style.slice('/papers'.length), '/papers', '/papers/', '/papers/editions']) {
      expect((await app.request(path)).status, path).toBe(200)
    }
    for (const path of ['/papersomething', '/papers/papers/editions']) {
      expect((await app.request(path)).status, path).toBe(404)
    }
    const left = await app.request(button, { method: 'POST', body: new URLSearchParams() })
    expect([left.status, left.headers.get('Cache-Control')]).toEqual([200, 'no-store'])
    expect(await findSubscriberByAddress(web.round.db, 'ada@example.org')).toMatchObject({ consent: 'unsubscribed' })
  })

  it('names the methods that an address takes', async () => {
    const { unsubscribe } = await mailAda()
    const path = `/unsubscribe/${unsubscribe}`
    const refused = await web.app.request(path, { method: 'PUT' })
    expect([refused.status, refused.headers.get('Allow')]).toEqual([405, 'GET, HEAD, POST'])
    // People are told nothing of methods, and where to go.
    expect(await refused.text()).toMatch(/^(?!.*<p>[^<]*\b(?:GET|POST)\b).*<a class="button" href="\/">/s)
    const asked = await web.app.request(path, { method: 'OPTIONS' })
    expect([asked.status, asked.headers.get('Allow')]).toEqual([204, 'GET, HEAD, POST'])
    expect((await web.app.request('/', { method: 'POST' })).headers.get('Allow')).toBe('GET, HEAD')
  })

  it('has no outbox unless it is given one', async () => {
    expect((await web.app.request('/outbox')).status).toBe(404)
    expect(await (await web.app.request('/')).text()).not.toContain('/outbox')
  })

  it('serves its stylesheet under an address that changes with it', async () => {
    const html = decode(await (await web.app.request('/')).text())
    const address = /href="(\/style\.css\?v=\w+)"/.exec(html)?.[1] as string
    const answer = await web.app.request(address)
    expect(answer.headers.get('Content-Type')).toBe('text/css; charset=utf-8')
    expect(answer.headers.get('Cache-Control')).toContain('immutable')
    const { theme } = await web.round.templates()
    expect(await answer.text()).toContain(`--accent: ${theme.light.accent};`)
    expect((await web.app.request('/style.css')).headers.get('Cache-Control')).toBe('no-cache')
  })

  it('serves its one script the same way', async () => {
    const html = decode(await (await web.app.request('/')).text())
    const answer = await web.app.request(/src="(\/zone\.js\?v=\w+)"/.exec(html)?.[1] as string)
    expect(answer.headers.get('Content-Type')).toBe('text/javascript; charset=utf-8')
    expect(answer.headers.get('Cache-Control')).toContain('immutable')
    expect(await answer.text()).toContain('resolvedOptions().timeZone')
  })

  it('refuses a body above 64 kB, announced or not', async () => {
    const { unsubscribe } = await mailAda()
    const before = await snapshot(web.round.db)
    const body = `List-Unsubscribe=One-Click&x=${'x'.repeat(65 * 1024)}`
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded' }
    const path = `/unsubscribe/${unsubscribe}`
    const announced = await web.app.request(path, {
      method: 'POST',
      body,
      headers: { ...headers, 'Content-Length': String(body.length) },
    })
    const streamed = await web.app.request(path, { method: 'POST', body, headers })
    expect([announced.status, streamed.status]).toEqual([413, 413])
    expect(await snapshot(web.round.db)).toEqual(before)
  })
})

describe('a wrong link', () => {
  it('is answered like any other, whatever is wrong with it', async () => {
    const tokens = await mailAda()
    const other = deriveLinkKeys(['another secret of another installation'])
    const claim = { publicId: '00000000-0000-4000-8000-000000000000', epoch: 0, issuedAt: new Date() }
    const unknown = (purpose: 'view' | 'unsubscribe') =>
      signToken(web.round.linkKeys, web.round.linkKeys.currentKeyId, purpose, claim)
    const paths = [
      '/view/x',
      '/view/x/mail',
      '/view/%E0%A4%A',
      `/view/${unknown('view')}`,
      `/view/${unknown('view')}/mail`,
      `/view/${tokens.unsubscribe}`,
      `/view/${signToken(other, other.currentKeyId, 'view', claim)}`,
      '/unsubscribe/x',
      `/unsubscribe/${unknown('unsubscribe')}`,
      `/unsubscribe/${tokens.view}`,
      `/unsubscribe/${tokens.unsubscribe}.`,
      `/unsubscribe/${tokens.unsubscribe.slice(0, -1)}`,
    ]
    const expected = await describeAnswer('/nothing', 'GET')
    expect(expected.status).toBe(404)
    for (const path of paths) expect(await describeAnswer(path, 'GET'), path).toEqual(expected)
    for (const path of paths.filter((each) => each.startsWith('/unsubscribe/'))) {
      expect(await describeAnswer(path, 'POST'), path).toEqual(expected)
    }
  })

  it('is never taken for a right one: changed tokens and tokens of another purpose', async () => {
    const tokens = await mailAda()
    const before = await snapshot(web.round.db)
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const change = fc.record({
      purpose: fc.constantFrom('view' as const, 'unsubscribe' as const),
      kind: fc.constantFrom('replace', 'insert', 'delete', 'swap purpose'),
      at: fc.nat({ max: 58 }),
      character: fc.constantFrom(...alphabet),
    })
    let tried = 0
    await fc.assert(
      fc.asyncProperty(change, async ({ purpose, kind, at, character }) => {
        const token = tokens[purpose]
        const changed = {
          replace: token.slice(0, at) + character + token.slice(at + 1),
          insert: token.slice(0, at) + character + token.slice(at),
          delete: token.slice(0, at) + token.slice(at + 1),
          'swap purpose': tokens[purpose === 'view' ? 'unsubscribe' : 'view'],
        }[kind] as string
        fc.pre(changed !== token)
        tried++
        expect((await web.app.request(`/${purpose}/${changed}`)).status).toBe(404)
        expect((await web.app.request(`/${purpose}/${changed}`, { method: 'POST' })).status).not.toBe(200)
      }),
      { numRuns: runs(400) },
    )
    expect(tried).toBeGreaterThan(runs(300))
    expect(await snapshot(web.round.db)).toEqual(before)
  })
})

describe('a fault of ours', () => {
  it('says nothing about itself to the visitor and names the route, not the token, in the log', async () => {
    const { view } = await mailAda()
    const broken = new Proxy(web.round.db, {
      get() {
        throw new Error('connection string postgres://secret@host')
      },
    })
    const answer = await openApp(web, { db: broken }).request(`/view/${view}`)
    expect(answer.status).toBe(500)
    expect(answer.headers.get('Content-Security-Policy')).toContain("default-src 'none'")
    expect(answer.headers.get('Cache-Control')).toBe('no-store')
    const page = await answer.text()
    expect(page).toContain('That went wrong')
    expect(page).not.toContain('secret')
    expect(web.log).toHaveLength(1)
    expect(JSON.parse(web.log[0] as string)).toMatchObject({
      level: 'error',
      event: 'web.failed',
      route: '/view/:token',
    })
    expect(web.log[0]).not.toContain(view)
  })
})

describe('without PostgreSQL', () => {
  it('asks everybody to come again, and never fails', async () => {
    const { db } = openHandles('postgres://nobody@127.0.0.1:1/none')
    const app = openApp(web, { db })
    const keys = web.round.linkKeys
    const claim = { publicId: '00000000-0000-4000-8000-000000000000', epoch: 1, issuedAt: new Date() }
    const token = (purpose: TokenPurpose) => signToken(keys, keys.currentKeyId, purpose, claim)
    const random = 'A'.repeat(43)
    const session = { Cookie: `__Host-paper-round=${token('session')}; paper-round=${token('session')}` }
    const asked: [method: string, path: string, headers?: Record<string, string>][] = [
      ...['/', '/editions', `/editions/${DATE}`, `/editions/${DATE}/weekly`, '/editions?q=graph', '/feed.xml'].map(
        (path): [string, string] => ['GET', path],
      ),
      ...['/feed.json', '/sitemap.xml', `/view/${token('view')}`, `/view/${token('view')}/mail`].map(
        (path): [string, string] => ['GET', path],
      ),
      ['GET', `/feed/${token('feed')}`],
      ['GET', `/preferences/${token('preferences')}`],
      ['GET', '/preferences', session],
      ['POST', '/preferences', session],
      ...['confirm', 'address', 'export', 'erase', 'undo'].flatMap((name): [string, string][] => [
        ['GET', `/${name}/${random}`],
        ['POST', `/${name}/${random}`],
      ]),
    ]
    for (const [method, path, headers = {}] of asked) {
      const answer = await app.request(path, { method, headers })
      expect([method, path, answer.status]).toEqual([method, path, 503])
      expect(answer.headers.get('Retry-After')).toBe('30')
      expect(answer.headers.get('Cache-Control')).toBe('no-store')
      expect(await answer.text()).toContain('database is out of reach')
    }
    await db.destroy()
    // Said once, and not once a request.
    expect(web.log.map((line) => JSON.parse(line).event)).toEqual(['web.unavailable'])
  })
})

/** Templates escape more than they would have to. */
function decode(html: string): string {
  return html.replaceAll('&#x3D;', '=')
}

async function describeAnswer(path: string, method: string) {
  const answer = await web.app.request(path, { method })
  return { status: answer.status, headers: Object.fromEntries(answer.headers), body: await answer.text() }
}
