// The stand-in is the referee of the delivery tests, so its own rules are checked here with nothing
// but fetch.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, describe, expect, it } from 'vitest'
import { builtFile } from './program.ts'
import { openResendStandIn, type StandIn, type StandInOptions, seededFaults } from './resend-stand-in.ts'

const open: StandIn[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((standIn) => standIn.close()))
})

async function start(options?: StandInOptions): Promise<StandIn> {
  const standIn = await openResendStandIn(options)
  open.push(standIn)
  return standIn
}

function mail(to: string, changes: Record<string, unknown> = {}) {
  const tags = [
    { name: 'delivery', value: `d-${to.split('@')[0]}` },
    { name: 'edition', value: '2026-03-02-daily' },
  ]
  return { from: 'Paper Round <papers@round.example>', to, subject: 'Papers', text: 'Hello', tags, ...changes }
}

function post(url: string, body: unknown, headers: Record<string, string> = {}, path = '/emails/batch') {
  return fetch(url + path, {
    method: 'POST',
    headers: { authorization: 'Bearer re_test', 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
}

/** Whatever the stand-in answers with: only what an answer is asked for is there. */
interface Reply {
  id: string
  name: string
  data: { id: string }[]
  errors: { index: number; message: string }[]
}

async function read(answer: Response): Promise<Reply> {
  return (await answer.json()) as Reply
}

describe('the key and the limits', () => {
  it('lets nobody in without a key, or with another one than it was given', async () => {
    const standIn = await start({ apiKey: 're_right' })
    const none = await fetch(`${standIn.url}/emails/batch`, { method: 'POST', body: '[]' })
    expect([none.status, (await read(none)).name]).toEqual([401, 'missing_api_key'])
    const wrong = await post(standIn.url, [mail('a@x.example')])
    expect([wrong.status, (await read(wrong)).name]).toEqual([403, 'invalid_api_key'])
    const right = await post(standIn.url, [mail('a@x.example')], { authorization: 'Bearer re_right' })
    expect(right.status).toBe(200)
    expect(standIn.accepted).toHaveLength(1)
  })

  it('refuses what is over the limit of its window, with the documented headers', async () => {
    let now = 1_000_000
    const standIn = await start({ requestsPerSecond: 2, now: () => now })
    const send = (to: string) => post(standIn.url, [mail(to)])
    expect((await send('a@x.example')).headers.get('ratelimit-remaining')).toBe('1')
    expect((await send('b@x.example')).status).toBe(200)
    const third = await send('c@x.example')
    expect([third.status, (await read(third)).name]).toEqual([429, 'rate_limit_exceeded'])
    expect(third.headers.get('retry-after')).toBe('1')
    expect(third.headers.get('ratelimit-limit')).toBe('2')
    now += 1_000
    expect((await send('c@x.example')).status).toBe(200)
    expect(standIn.summary()).toMatchObject({ accepted: 3, maxPerSecond: 3, statuses: { 200: 3, 429: 1 } })
  })

  it('accepts nothing beyond the daily and the monthly quota, and starts anew at midnight in UTC', async () => {
    let now = Date.UTC(2026, 2, 2, 23, 59)
    const standIn = await start({ dailyQuota: 2, monthlyQuota: 3, now: () => now })
    const send = async (...to: string[]) => {
      const answer = await post(
        standIn.url,
        to.map((address) => mail(address)),
      )
      return answer.ok ? 'accepted' : (await read(answer)).name
    }
    expect(await send('a@x.example', 'b@x.example')).toBe('accepted')
    expect(await send('c@x.example')).toBe('daily_quota_exceeded')
    now += 60_000
    expect(await send('c@x.example')).toBe('accepted')
    expect(await send('d@x.example')).toBe('monthly_quota_exceeded')
    expect(standIn.accepted).toHaveLength(3)
  })
})

describe('an idempotency key', () => {
  it('replays the same ids for the same bytes, for 24 hours, and accepts them once', async () => {
    let now = Date.UTC(2026, 2, 2)
    const standIn = await start({ now: () => now })
    const send = () => post(standIn.url, [mail('a@x.example'), mail('b@x.example')], { 'idempotency-key': 'k' })
    const first = await read(await send())
    expect(first.data).toHaveLength(2)
    now += 24 * 3_600_000 - 1
    expect(await read(await send())).toEqual(first)
    expect(standIn.accepted.map(({ id }) => ({ id }))).toEqual(first.data)
    expect(standIn.requests.map(({ replay }) => replay)).toEqual([false, true])
    now += 1
    expect(await read(await send())).not.toEqual(first)
    expect(standIn.duplicates()).toEqual([
      { edition: '2026-03-02-daily', to: 'a@x.example', times: 2 },
      { edition: '2026-03-02-daily', to: 'b@x.example', times: 2 },
    ])
  })

  it('answers 409 to other bytes and while the first request is at work', async () => {
    const standIn = await start()
    standIn.fail({ delayMs: 300 })
    const send = (to: string) => post(standIn.url, [mail(to)], { 'idempotency-key': 'k' })
    const slow = send('a@x.example')
    while (standIn.requests.length === 0) await new Promise(setImmediate)
    const meanwhile = await send('a@x.example')
    expect([meanwhile.status, (await read(meanwhile)).name]).toEqual([409, 'concurrent_idempotent_requests'])
    expect((await slow).status).toBe(200)
    const other = await send('b@x.example')
    expect([other.status, (await read(other)).name]).toEqual([409, 'invalid_idempotent_request'])
    expect(standIn.accepted).toHaveLength(1)
  })

  it('is free again after a request that was refused, and has at most 256 characters', async () => {
    const standIn = await start()
    const send = (list: unknown[], key: string) => post(standIn.url, list, { 'idempotency-key': key })
    expect((await send([mail('nobody')], 'k')).status).toBe(422)
    expect((await send([mail('a@x.example')], 'k')).status).toBe(200)
    const long = await send([mail('b@x.example')], 'k'.repeat(257))
    expect([long.status, (await read(long)).name]).toEqual([400, 'invalid_idempotency_key'])
    expect((await send([mail('b@x.example')], 'k'.repeat(256))).status).toBe(200)
  })

  it('covers single mails, which can be looked up by id', async () => {
    const standIn = await start({ keepBodies: true })
    const send = () => post(standIn.url, mail('a@x.example'), { 'idempotency-key': 'k' }, '/emails')
    const { id } = await read(await send())
    expect((await read(await send())).id).toBe(id)
    const headers = { authorization: 'Bearer re_test' }
    const found = await read(await fetch(`${standIn.url}/emails/${id}`, { headers }))
    expect(found).toMatchObject({ object: 'email', id, to: ['a@x.example'], subject: 'Papers', text: 'Hello' })
    expect((await fetch(`${standIn.url}/emails/nothing`, { headers })).status).toBe(404)
  })
})

describe('validation', () => {
  it.each([
    ['a missing sender', { from: undefined }],
    ['a malformed sender', { from: 'Paper Round' }],
    ['a malformed address', { to: 'nobody' }],
    ['no subject', { subject: '' }],
    ['no content', { text: undefined }],
    ['a tag with a space', { tags: [{ name: 'edition', value: 'a b' }] }],
    ['a header with a line break', { headers: { 'X-A': 'a\r\nBcc: b@x.example' } }],
    ['an attachment', { attachments: [] }],
  ])('fails the whole batch on %s when strict, and only that mail when permissive', async (_name, changes) => {
    const standIn = await start()
    const list = [mail('a@x.example'), mail('b@x.example', changes), mail('c@x.example')]
    const strict = await post(standIn.url, list)
    expect([strict.status, (await read(strict)).name]).toEqual([422, 'validation_error'])
    expect(standIn.accepted).toHaveLength(0)
    const permissive = await read(await post(standIn.url, list, { 'x-batch-validation': 'permissive' }))
    expect(permissive.errors).toEqual([{ index: 1, message: expect.any(String) }])
    expect(permissive.data).toEqual(standIn.accepted.map(({ id }) => ({ id })))
    expect(standIn.accepted.map(({ to }) => to)).toEqual(['a@x.example', 'c@x.example'])
  })

  it('takes one to 100 mails and nothing that is no list', async () => {
    const standIn = await start()
    const many = Array.from({ length: 101 }, (_, index) => mail(`r${index}@x.example`))
    for (const body of [many, [], {}, 'null', '[']) {
      const answer = await post(standIn.url, body, { 'x-batch-validation': 'permissive' })
      expect([400, 422]).toContain(answer.status)
    }
    expect((await post(standIn.url, many.slice(1))).status).toBe(200)
    expect(standIn.accepted).toHaveLength(100)
  })
})

describe('faults', () => {
  const key = { 'idempotency-key': 'k' }
  const ends = async (url: string) => {
    try {
      const answer = await post(url, [mail('a@x.example')], key)
      return `${answer.status} ${await answer.text()}`
    } catch {
      return 'no answer'
    }
  }

  it.each([
    [{ answer: 'reset' as const }, 1, /^no answer$/],
    [{ answer: 'reset' as const, accept: false }, 0, /^no answer$/],
    [{ answer: 'cut' as const }, 1, /^no answer$/],
    [{ answer: 'garbage' as const }, 1, /^200 \{"data":\[\{"id":$/],
    [{ answer: { status: 503, body: 'Sorry' } }, 1, /^503 Sorry$/],
    [{ answer: { status: 500 }, accept: false }, 0, /^500 \{.*internal_server_error/],
  ])(
    '%j accepts %i mails, says so in the log, and a repeat is answered from what was accepted',
    async (fault, count, end) => {
      const standIn = await start()
      standIn.fail(fault)
      expect(await ends(standIn.url)).toMatch(end)
      expect(standIn.accepted).toHaveLength(count)
      expect(standIn.requests[0]).toMatchObject({ key: 'k', accepted: count, fault: JSON.stringify(fault) })
      expect(await ends(standIn.url)).toMatch(/^200 .*"id"/)
      expect(standIn.accepted).toHaveLength(1)
      expect(standIn.requests[1]).toMatchObject({ replay: count === 1, fault: null })
    },
  )

  it('are the same for the same seed and strike about as often as asked', () => {
    const draw = (seed: number) => {
      const next = seededFaults(0.25, seed)
      return Array.from({ length: 4_000 }, () => next())
    }
    const faults = draw(7)
    expect(faults).toEqual(draw(7))
    expect(faults).not.toEqual(draw(8))
    const share = faults.filter(Boolean).length / faults.length
    expect(share).toBeGreaterThan(0.22)
    expect(share).toBeLessThan(0.28)
    expect(new Set(faults).size).toBe(8)
  })
})

it('runs as a process of its own, can be asked over HTTP, and keeps its log in a file', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'stand-in-'))
  const logFile = join(folder, 'log.jsonl')
  const args = [await builtFile('test/support/resend-stand-in.ts'), '--port', '0', '--log', logFile]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    const [line] = await once(createInterface(child.stdout), 'line')
    const { url } = JSON.parse(line)
    await post(url, [{ accept: false, answer: { status: 500 } }], {}, '/_faults')
    const send = () => post(url, [mail('a@x.example'), mail('b@x.example')], { 'idempotency-key': 'k' })
    expect((await send()).status).toBe(500)
    expect((await send()).status).toBe(200)
    expect((await send()).status).toBe(200)
    expect(await read(await fetch(`${url}/_summary`))).toMatchObject({
      requests: 3,
      accepted: 2,
      replays: 1,
      duplicates: 0,
      doubled: [],
      statuses: { none: 1, 200: 2 },
    })
    const asked = await (await fetch(`${url}/_log`)).text()
    const lines = readFileSync(logFile, 'utf8')
    expect(asked).toBe(lines)
    const [failed, accepted, replayed] = lines
      .trim()
      .split('\n')
      .map((row) => JSON.parse(row))
    expect(failed).toMatchObject({ key: 'k', status: null, mails: [] })
    expect(accepted).toMatchObject({ key: 'k', status: 200, replay: false })
    expect(accepted.mails[1]).toMatchObject({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      to: 'b@x.example',
      subject: 'Papers',
      tags: { delivery: 'd-b', edition: '2026-03-02-daily' },
      htmlBytes: 0,
      textBytes: 5,
    })
    expect(replayed).toMatchObject({ replay: true, first: 0, mails: [] })
  } finally {
    child.kill()
    if (child.exitCode === null) await once(child, 'exit')
    rmSync(folder, { recursive: true })
  }
})
