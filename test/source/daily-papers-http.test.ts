// The HTTP reader against a real server on loopback that misbehaves in the ways the API was seen
// to.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { LaterError, UsageError } from '../../src/errors.ts'
import { BODY_MAX_BYTES, pauseFor } from '../../src/source/asking.ts'
import { type DailyPapersHttpOptions, openDailyPapersHttp, userAgentFor } from '../../src/source/daily-papers-http.ts'

const DATE = '2025-08-07'
const closers: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

type Handler = (url: URL, response: ServerResponse, request: IncomingMessage) => void

/**
 * Serves one handler a request (the last one again for all later ones) and opens the source on it.
 */
async function stand(handlers: Handler[], more: Partial<DailyPapersHttpOptions> = {}) {
  const asked: { path: string; query: Record<string, string>; agent: string | undefined }[] = []
  const waits: number[] = []
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://stand-in')
    const handler = handlers[Math.min(asked.length, handlers.length - 1)]
    asked.push({
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      agent: request.headers['user-agent'],
    })
    handler?.(url, response, request)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(
    () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  )
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const source = openDailyPapersHttp({
    baseUrl,
    random: () => 0,
    pause: async (waitMs) => {
      waits.push(waitMs)
    },
    ...more,
  })
  return { source, asked, waits, baseUrl }
}

/** Rows with ids from `from` to below `to`. */
function rows(from: number, to: number, day = DATE): unknown[] {
  return Array.from({ length: to - from }, (_, index) => ({
    paper: {
      id: `2508.${String(from + index).padStart(5, '0')}`,
      title: `Paper ${from + index}`,
      upvotes: index,
      submittedOnDailyAt: `${day}T01:00:00.000Z`,
    },
    numComments: 0,
  }))
}

const list =
  (found: unknown[]): Handler =>
  (_url, response) =>
    response.setHeader('content-type', 'application/json').end(JSON.stringify(found))
const status =
  (code: number, headers: Record<string, string> = {}, body = ''): Handler =>
  (_url, response) =>
    response.writeHead(code, headers).end(body)
/** A well-behaved server with `total` papers. */
const pages =
  (total: number): Handler =>
  (url, response, request) => {
    const limit = Number(url.searchParams.get('limit'))
    const from = Number(url.searchParams.get('p')) * limit
    list(rows(0, total).slice(from, from + limit))(url, response, request)
  }

describe('paging', () => {
  it('asks once when the first page is short, with date, limit and page', async () => {
    const { source, asked, baseUrl } = await stand([pages(21)])
    const answer = await source.read(DATE)
    expect(answer).toMatchObject({ kind: 'rows', length: 21, ended: true, otherDates: {}, setAside: [] })
    expect(asked).toEqual([
      { path: '/api/daily_papers', query: { date: DATE, limit: '100', p: '0' }, agent: expect.any(String) },
    ])
    expect(source.name).toBe(new URL(baseUrl).host)
  })

  it.each([
    [230, 3],
    [200, 3],
    [100, 2],
    [99, 1],
    [0, 1],
  ])('reads all of %i papers in %i requests, with a pause between them', async (total, requests) => {
    const { source, asked, waits } = await stand([pages(total)])
    const answer = await source.read(DATE)
    if (answer.kind !== 'rows') throw new Error('no rows')
    expect(new Set(answer.listings.map((listing) => listing.paper.id)).size).toBe(total)
    expect(answer).toMatchObject({ length: total, ended: true })
    expect(asked.map(({ query }) => query.p)).toEqual(Array.from({ length: requests }, (_, page) => `${page}`))
    expect(waits).toEqual(Array<number>(requests - 1).fill(500))
  })

  it('reads on after exactly 50 rows: a server may cut there whatever it was asked for', async () => {
    const { source, asked } = await stand([list(rows(0, 50)), list(rows(50, 82))])
    expect(await source.read(DATE)).toMatchObject({ length: 82, ended: true })
    expect(asked).toHaveLength(2)
  })

  it('stops at a server that gives the same page for ever, and does not call that the end', async () => {
    const { source, asked } = await stand([list(rows(0, 100))])
    const answer = await source.read(DATE)
    expect(answer).toMatchObject({ ended: false })
    expect(answer.kind === 'rows' && answer.listings.length).toBe(100)
    expect(asked).toHaveLength(2)
  })

  it('stops after twenty pages of a server that never ends', async () => {
    const { source, asked } = await stand([pages(5_000)])
    expect(await source.read(DATE)).toMatchObject({ length: 2_000, ended: false })
    expect(asked).toHaveLength(20)
  })

  it('takes a paper once that moved to the next page meanwhile, and counts set-aside rows from the start', async () => {
    const { source } = await stand([list(rows(0, 100)), list([...rows(99, 101), { paper: null }])])
    const answer = await source.read(DATE)
    if (answer.kind !== 'rows') throw new Error('no rows')
    expect(answer.listings).toHaveLength(101)
    expect(answer.setAside).toEqual([{ index: 102, reason: 'The row holds no paper' }])
  })

  it('counts rows of other dates without listing them', async () => {
    const { source } = await stand([list([...rows(0, 4), ...rows(4, 10, '2025-08-06')])])
    const answer = await source.read(DATE)
    expect(answer).toMatchObject({ length: 10, otherDates: { '2025-08-06': 6 } })
    expect(answer.kind === 'rows' && answer.listings.length).toBe(4)
  })
})

describe('faults', () => {
  it('waits as long as a 429 says, then goes on', async () => {
    const { source, asked, waits } = await stand([status(429, { 'retry-after': '7' }), pages(21)])
    expect(await source.read(DATE)).toMatchObject({ length: 21 })
    expect(waits).toEqual([7_000])
    expect(asked).toHaveLength(2)
  })

  it('asks to come back later when a 429 wants more patience than one reading has', async () => {
    const { source, asked } = await stand([status(429, { 'retry-after': '3600' })])
    const error = await source.read(DATE).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(LaterError)
    expect(error).toMatchObject({ retryAfterMs: 3_600_000 })
    expect(asked).toHaveLength(1)
  })

  it('backs off after 500 and 503 and then reads', async () => {
    const { source, waits } = await stand([status(500), status(503), pages(21)])
    expect(await source.read(DATE)).toMatchObject({ length: 21 })
    expect(waits).toEqual([500, 1_000])
  })

  it('throws a passing fault after four attempts', async () => {
    const { source, asked } = await stand([status(502)])
    await expect(source.read(DATE)).rejects.toThrow(/answered 502$/)
    expect(asked).toHaveLength(4)
  })

  it('tries again after a broken connection', async () => {
    const { source } = await stand([(_url, response) => response.destroy(), pages(21)])
    expect(await source.read(DATE)).toMatchObject({ length: 21 })
  })

  it('tries again after a body that breaks off', async () => {
    const broken: Handler = (_url, response) => {
      response.writeHead(200, { 'content-length': '1000' })
      response.write('[')
      setImmediate(() => response.destroy())
    }
    const { source } = await stand([broken, pages(21)])
    expect(await source.read(DATE)).toMatchObject({ length: 21 })
  })

  it('gives up on a server that does not answer in time', async () => {
    const { source, waits } = await stand([() => {}], { timeoutMs: 40 })
    await expect(source.read(DATE)).rejects.toThrow(/did not answer in time$/)
    // It asked four times; on a busy machine a request may be given up before it has arrived.
    expect(waits).toHaveLength(3)
  })

  it('cuts an answer that only drips, and a date whose pages take for ever', async () => {
    const dripping: Handler = (_url, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      const drip = setInterval(() => response.write(' '), 5)
      response.on('close', () => clearInterval(drip))
    }
    const { source, asked } = await stand([dripping], { timeoutMs: 60 })
    await expect(source.read(DATE)).rejects.toThrow(/did not answer in time$/)
    expect(asked).toHaveLength(4)
    const slow: Handler = (url, response, request) => {
      const answer = setTimeout(() => pages(5_000)(url, response, request), 20)
      response.on('close', () => clearTimeout(answer))
    }
    const patient = await stand([slow], { readingMs: 50 })
    await expect(patient.source.read(DATE)).rejects.toThrow(/did not give a whole date in time$/)
    expect(patient.asked.length).toBeLessThan(20)
  })

  it('follows a redirect within the host that was named', async () => {
    const { source, asked } = await stand([status(308, { location: '/api/daily_papers?date=moved' }), pages(21)])
    expect(await source.read(DATE)).toMatchObject({ kind: 'rows', ended: true })
    expect(asked.map(({ query }) => query.date)).toEqual([DATE, 'moved'])
  })

  it('refuses to be sent to another host or port, and asks nothing there', async () => {
    const inside = await stand([pages(21)])
    const targets = [
      inside.baseUrl,
      'http://169.254.169.254/latest/meta-data/',
      'http://localhost:1/',
      'file:///etc/passwd',
    ]
    for (const target of targets) {
      const { source, asked } = await stand([status(302, { location: target })])
      const answer = await source.read(DATE)
      expect(answer).toEqual({
        kind: 'refused',
        reason: `The source sends us on to ${new URL(target).host || 'file:'}: another host is not followed; name it in SOURCE if it is the one`,
      })
      expect(asked).toHaveLength(1)
    }
    expect(inside.asked).toEqual([])
  })

  it.each(['', 'http://[', '/api/daily_papers'])(
    'does not go round in circles for a redirect to %j',
    async (location) => {
      const { source, asked } = await stand([status(302, { location })])
      expect((await source.read(DATE)).kind).toBe('refused')
      expect(asked.length).toBeLessThanOrEqual(4)
    },
  )

  it('stops at once when the caller does', async () => {
    const caller = new AbortController()
    const { source, asked } = await stand([() => caller.abort(new Error('stopping'))])
    await expect(source.read(DATE, caller.signal)).rejects.toThrow('stopping')
    expect(asked).toHaveLength(1)
  })

  it('stops in the middle of a wait when the caller does', async () => {
    const caller = new AbortController()
    const busy: Handler = (url, response, request) => {
      status(429, { 'retry-after': '20' })(url, response, request)
      setImmediate(() => caller.abort(new Error('stopping')))
    }
    const { source } = await stand([busy])
    const patient = openDailyPapersHttp({ baseUrl: `http://${source.name}`, pause: pauseFor })
    await expect(patient.read(DATE, caller.signal)).rejects.toThrow('stopping')
  })

  it('refuses a 400 without asking again and passes its explanation on', async () => {
    const { source, asked } = await stand([status(400, {}, '{"error":"Invalid date"}')])
    expect(await source.read('2025-99-99')).toEqual({
      kind: 'refused',
      reason: 'The source answered 400: Invalid date',
    })
    expect(asked).toHaveLength(1)
  })

  it('refuses an HTML page with status 200', async () => {
    const { source } = await stand([status(200, { 'content-type': 'text/html' }, '<html>maintenance</html>')])
    expect(await source.read(DATE)).toEqual({ kind: 'refused', reason: 'The answer is an HTML page, not JSON' })
  })

  it('refuses a body beyond the cap without reading it to its end', async () => {
    const { source } = await stand([
      (_url, response) => {
        const part = Buffer.alloc(1024 * 1024, 0x20)
        for (let size = 0; size <= BODY_MAX_BYTES; size += part.length) response.write(part)
      },
    ])
    expect(await source.read(DATE)).toEqual({ kind: 'refused', reason: 'The answer is too large' })
  })
})

describe('the address and the name', () => {
  it.each(['', '/', '/api/daily_papers', '/api/daily_papers/'])('may end in %j', async (end) => {
    const { asked, baseUrl } = await stand([pages(3)])
    await openDailyPapersHttp({ baseUrl: `${baseUrl}${end}` }).read(DATE)
    expect(asked[0]?.path).toBe('/api/daily_papers')
  })

  it('introduces itself by name, version and contact address', async () => {
    const { source, asked } = await stand([pages(3)], { userAgent: userAgentFor('https://papers.example.org') })
    await source.read(DATE)
    expect(asked[0]?.agent).toMatch(/^paper-round\/\d+\.\d+\.\d+ \(\+https:\/\/papers\.example\.org\)$/)
    expect(userAgentFor()).toMatch(/^paper-round\/\d+\.\d+\.\d+$/)
  })

  it.each(['ftp://host', 'host', 'https://user:secret@host', 'https://host/?key=secret', 'https://host/#secret'])(
    'refuses %j, and tells no secret',
    (baseUrl) => {
      const open = () => openDailyPapersHttp({ baseUrl })
      expect(open).toThrow(UsageError)
      expect(open).not.toThrow(/secret/)
    },
  )
})
