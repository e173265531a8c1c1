import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { type Context, Hono } from 'hono'
import { beforeEach, describe, expect, it } from 'vitest'
import { openPathReader } from '../../../src/web/page/base-path.ts'
import { publicAnswer } from '../../../src/web/page/caching.ts'
import { keepAnswers } from '../../../src/web/page/kept-answers.ts'

const LONG = 'papers '.repeat(200)

let version: string | Error
let time: number
let made: number
let status: 200 | 404 | 503

beforeEach(() => {
  version = 'one'
  time = 0
  made = 0
  status = 200
})

/** Answers every path with what it says at the moment, behind a header of all answers. */
function openApp(answer = (c: Context): Response | Promise<Response> => page(c), base = '') {
  const app = new Hono({ getPath: openPathReader(`https://example.org${base}`, []) })
  const readVersion = async () => {
    if (version instanceof Error) throw version
    return version
  }
  app.use(keepAnswers((address) => address === '/' || address === '/?page=2', { readVersion, now: () => time }))
  app.use(async (c, next) => {
    await next()
    c.res.headers.set('X-Common', 'yes')
  })
  app.get('*', answer)
  return app
}

function page(c: Context): Response {
  made += 1
  c.status(status)
  return publicAnswer(c, { body: `${LONG}${made}`, type: 'text/html' })
}

const asking = (accepted: string, more: Record<string, string> = {}) => ({
  headers: { 'Accept-Encoding': accepted, ...more },
})

describe('keepAnswers', () => {
  it('keeps one answer for all addresses of a page', async () => {
    const app = openApp(undefined, '/papers')
    for (const path of ['/papers/?page=2', '/?page=2']) await app.request(path)
    expect(made).toBe(1)
    await app.request('/papers/#?page=2')
    expect(made).toBe(2)
  })

  it('makes an answer once a version, with all its headers, whoever else asks meanwhile', async () => {
    const app = openApp(async (c) => {
      await new Promise(setImmediate)
      return page(c)
    })
    const answers = await Promise.all([app.request('/'), app.request('/'), app.request('/')])
    expect(await Promise.all(answers.map((answer) => answer.text()))).toEqual(Array(3).fill(`${LONG}1`))
    const again = await app.request('/')
    expect(Object.fromEntries(again.headers)).toEqual(Object.fromEntries(answers[0]?.headers ?? []))
    expect(again.headers.get('X-Common')).toBe('yes')
    expect([await (await app.request('/?page=2')).text(), made]).toEqual([`${LONG}2`, 2])
  })

  it('makes it anew once something changed, which it asks once a second, and after a minute', async () => {
    const app = openApp()
    await app.request('/')
    version = 'two'
    time = 999
    await app.request('/')
    expect(made).toBe(1)
    time = 1_000
    expect(await (await app.request('/')).text()).toBe(`${LONG}2`)
    time = 61_000
    await app.request('/')
    expect(made).toBe(3)
  })

  describe('while one request makes it', () => {
    let ends: (() => void)[]
    let app: Hono

    /** Lets so many ask until each of them waits for the making, or makes. */
    async function ask(count: number) {
      const answers = Array.from({ length: count }, async () => app.request('/'))
      await turn()
      return () => Promise.all(answers)
    }

    const turn = () => new Promise(setImmediate)

    /** Ends what is being made. */
    function end() {
      for (const each of ends.splice(0)) each()
    }

    beforeEach(() => {
      ends = []
      app = openApp(async (c) => {
        const answer = page(c)
        await new Promise<void>((resolve) => ends.push(resolve))
        return answer
      })
    })

    it.each(['one', new Error('away')])('all get what comes of it, a failure too (changes: %s)', async (now) => {
      version = now
      status = 503
      const failed = await ask(50)
      expect(made).toBe(1)
      end()
      const answers = await failed()
      expect(answers.map((answer) => answer.status)).toEqual(Array(50).fill(503))
      expect(await Promise.all(answers.map((answer) => answer.text()))).toEqual(Array(50).fill(`${LONG}1`))
      expect(answers[49]?.headers.get('X-Common')).toBe('yes')
      status = 200
      const next = await ask(50)
      end()
      expect(new Set((await next()).map((answer) => answer.status))).toEqual(new Set([200]))
      expect(made).toBe(2)
    })

    it('one of those who ask after a change makes it once more', async () => {
      const before = await ask(20)
      version = 'two'
      time = 1_000
      const after = await ask(20)
      end()
      while (made < 2) await turn()
      end()
      const texts = async (answers: Response[]) => new Set(await Promise.all(answers.map((answer) => answer.text())))
      expect(await texts(await before())).toEqual(new Set([`${LONG}1`]))
      expect(await texts(await after())).toEqual(new Set([`${LONG}2`]))
    })

    it('others have the one before for five minutes, which also stands in for a failure', async () => {
      const first = await ask(1)
      end()
      await first()
      const text = async () => (await app.request('/')).text()
      time = 60_000
      status = 503
      const anew = await ask(1)
      expect([await text(), made]).toEqual([`${LONG}1`, 2])
      end()
      const [stood] = await anew()
      expect([stood?.status, await stood?.text()]).toEqual([200, `${LONG}1`])
      version = 'two'
      time = 61_000
      const changed = await ask(2)
      end()
      expect((await changed()).map((answer) => answer.status)).toEqual([503, 503])
      version = 'one'
      time = 300_000
      const old = await ask(2)
      end()
      expect((await old()).map((answer) => answer.status)).toEqual([503, 503])
      expect(made).toBe(4)
    })
  })

  it('sends the smallest that is taken', async () => {
    const app = openApp()
    const body = async (accepted: string) => {
      const answer = await app.request('/', asking(accepted))
      expect(answer.headers.get('Vary')).toBe('Accept-Encoding')
      return [answer.headers.get('Content-Encoding'), Buffer.from(await answer.arrayBuffer())] as const
    }
    const [br, small] = await body('gzip, deflate, br')
    expect([br, brotliDecompressSync(small).toString()]).toEqual(['br', `${LONG}1`])
    const [zip, zipped] = await body('gzip;q=1.0, br;q=0')
    expect([zip, gunzipSync(zipped).toString()]).toEqual(['gzip', `${LONG}1`])
    expect(await body('')).toEqual([null, Buffer.from(`${LONG}1`)])
    expect(made).toBe(1)
  })

  it('answers who has it already with 304, also the first time', async () => {
    const tag = (await openApp().request('/')).headers.get('ETag') as string
    made = 0
    const app = openApp()
    for (let ask = 0; ask < 2; ask++) {
      const answer = await app.request('/', asking('br', { 'If-None-Match': tag }))
      expect([answer.status, await answer.text(), answer.headers.get('X-Common')]).toEqual([304, '', 'yes'])
    }
    expect((await app.request('/', asking('br', { 'If-None-Match': '"another"' }))).status).toBe(200)
    expect(made).toBe(1)
  })

  it('answers HEAD from what is kept', async () => {
    const app = openApp()
    const head = await app.request('/', { method: 'HEAD' })
    expect([head.status, await head.text(), made]).toEqual([200, '', 1])
    await app.request('/')
    expect(made).toBe(1)
  })

  it('keeps nothing that is not shared, not found, or asked for while changes cannot be seen', async () => {
    const app = openApp()
    for (const path of ['/other', '/?page=3', '/?page=3']) await app.request(path)
    expect(made).toBe(3)
    version = new Error('away')
    await app.request('/')
    await app.request('/')
    expect(made).toBe(5)
    version = 'one'
    time = 2_000
    status = 404
    for (const code of [404, 404]) expect((await app.request('/')).status).toBe(code)
    expect(made).toBe(7)
  })
})
