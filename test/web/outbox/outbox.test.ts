import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Hono } from 'hono'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { composeMessage } from '../../../src/delivery/provider/message.ts'
import { openOutbox } from '../../../src/delivery/provider/outbox.ts'
import type { Mail } from '../../../src/delivery/provider/provider.ts'
import { addReader } from '../../support/round.ts'
import { keepWeb, openApp } from '../open-app.ts'

const web = keepWeb()
let directory: string
let app: Hono

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'paper-round-outbox-'))
  app = openApp(web, { outboxDirectory: directory })
})

afterEach(() => rm(directory, { recursive: true }))

function mail(number: number, given: Partial<Mail> = {}): Mail {
  return {
    publicId: `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`,
    to: `reader-${number}@example.org`,
    from: 'Daily Papers <papers@example.org>',
    subject: `Mail ${number}`,
    headers: { 'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click' },
    html: '<html><head></head><body>Only in the frame</body></html>',
    text: 'The text part',
    date: '2026-03-06T00:31:00.000Z',
    ...given,
  }
}

async function write(mails: Mail[], kind = 'daily', date = '2026-03-05'): Promise<void> {
  const outcome = await openOutbox({ directory }).send({ edition: { date, kind }, idempotencyKey: 'k', mails })
  expect(outcome.kind).toBe('answered')
}

const pathOf = ({ publicId }: Mail) => `/outbox/2026-03-05-daily/${publicId}.eml`
const pageOf = async (path: string) => (await app.request(path)).text()

describe('the list', () => {
  it('waits kindly for the first mail', async () => {
    expect(await pageOf('/outbox')).toContain('No emails yet')
    expect(await pageOf('/')).toContain('href="/outbox"')
  })

  it('shows whom each mail is for and what they chose', async () => {
    await addReader(web.round.db, 'ada', { cadence: 'weekly', weekday: 3, choices: { papers: 1, length: 'titles' } })
    await write([mail(1, { to: 'ada@example.org', subject: 'Vögel & <Fische>' }), mail(2)])
    await write([mail(3)], 'weekly')
    const html = await pageOf('/outbox')
    expect(html).toContain('ada@example.org')
    expect(html).toContain('Vögel &amp; &lt;Fische&gt;')
    expect(html).toContain('Wednesdays at 07:00, UTC · 1 paper · titles only')
    expect(html).toMatch(/Thursday 5 March 2026 <span[^>]*>2 emails/)
    expect(html).toMatch(/Week to Thursday 5 March 2026 <span[^>]*>1 email</)
    expect(html).not.toContain('Mail 3')
    expect(await pageOf('/outbox?folder=2026-03-05-weekly')).toContain('Mail 3')
  })

  it('goes by pages of a hundred', async () => {
    await write(Array.from({ length: 230 }, (_, index) => mail(index + 1)))
    const seen = new Set<string>()
    for (const [page, count] of [
      [1, 100],
      [2, 100],
      [3, 30],
    ]) {
      const html = await pageOf(`/outbox?folder=2026-03-05-daily&page=${page}`)
      const subjects = [...html.matchAll(/>(Mail \d+)</g)].map(([, subject]) => subject as string)
      expect(subjects).toHaveLength(count as number)
      for (const subject of subjects) seen.add(subject)
      expect(html.includes('rel="prev"')).toBe(page !== 1)
      expect(html.includes('rel="next"')).toBe(page !== 3)
    }
    expect(seen.size).toBe(230)
    expect(await pageOf('/outbox?page=2')).toContain('101 to 200 of 230 emails')
    for (const page of ['0', '-1', '99', 'x', '1e9', '']) {
      expect((await app.request(`/outbox?page=${page}`)).status).toBe(200)
    }
  })

  it('does not know other folders', async () => {
    await write([mail(1)])
    for (const folder of ['..', '2026-03-06-daily', '/etc', '%2e%2e%2f', '']) {
      expect((await app.request(`/outbox?folder=${folder}`)).status).toBe(404)
    }
  })
})

describe('a mail', () => {
  it('shows its headers and text, and its HTML only in the sandboxed frame', async () => {
    await write([mail(1), mail(2)])
    const answer = await app.request(pathOf(mail(1)))
    const html = await answer.text()
    expect(html).toMatch(
      new RegExp(`<iframe [^>]*src="${pathOf(mail(1))}/html" sandbox="allow-popups allow-popups-to-escape-sandbox"`),
    )
    expect(html).toContain('The text part')
    expect(html).toContain('<dt>List-Unsubscribe-Post</dt><dd>List-Unsubscribe&#x3D;One-Click</dd>')
    expect(html).toContain('<dt>Message-ID</dt>')
    expect(html).not.toContain('Only in the frame')
    expect(html).toMatch(new RegExp(`href="${pathOf(mail(2))}"`))
    expect(answer.headers.get('Content-Security-Policy')).toContain("style-src 'self'")
  })

  it('leads to this run, whatever port the run had that wrote it', async () => {
    const here = openApp(web, { outboxDirectory: directory, publicUrl: 'http://localhost:4000' })
    const links =
      'http://localhost:3000/view/a http://localhost/ http://localhost:30001.example/ https://localhost:3000/'
    await write([mail(1, { html: `<html><body>${links}</body></html>`, text: links })])
    const led =
      'http://localhost:4000/view/a http://localhost:4000/ http://localhost:30001.example/ https://localhost:3000/'
    expect(await (await here.request(`${pathOf(mail(1))}/html`)).text()).toContain(led)
    expect(await (await here.request(pathOf(mail(1)))).text()).toContain('http://localhost:4000/view/a')
    expect(await (await app.request(`${pathOf(mail(1))}/html`)).text()).toContain(links)
  })

  it('has its HTML in an answer of its own, with a policy of its own', async () => {
    await write([mail(1)])
    const answer = await app.request(`${pathOf(mail(1))}/html`)
    const policy = answer.headers.get('Content-Security-Policy') ?? ''
    expect(policy).toContain('sandbox allow-popups allow-popups-to-escape-sandbox')
    expect(policy).not.toMatch(/script|allow-same-origin/)
    expect(await answer.text()).toContain('<head><base target="_blank"></head><body>Only in the frame</body>')
  })

  it('can be had as it was written', async () => {
    await write([mail(1)])
    const answer = await app.request(`${pathOf(mail(1))}/source`)
    expect(answer.headers.get('Content-Type')).toBe('message/rfc822')
    expect(answer.headers.get('Content-Disposition')).toMatch(/^attachment; filename="[\w-]+\.eml"$/)
    expect(await answer.text()).toBe(composeMessage(mail(1)))
  })

  it('is escaped in its headers and text', async () => {
    const evil = '"><script>alert(1)</script>'
    await write([mail(1, { subject: evil, text: evil, headers: { 'X-Note': evil } })])
    const html = await pageOf(pathOf(mail(1)))
    expect(html).not.toContain('<script')
    expect(html.match(/&lt;script&gt;/g)?.length).toBeGreaterThanOrEqual(4)
  })

  it('is not found under a name that the outbox did not write', async () => {
    await write([mail(1)])
    const file = `${mail(1).publicId}.eml`
    const paths = [
      `/outbox/2026-03-05-daily/${mail(9).publicId}.eml`,
      '/outbox/2026-03-05-daily/..',
      '/outbox/2026-03-05-daily/..%2f..%2fpackage.json',
      `/outbox/..%2f2026-03-05-daily/${file}`,
      `/outbox/%2e%2e/${file}`,
      `/outbox/2026-03-05-daily/${file}%00`,
      `/outbox/2026-03-05-daily/${file.replace('.eml', '.EML')}`,
      '/outbox/etc/passwd',
    ]
    for (const path of paths.flatMap((each) => [each, `${each}/html`, `${each}/source`])) {
      expect((await app.request(path)).status, path).toBe(404)
    }
    expect((await app.request(pathOf(mail(1)))).status).toBe(200)
  })
})
