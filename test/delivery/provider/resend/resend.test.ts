// The Resend provider with its real client against the stand-in: what each answer is taken for, and
// that a mail is called submitted only when it was accepted.
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { toReason } from '../../../../src/delivery/provider/outside.ts'
import type { BatchOutcome, BatchRequest, Mail } from '../../../../src/delivery/provider/provider.ts'
import { readAnswer } from '../../../../src/delivery/provider/resend/answer.ts'
import { openResend } from '../../../../src/delivery/provider/resend/resend.ts'
import { runs } from '../../../support/full.ts'
import { type Fault, openResendStandIn, type StandIn } from '../../../support/resend-stand-in.ts'

const ID = '00000000-0000-4000-8000-'
const NOON = Date.UTC(2026, 2, 2, 12)

let standIn: StandIn
let keys = 0

beforeAll(async () => {
  standIn = await openResendStandIn({ keepBodies: true, apiKey: 're_right' })
})
afterAll(() => standIn.close())

function mail(number: number, changes: Partial<Mail> = {}): Mail {
  return {
    publicId: ID + String(number).padStart(12, '0'),
    to: `reader-${number}@x.example`,
    from: 'Paper Round <papers@round.example>',
    subject: `Papers of the day №${number}`,
    headers: { 'List-Id': '<daily.round.example>', 'X-Number': String(number) },
    html: `<p>Grüße ${number} 📰</p>`,
    text: `Grüße ${number}`,
    date: '2026-03-02T05:00:00.000Z',
    ...changes,
  }
}

function request(mails: Mail[], changes: Partial<BatchRequest> = {}): BatchRequest {
  keys += 1
  return { edition: { date: '2026-03-01', kind: 'daily' }, idempotencyKey: `key-${keys}`, mails, ...changes }
}

function provider(changes: { apiKey?: string; deadlineMs?: number } = {}) {
  return openResend({ apiKey: 're_right', baseUrl: standIn.url, requestsPerSecond: 5, ...changes })
}

const two = () => [mail(1), mail(2)]

describe('the provider', () => {
  it('states what it takes, and that only a stand-in on loopback reaches nobody', () => {
    expect(provider()).toMatchObject({
      name: 'resend',
      batchSize: 100,
      requestsPerSecond: 5,
      replayMs: 82_800_000,
      encoding: 'utf8',
      reachesRealWorld: false,
    })
    const reaches = (baseUrl?: string) =>
      openResend({ apiKey: 'k', requestsPerSecond: 5, ...(baseUrl ? { baseUrl } : {}) }).reachesRealWorld
    expect(reaches()).toBe(true)
    expect(reaches('https://api.resend.com/')).toBe(true)
    expect(reaches('https://127.0.0.1.evil.example')).toBe(true)
    expect(reaches('http://localhost:9')).toBe(false)
    expect(reaches('http://[::1]:9/')).toBe(false)
  })

  it('hands over every field of a mail and tags it with its delivery and edition', async () => {
    const before = standIn.accepted.length
    const outcome = await provider().send(request(two()))
    const [first, second] = standIn.accepted.slice(before)
    expect(outcome).toEqual({
      kind: 'answered',
      outcomes: [
        { state: 'submitted', providerId: first?.id },
        { state: 'submitted', providerId: second?.id },
      ],
    })
    const { publicId, date: _date, ...fields } = mail(2)
    expect(second).toMatchObject({ ...fields, tags: { delivery: publicId, edition: '2026-03-01-daily' } })
  })

  it('asks nobody about an empty batch', async () => {
    const before = standIn.requests.length
    expect(await provider().send(request([]))).toEqual({ kind: 'answered', outcomes: [] })
    expect(standIn.requests).toHaveLength(before)
  })

  it('takes a full batch of 100 and has 101 refused', async () => {
    const many = Array.from({ length: 101 }, (_, number) => mail(number))
    const full = await provider().send(request(many.slice(1)))
    expect(full.kind === 'answered' && full.outcomes.every(({ state }) => state === 'submitted')).toBe(true)
    expect(await provider().send(request(many))).toEqual({
      kind: 'refused',
      reason: '422 validation_error: The batch must contain between 1 and 100 emails',
    })
  })
})

describe('a notice', () => {
  const notice = (changes: Partial<Mail> = {}) => {
    keys += 1
    return { notice: mail(9, changes), kind: 'confirm', idempotencyKey: `key-${keys}` }
  }

  it('goes by itself, tagged with its public id and kind, and the same key and bytes are accepted once', async () => {
    const before = standIn.accepted.length
    const request = notice()
    const outcome = await provider().sendNotice(request)
    const [accepted, ...more] = standIn.accepted.slice(before)
    expect(outcome).toEqual({ kind: 'answered', outcomes: [{ state: 'submitted', providerId: accepted?.id }] })
    const { publicId, date: _date, ...fields } = request.notice
    expect(accepted).toMatchObject({ ...fields, tags: { notice: publicId, kind: 'confirm' } })
    expect(more).toEqual([])
    expect(standIn.requests.at(-1)).toMatchObject({ path: '/emails', key: request.idempotencyKey })
    expect(await provider().sendNotice(request)).toEqual(outcome)
    expect(standIn.accepted).toHaveLength(before + 1)
    const other = { ...request, notice: mail(9, { subject: 'Another' }) }
    expect(await provider().sendNotice(other)).toMatchObject({ kind: 'mismatch' })
  })

  it('is refused, stopped or held like a batch', async () => {
    expect(await provider().sendNotice(notice({ to: 'nobody' }))).toMatchObject({ kind: 'refused' })
    expect(await provider({ apiKey: 're_wrong' }).sendNotice(notice())).toMatchObject({ kind: 'stopped' })
    const slow = await openResendStandIn({ requestsPerSecond: 1, now: () => NOON })
    const other = openResend({ apiKey: 'k', baseUrl: slow.url, requestsPerSecond: 5 })
    await other.sendNotice(notice())
    expect(await other.sendNotice(notice())).toMatchObject({ kind: 'throttled' })
    await slow.close()
  })

  it.each<Fault>([
    { answer: 'reset' },
    { answer: 'cut' },
    { answer: 'garbage' },
    { answer: { status: 200, body: { data: [] } } },
    { answer: { status: 502, body: '<html>' } },
    { accept: false, answer: { status: 500 } },
  ])('is unknown after %j, and the repeat settles it', async (fault) => {
    const request = notice()
    standIn.fail(fault)
    expect(await provider().sendNotice(request)).toMatchObject({ kind: 'unknown' })
    expect(await provider().sendNotice(request)).toMatchObject({ kind: 'answered' })
    const mails = standIn.accepted.filter(({ tags }) => tags.notice === request.notice.publicId)
    expect(mails.length).toBeGreaterThan(0)
  })

  it('waits for the first request with its key', async () => {
    const request = notice()
    standIn.fail({ delayMs: 200 })
    const [first, second] = await Promise.all([
      provider().sendNotice(request),
      new Promise((resolve) => setTimeout(resolve, 60)).then(() => provider().sendNotice(request)),
    ])
    expect(first).toMatchObject({ kind: 'answered' })
    expect(second).toMatchObject({ kind: 'concurrent' })
  })
})

describe('a permissive answer', () => {
  // The stand-in knows who was accepted; the outcome must say the same about every single place.
  async function check(bad: ReadonlySet<number>, size: number): Promise<void> {
    const mails = Array.from({ length: size }, (_, n) => mail(n, bad.has(n) ? { to: `reader-${n}@nowhere` } : {}))
    const before = standIn.accepted.length
    const outcome = await provider().send(request(mails))
    const byAddress = new Map(standIn.accepted.slice(before).map(({ to, id }) => [to, id]))
    expect(byAddress.size).toBe(size - bad.size)
    expect(outcome).toEqual({
      kind: 'answered',
      outcomes: mails.map(({ to }, n) =>
        bad.has(n)
          ? { state: 'rejected', reason: expect.stringContaining('Invalid `to` field ([address])') }
          : { state: 'submitted', providerId: byAddress.get(to) },
      ),
    })
  }

  it('is mapped to the right mails wherever the bad one stands', async () => {
    for (let index = 0; index < 100; index += 1) await check(new Set([index]), 100)
  })

  it('is mapped to the right mails whichever are bad', async () => {
    const batches = fc
      .integer({ min: 1, max: 100 })
      .chain((size) => fc.record({ size: fc.constant(size), bad: fc.uniqueArray(fc.nat(size - 1)) }))
    await fc.assert(
      fc.asyncProperty(batches, ({ size, bad }) => check(new Set(bad), size)),
      { numRuns: runs(60) },
    )
  })

  const data = (...ids: string[]) => ids.map((id) => ({ id }))
  it.each([
    ['too few', { data: data('a'), errors: [] }],
    ['too many', { data: data('a', 'b', 'c'), errors: [] }],
    [
      'one mail twice',
      {
        data: data('a'),
        errors: [
          { index: 1, message: 'm' },
          { index: 1, message: 'm' },
        ],
      },
    ],
    ['a place beyond the request', { data: data('a'), errors: [{ index: 2, message: 'm' }] }],
    ['a place before it', { data: data('a'), errors: [{ index: -1, message: 'm' }] }],
    ['the same id twice', { data: data('a', 'a'), errors: [] }],
    ['an empty id', { data: data('a', ''), errors: [] }],
    ['no list', { id: 'a' }],
    ['a number', 7],
  ])('that holds %s is unknown, whoever was accepted', async (_name, body) => {
    standIn.fail({ answer: { status: 200, body } })
    const outcome = await provider().send(request(two()))
    expect(outcome.kind).toBe('unknown')
    expect(outcome).toMatchObject({ reason: expect.stringMatching(/shape|does not account/) })
  })

  it('may come without a list of errors when there are none', async () => {
    standIn.fail({ answer: { status: 200, body: { data: data('a', 'b') } } })
    const outcome = await provider().send(request(two()))
    expect(outcome).toMatchObject({ outcomes: [{ providerId: 'a' }, { providerId: 'b' }] })
  })
})

describe('a repeat with the same key', () => {
  it('gets the same ids and nothing is accepted twice, whatever hid the first answer', async () => {
    const faults: Fault[] = [
      {},
      { answer: 'reset' },
      { answer: 'cut' },
      { answer: 'garbage' },
      { answer: { status: 503 } },
    ]
    for (const fault of faults) {
      const batch = request([mail(1), mail(2, { to: 'nobody' }), mail(3)])
      const before = standIn.accepted.length
      standIn.fail(fault)
      const first = await provider().send(batch)
      expect(first.kind).toBe(Object.keys(fault).length === 0 ? 'answered' : 'unknown')
      const second = await provider().send(batch)
      const [one, three] = standIn.accepted.slice(before)
      expect(second).toMatchObject({
        kind: 'answered',
        outcomes: [{ providerId: one?.id }, { state: 'rejected' }, { providerId: three?.id }],
      })
      expect(await provider().send(batch)).toEqual(second)
      expect(standIn.accepted).toHaveLength(before + 2)
    }
  })

  it('is accepted when the first attempt never arrived', async () => {
    const batch = request(two())
    const before = standIn.accepted.length
    standIn.fail({ accept: false, answer: 'reset' })
    expect((await provider().send(batch)).kind).toBe('unknown')
    expect(standIn.accepted).toHaveLength(before)
    expect((await provider().send(batch)).kind).toBe('answered')
    expect(standIn.accepted).toHaveLength(before + 2)
  })

  it('and other bytes is a mismatch, with nothing accepted', async () => {
    const batch = request(two())
    await provider().send(batch)
    const before = standIn.accepted.length
    expect(await provider().send({ ...batch, mails: [mail(1)] })).toEqual({
      kind: 'mismatch',
      reason: '409 invalid_idempotent_request: Same idempotency key used with a different request payload',
    })
    expect(standIn.accepted).toHaveLength(before)
  })

  it('while the first is in flight is concurrent', async () => {
    const batch = request(two())
    const seen = standIn.requests.length
    standIn.fail({ delayMs: 200 })
    const first = provider().send(batch)
    while (standIn.requests.length === seen) await new Promise(setImmediate)
    expect(await provider().send(batch)).toEqual({ kind: 'concurrent', retryAfterMs: 2_000 })
    expect((await first).kind).toBe('answered')
  })
})

describe('what the client reports as a failure', () => {
  const CUT = 'no readable answer: the connection failed or was cut'

  it.each<[string, Fault, string, number]>([
    ['a reset before anything was accepted', { accept: false, answer: 'reset' }, CUT, 0],
    ['a reset afterwards', { answer: 'reset' }, CUT, 2],
    ['a cut answer', { answer: 'cut' }, CUT, 2],
    ['an answer that is not JSON', { answer: 'garbage' }, CUT, 2],
    ['a fault over there', { answer: { status: 500 } }, '500 internal_server_error: ', 2],
    ["a gateway's page", { answer: { status: 502, body: '<html>no</html>' } }, '502 application_error: Internal', 2],
    ["a gateway's refusal", { answer: { status: 403, body: '<html>no</html>' } }, '403 application_error: Internal', 2],
    ['an error of null', { answer: { status: 500, body: 'null' } }, CUT, 2],
    ['an error of another shape', { answer: { status: 400, body: ['no'] } }, CUT, 2],
    [
      'a status nobody documented',
      { answer: { status: 418, body: { statusCode: 418, name: 'x', message: 'y' } } },
      '418 x: y',
      2,
    ],
  ])('is unknown for %s', async (_name, fault, reason, accepted) => {
    const before = standIn.accepted.length
    standIn.fail(fault)
    expect(await provider().send(request(two()))).toEqual({ kind: 'unknown', reason: expect.stringContaining(reason) })
    expect(standIn.accepted).toHaveLength(before + accepted)
  })

  it('is unknown where nobody listens', async () => {
    const gone = await openResendStandIn()
    await gone.close()
    const nowhere = openResend({ apiKey: 'k', baseUrl: gone.url, requestsPerSecond: 5 })
    expect(await nowhere.send(request(two()))).toEqual({ kind: 'unknown', reason: CUT })
  })

  it('is unknown past the deadline, which is named, and the repeat is answered', async () => {
    const batch = request(two())
    standIn.fail({ answer: 'hang' })
    const outcome = await provider({ deadlineMs: 150 }).send(batch)
    expect(outcome).toEqual({ kind: 'unknown', reason: 'no answer within 150 ms' })
    expect((await provider().send(batch)).kind).toBe('answered')
  })

  it('is unknown when the caller stops waiting, before or during the request', async () => {
    const stop = new AbortController()
    const seen = standIn.requests.length
    standIn.fail({ answer: 'hang' })
    const sending = provider().send(request(two(), { signal: stop.signal }))
    while (standIn.requests.length === seen) await new Promise(setImmediate)
    stop.abort()
    const expected = { kind: 'unknown', reason: 'stopped while waiting for the answer' }
    expect(await sending).toEqual(expected)
    expect(await provider().send(request(two(), { signal: stop.signal }))).toEqual(expected)
    expect(standIn.requests).toHaveLength(seen + 1)
  })
})

describe('a refusal with nothing accepted', () => {
  const error = (statusCode: number, name: string, message = 'Because') => ({ statusCode, name, message })

  it.each<[number, string, string, BatchOutcome['kind']]>([
    [400, 'validation_error', 'Because.', 'refused'],
    [400, 'invalid_idempotency_key', 'Because.', 'refused'],
    [422, 'missing_required_field', 'Because.', 'refused'],
    [422, 'invalid_parameter', 'Because.', 'refused'],
    [413, 'payload_too_large', 'Because.', 'refused'],
    [422, 'invalid_from_address', 'Because.', 'stopped'],
    [400, 'validation_error', 'API key is invalid', 'stopped'],
    [401, 'missing_api_key', 'Because.', 'stopped'],
    [401, 'restricted_api_key', 'Because.', 'stopped'],
    [403, 'invalid_api_key', 'Because.', 'stopped'],
    [403, 'validation_error', 'The round.example domain is not verified.', 'stopped'],
    [404, 'not_found', 'Because.', 'stopped'],
    [405, 'method_not_allowed', 'Because.', 'stopped'],
    [451, 'security_error', 'Because.', 'stopped'],
    [409, 'something_else', 'Because.', 'unknown'],
    [500, 'internal_server_error', 'Because.', 'unknown'],
  ])('%i %s (%s) is %s', async (status, name, message, kind) => {
    standIn.fail({ accept: false, answer: { status, body: error(status, name, message) } })
    // It stands inside our sentences.
    const reason = `${status} ${name}: ${message.replace(/\.$/, '')}`
    expect(await provider().send(request(two()))).toEqual({ kind, reason })
  })

  it('stops on a key that is not let in', async () => {
    expect(await provider({ apiKey: 're_wrong' }).send(request(two()))).toEqual({
      kind: 'stopped',
      reason: '403 invalid_api_key: API key is invalid',
    })
  })

  it('is throttled over the limit of a second and waits as told', async () => {
    const slow = await openResendStandIn({ requestsPerSecond: 1, now: () => NOON })
    const resend = openResend({ apiKey: 'k', baseUrl: slow.url, requestsPerSecond: 1 })
    expect((await resend.send(request([mail(1)]))).kind).toBe('answered')
    expect(await resend.send(request([mail(2)]))).toEqual({ kind: 'throttled', retryAfterMs: 1_000 })
    await slow.close()
  })

  it.each(['daily', 'monthly'] as const)(
    'pauses at the %s quota until midnight in UTC at the latest',
    async (period) => {
      const limited = await openResendStandIn({ [`${period}Quota`]: 2 })
      const resend = openResend({ apiKey: 'k', baseUrl: limited.url, requestsPerSecond: 5 })
      expect((await resend.send(request(two()))).kind).toBe('answered')
      const outcome = await resend.send(request([mail(3)]))
      expect(outcome).toMatchObject({
        kind: 'quota',
        reason: expect.stringContaining(`429 ${period}_quota_exceeded: `),
      })
      const wait = outcome.kind === 'quota' ? outcome.retryAfterMs : 0
      expect(wait).toBeGreaterThan(0)
      expect(wait).toBeLessThanOrEqual(86_400_000)
      expect(limited.accepted).toHaveLength(2)
      await limited.close()
    },
  )

  const waits = (name: string, retryAfter: string | undefined, status = 429) => {
    const headers = retryAfter === undefined ? {} : { 'retry-after': retryAfter }
    const outcome = readAnswer({ data: null, error: error(status, name), headers }, two(), NOON)
    return 'retryAfterMs' in outcome ? outcome.retryAfterMs : undefined
  }

  it.each<[string, string | undefined, number]>([
    ['rate_limit_exceeded', undefined, 1_000],
    ['rate_limit_exceeded', '7', 7_000],
    ['rate_limit_exceeded', '0', 1_000],
    ['rate_limit_exceeded', 'soon', 1_000],
    ['rate_limit_exceeded', '-5', 1_000],
    ['rate_limit_exceeded', '999999999', 3_600_000],
    ['rate_limit_exceeded', new Date(NOON + 90_000).toUTCString(), 90_000],
    ['application_error', '3', 3_000],
    ['daily_quota_exceeded', undefined, 43_200_000],
    ['daily_quota_exceeded', '1', 43_200_000],
    ['daily_quota_exceeded', '3600', 3_600_000],
    ['monthly_quota_exceeded', undefined, 43_200_000],
    ['monthly_quota_exceeded', '9999999', 86_400_000],
  ])('429 %s with retry-after %s waits %i ms', (name, retryAfter, expected) => {
    expect(waits(name, retryAfter)).toBe(expected)
  })

  it('waits for a request in flight as told', () => {
    expect(waits('concurrent_idempotent_requests', undefined, 409)).toBe(2_000)
    expect(waits('concurrent_idempotent_requests', '5', 409)).toBe(5_000)
  })
})

describe('a reason', () => {
  it('is one short line without addresses, links, keys and tokens', () => {
    expect(toReason('Invalid `to` (Ana <ana.b+c@x.example>),\r\n "o\'k@ü.example".')).toBe(
      'Invalid `to` (Ana <[address]>), "o\'[address]"',
    )
    expect(toReason('bad janeexample.com here', ['janeexample.com'])).toBe('bad [address] here')
    expect(toReason('header <https://round.example/unsubscribe/abc.def?x=1> is bad')).toBe('header <[link] is bad')
    expect(toReason(`key re_AbC123_xyz and ${'a1-_'.repeat(10)}`)).toBe('key [token] and [token]')
    expect(toReason('  \u202eevil\u0000 \t text ')).toBe('evil text')
    const long = toReason('word '.repeat(200))
    expect(long.length).toBeLessThanOrEqual(200)
    expect(long.endsWith('…')).toBe(true)
  })

  it('comes of a word without an end too, which is read once', () => {
    const startedAt = process.cpuUsage()
    for (const unit of ['x', 'x-', '1', '@', 'x.', '.']) toReason(unit.repeat(200_000))
    const { user, system } = process.cpuUsage(startedAt)
    // In microseconds: once takes milliseconds, once from each of its characters half a minute.
    expect(user + system).toBeLessThan(5e6)
  })

  it('never carries an address of the request, whatever surrounds it', () => {
    fc.assert(
      fc.property(fc.emailAddress(), fc.string(), fc.string(), (address, before, after) => {
        const reason = toReason(`${before} ${address} ${after}`, [address])
        expect(reason).not.toContain(address)
        expect(reason).not.toMatch(/[\r\n]/)
      }),
    )
  })

  it('of a whole request carries no address of it either', async () => {
    standIn.fail({
      accept: false,
      answer: { status: 422, body: { statusCode: 422, name: 'validation_error', message: 'Bad: reader-1@x.example' } },
    })
    expect(await provider().send(request(two()))).toEqual({
      kind: 'refused',
      reason: '422 validation_error: Bad: [address]',
    })
  })
})

afterEach(() => {
  // Every mail of one address stands in one edition here again and again: only the keys may never
  // be accepted twice.
  const fresh = standIn.requests.filter(({ replay, accepted }) => !replay && accepted > 0)
  expect(new Set(fresh.map(({ key }) => key)).size).toBe(fresh.length)
})
