import { cp, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openEditions } from '../../../src/web/preview/editions.ts'
import { createPreview, type PreviewDependencies } from '../../../src/web/preview/preview.ts'
import { openTemplateFolder, type TemplateFolder } from '../../../src/web/preview/templates.ts'
import { addReader, freezeEdition, openListedSource } from '../../support/round.ts'
import { keepWeb, snapshot } from '../open-app.ts'

const web = keepWeb()
const DATE = '2026-03-05'
const SANDBOX = 'allow-popups allow-popups-to-escape-sandbox'

let directory: string
let templates: TemplateFolder
let ending: AbortController

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'paper-round-preview-'))
  await cp(new URL('../../../templates', import.meta.url), directory, { recursive: true })
  templates = openTemplateFolder(directory)
  ending = new AbortController()
})

afterEach(async () => {
  ending.abort()
  templates.close()
  await rm(directory, { recursive: true })
})

function open(given: Partial<PreviewDependencies> = {}) {
  const { db, host } = web.round
  return createPreview({
    db,
    editions: openEditions({ db, source: openListedSource({}), sample: false }),
    templates,
    host,
    start: { date: undefined, kind: 'daily', subscriber: '', length: undefined, missed: false },
    signal: ending.signal,
    ...given,
  })
}

/** Without any stores: the two sample days. */
function openSample() {
  const editions = openEditions({ db: undefined, source: openListedSource({}), sample: true })
  return open({ db: undefined, editions })
}

type App = ReturnType<typeof open>
const pageOf = async (app: App, path = '/') => (await app.request(path)).text()
const plainly = (text: string) => text.replaceAll('&amp;', '&').replaceAll('&#x3D;', '=')
/** Paths of the frames, in the order of the page. */
const framesOf = (html: string) =>
  [...html.matchAll(/<iframe [^>]*src="([^"]+)"/g)].map((match) => plainly(match[1] ?? ''))
const edit = async (file: string, change: (text: string) => string) => {
  const path = join(directory, file)
  // As editors save: written beside and renamed.
  await writeFile(`${path}.new~`, change(await readFile(path, 'utf8')))
  await rename(`${path}.new~`, path)
}

describe('the page', () => {
  it('shows the newest edition four times, each in a sandboxed frame, and none of its HTML outside', async () => {
    await freezeEdition(web.round, DATE)
    await freezeEdition(web.round, '2026-03-04')
    const html = await pageOf(open())
    const paths = framesOf(html)
    expect(paths.map((path) => new URLSearchParams(path.split('?')[1]).get('scheme'))).toEqual([
      'light',
      'light',
      'dark',
      'dark',
    ])
    for (const path of paths) expect(path).toContain(`date=${DATE}&kind=daily`)
    expect(html.match(new RegExp(`<iframe [^>]* sandbox="${SANDBOX}"`, 'g'))).toHaveLength(4)
    expect(html).toMatch(/class="phone light">[\s\S]*375 px/)
    expect(html).toMatch(/class="desktop dark">[\s\S]*700 px/)
    expect(html).not.toContain('<td')
  })

  it('shows subject, both sizes with their limits, the text part and every header', async () => {
    await freezeEdition(web.round, DATE)
    const html = await pageOf(open())
    expect(html).toMatch(/<p class="subject"[^>]*>[^<]+ · Thu 5 Mar/)
    expect(html).toMatch(/HTML<\/span> <b>[\d.]+ kB<\/b> <span[^>]*>of 80 kB/)
    expect(html).toMatch(/Whole message<\/span> <b>[\d.]+ kB<\/b> <span[^>]*>of 102 kB/)
    expect(html).toContain('https://arxiv.org/abs/2603.05001\n')
    for (const name of ['From', 'To', 'Subject', 'Date', 'Message-ID', 'List-Unsubscribe', 'Content-Type']) {
      expect(html).toContain(`<dt>${name}</dt>`)
    }
  })

  it('allows itself its own script and stream, and the frames nothing', async () => {
    await freezeEdition(web.round, DATE)
    const app = open()
    const answer = await app.request('/')
    const policy = answer.headers.get('Content-Security-Policy') ?? ''
    expect(policy).toContain("default-src 'none'")
    expect(policy).toContain("script-src 'self'; connect-src 'self'")
    expect(policy).not.toContain('unsafe')
    const html = await answer.text()
    expect(html.match(/<script[^>]*>/g)).toEqual(['<script src="/preview.js" defer>'])
    expect(html).not.toMatch(/<style| style=| on\w+=/)
    const script = await app.request('/preview.js')
    expect(script.headers.get('Content-Type')).toContain('text/javascript')
    expect(await script.text()).toContain("new EventSource('/events')")
    expect((await app.request('/preview.css')).headers.get('Content-Type')).toContain('text/css')
    const mail = await app.request(framesOf(html)[0] ?? '')
    expect(mail.headers.get('Content-Security-Policy')).toContain(`sandbox ${SANDBOX}`)
    expect(mail.headers.get('Content-Security-Policy')).not.toMatch(/script|same-origin/)
  })

  it('answers on loopback names only', async () => {
    const app = openSample()
    for (const host of ['localhost:4000', '127.0.0.1', '[::1]:80']) {
      expect((await app.request('/', { headers: { Host: host } })).status).toBe(200)
    }
    for (const host of ['papers.example', 'localhost.evil.example', '127.0.0.1.evil.example', '192.168.0.7']) {
      expect((await app.request('/', { headers: { Host: host } })).status).toBe(421)
    }
  })
})

describe('the form', () => {
  it('chooses subscriber, length, kind and date, and keeps what was chosen', async () => {
    await addReader(web.round.db, 'ada', { choices: { papers: 2, length: 'titles' } })
    await freezeEdition(web.round, DATE)
    const html = await pageOf(open(), `/?date=${DATE}&kind=daily&subscriber=ada%40example.org&length=`)
    expect(html).toContain('<option value="ada@example.org" selected>')
    expect(html).toContain('<dt>To</dt><dd>ada@example.org</dd>')
    expect(html).toContain('arxiv.org/abs/2603.05002\n')
    expect(html).not.toContain('arxiv.org/abs/2603.05003\n')
    const mail = (path: string) => pageOf(open(), path)
    const own = await mail(framesOf(html)[0] ?? '')
    const full = await mail((framesOf(html)[0] ?? '').replace('length=', 'length=full'))
    expect(own).not.toContain('at some length')
    expect(full).toContain('at some length')
    expect(full).toContain('2603.05002')
    expect(full).not.toContain('What paper 2603.05003 found')
  })

  it('leads to the known editions before and after', async () => {
    for (const date of ['2026-03-03', DATE, '2026-03-09']) await freezeEdition(web.round, date)
    const html = plainly(await pageOf(open(), `/?date=${DATE}`))
    expect(html).toMatch(/rel="prev" href="\/\?date=2026-03-03&/)
    expect(html).toMatch(/rel="next" href="\/\?date=2026-03-09&/)
    const last = plainly(await pageOf(open()))
    expect(last).toContain('value="2026-03-09"')
    expect(last).not.toContain('rel="next"')
  })

  it('says why there is nothing: unknown reader, no papers, none for these choices', async () => {
    await addReader(web.round.db, 'cora', { choices: { minimumVotes: 5000 } })
    await freezeEdition(web.round, DATE)
    const app = open()
    expect(await pageOf(app, '/?subscriber=x%40example.org')).toContain('x@example.org is not a subscriber')
    expect(await pageOf(app, '/?date=2026-03-07')).toContain('The edition of 2026-03-07 holds no papers')
    const cora = await pageOf(app, '/?subscriber=cora%40example.org')
    expect(cora).toContain('has nothing for cora@example.org: none of its 5 papers meets these choices')
    expect(framesOf(cora)).toEqual([])
  })

  it('escapes whatever comes back', async () => {
    const html = await pageOf(openSample(), '/?subscriber="><script>alert(1)</script>&date="><b>')
    expect(html).not.toContain('<script>alert')
    expect(html).not.toContain('"><b>')
  })
})

describe('the mail in a frame', () => {
  it('is light or dark whatever the browser prefers', async () => {
    const app = openSample()
    const light = await pageOf(app, '/mail?scheme=light')
    const dark = await pageOf(app, '/mail?scheme=dark')
    expect(dark).toContain('@media (min-width: 0)')
    expect(light).toContain('@media (max-width: 0)')
    for (const html of [light, dark]) {
      expect(html).not.toContain('prefers-color-scheme')
      expect(html).toMatch(/<head[^>]*><base target="_blank">/)
    }
  })

  it('has links that open nothing', async () => {
    const html = await pageOf(openSample(), '/mail?scheme=light')
    expect(html).toMatch(/https:\/\/papers\.example\/unsubscribe\/preview-+"/)
  })
})

describe('without any stores', () => {
  it('shows a sample day at once, late risers and all, and the week of both', async () => {
    const app = openSample()
    const html = await pageOf(app)
    expect(html).toContain('value="2025-08-08"')
    expect(html).toContain('sample day')
    expect(await pageOf(app, '/mail?scheme=light')).toContain('votes, listed late on Thursday')
    expect(await pageOf(app, '/mail?scheme=light')).not.toContain('From earlier days')
    expect(await pageOf(app, '/mail?scheme=light&missed=yes')).toContain('From earlier days')
    expect(await pageOf(app, '/?kind=weekly')).toContain('week to 8 Aug')
    expect(framesOf(await pageOf(app, '/?date=2025-08-07'))).toHaveLength(4)
  })
})

describe('while templates are written', () => {
  /** Reads events from the stream; each call waits for the next one. */
  async function follow(app: App) {
    const answer = await app.request('/events')
    expect(answer.headers.get('Content-Type')).toContain('text/event-stream')
    const reader = (answer.body as ReadableStream<Uint8Array>).getReader()
    const next = async () => {
      const { value, done } = await reader.read()
      return done ? undefined : /^data: (\w+)/.exec(new TextDecoder().decode(value))?.[1]
    }
    return { next }
  }

  it('tells of a change, and the next page is made with it', async () => {
    const app = openSample()
    const first = /data-revision="(\w+)"/.exec(await pageOf(app))?.[1]
    const { next } = await follow(app)
    expect(await next()).toBe(first)
    await edit('theme.json', (json) => JSON.stringify({ ...JSON.parse(json), name: 'Morning Papers' }))
    const second = await next()
    expect(second).toMatch(/^\w+$/)
    expect(second).not.toBe(first)
    const html = await pageOf(app)
    expect(html).toContain(`data-revision="${second}"`)
    expect(html).toContain('Morning Papers')
    ending.abort()
    expect(await next()).toBeUndefined()
  })

  it('shows what is wrong in place of the mail, and the mail when it is mended', async () => {
    const app = openSample()
    const before = await readFile(join(directory, 'digest.mjml'), 'utf8')
    const line = before.split('\n').findIndex((text) => text.includes('<mj-column')) + 1
    const { next } = await follow(app)
    const good = await next()
    await edit('digest.mjml', (mjml) => mjml.replace('<mj-column', '<mj-column colour="red"'))
    expect(await next()).not.toBe(good)
    const broken = await pageOf(app)
    expect(framesOf(broken)).toEqual([])
    expect(broken).toContain(`digest.mjml line ${line} (mj-column)`)
    expect(broken).toMatch(/class="line marked"><span class="number">\d+<\/span> +.*&lt;mj-column colour/)
    // Choosing something else stays possible.
    expect(broken).toContain('name="subscriber"')
    expect((await app.request('/mail?scheme=dark')).status).toBe(500)
    await writeFile(join(directory, 'digest.mjml'), before)
    expect(await next()).toBe(good)
    expect(framesOf(await pageOf(app))).toHaveLength(4)
  })

  it('stands when the theme itself is broken: its own look comes from elsewhere', async () => {
    const app = openSample()
    await edit('theme.json', () => '{ "name": ')
    const answer = await app.request('/')
    expect(answer.status).toBe(200)
    expect(await answer.text()).toContain('theme.json')
  })
})

describe('what it leaves behind', () => {
  it('is nothing: no row changes and no mail is submitted, however it is asked', async () => {
    await addReader(web.round.db, 'ada')
    await freezeEdition(web.round, DATE)
    const app = open()
    const before = await snapshot(web.round.db)
    const pieces = await web.round.db.selectFrom('pieces').selectAll().execute()
    for (const path of ['/', '/mail', '/?subscriber=ada%40example.org', '/?kind=weekly', '/?date=2026-03-06']) {
      for (const method of ['GET', 'HEAD', 'POST', 'DELETE']) await app.request(path, { method })
    }
    expect(await snapshot(web.round.db)).toEqual(before)
    expect(await web.round.db.selectFrom('pieces').selectAll().execute()).toEqual(pieces)
    expect(await web.round.db.selectFrom('collections').selectAll().execute()).toEqual([])
    expect(web.round.provider.accepted).toEqual([])
  })
})
