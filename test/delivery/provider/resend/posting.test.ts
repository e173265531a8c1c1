// What we write ourselves beside what the official client writes and hears: the same requests, to
// the byte, and the same outcome of every answer. Both talk to a server that says scripted bytes.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer as createSecureServer } from 'node:https'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import { Resend } from 'resend'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { BatchOutcome, Mail } from '../../../../src/delivery/provider/provider.ts'
import { readAnswer } from '../../../../src/delivery/provider/resend/answer.ts'
import { openPosting, USER_AGENT } from '../../../../src/delivery/provider/resend/posting.ts'
import { openResend } from '../../../../src/delivery/provider/resend/resend.ts'
import type { Member } from '../../../../src/delivery/sending/members.ts'
import { joinMails } from '../../../../src/delivery/sending/recipe.ts'
import { preparePieces } from '../../../../src/digest/joining/joining.ts'
import { makePiece } from '../../../../src/digest/piece/piece.ts'
import { loadTemplates } from '../../../../src/digest/rendering.ts'
import { deriveLinkKeys } from '../../../../src/subscriber/token.ts'
import { piecesOf } from '../../../support/captured-mails.ts'
import { makeCertificate } from '../../../support/certificate.ts'
import { selectionOf } from '../../../support/digests.ts'
import { inventPlaces, TEST_SECRET } from '../../../support/round.ts'

const DATE = '2026-03-05'
const KEY = 'paper-round-1-1-0011'
const keys = deriveLinkKeys([TEST_SECRET])

interface Seen {
  line: string
  headers: Record<string, string>
  body: string
}

let server: Server
let url: string
let seen: Seen[] = []
let connections = 0
/** What is answered to the next requests; HANG says nothing. */
let answer: string | Buffer = ''
const HANG = 'hang'
let mails: Mail[]

beforeAll(async () => {
  server = createServer((socket) => {
    connections += 1
    socket.on('error', () => {})
    listen(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  url = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`
  mails = await joined()
})
afterAll(() => {
  server.close()
})

/** Reads whole requests and says `answer`; keeps the connection where the answer says so. */
function listen(socket: Socket): void {
  let pending = Buffer.alloc(0)
  socket.on('data', (chunk) => {
    pending = Buffer.concat([pending, chunk])
    const end = pending.indexOf('\r\n\r\n')
    if (end < 0) return
    const [line = '', ...lines] = pending.toString('latin1', 0, end).split('\r\n')
    const headers = Object.fromEntries(
      lines.map((each) => [each.split(':')[0]?.toLowerCase(), each.slice(each.indexOf(':') + 1).trim()]),
    )
    const length = Number(headers['content-length'])
    if (pending.length < end + 4 + length) return
    seen.push({ line, headers, body: pending.toString('utf8', end + 4, end + 4 + length) })
    pending = pending.subarray(end + 4 + length)
    if (answer === HANG) return
    if (answer.includes('connection: keep-alive')) socket.write(answer)
    else socket.end(answer)
  })
}

/** Twelve readers of four selections, with whatever an address and a title may hold. */
async function joined(): Promise<Mail[]> {
  const places = inventPlaces(DATE, 6)
  const first = places[0]
  if (first) first.paper.title = 'A "quoted" \\ title\t— Grüße 📰 \u2028 </script> & more'
  const rendered = await piecesOf({ date: DATE, places }, 'short', await loadTemplates())
  const odd = rendered.map((piece) =>
    piece.name === 'text/foot' ? makePiece(piece.name, `${piece.body}\u007f \u2029 "\\n"\n`) : piece,
  )
  const pieces = preparePieces(odd, 'utf8')
  const choices = [[1, 2, 3], [3, 1], [2], [6, 5, 4, 3, 2, 1]]
  const materials = new Map(
    choices.map((papers, index) => [
      index,
      {
        pieces,
        selection: { ...selectionOf({ date: DATE, kind: 'daily', places }, papers), remarks: papers.map(String) },
      },
    ]),
  )
  const addresses = ['ada@example.org', 'grüße@exämple.org', 'o"hara\\@example.org', '📰@example.org']
  const members = Array.from(
    { length: 12 },
    (_, index): Member => ({
      subscriberId: index,
      subscriberPublicId: `11111111-1111-4111-8111-${String(index).padStart(12, '1')}`,
      publicId: `22222222-2222-4222-8222-${String(index).padStart(12, '2')}`,
      selectionId: index % choices.length,
      address: addresses[index % 3 === 0 ? index / 3 : 0] as string,
      tokenEpoch: index,
      keyId: keys.currentKeyId,
      issuedAt: new Date(`${DATE}T07:00:00Z`),
    }),
  )
  return joinMails(members, materials, keys)
}

/** The same request through the official client, as it went before. */
async function throughClient(batch: readonly Mail[], signal?: AbortSignal): Promise<BatchOutcome> {
  const client = new Resend('re_key', { baseUrl: url })
  const sent = batch.map(({ from, to, subject, html, text, headers, publicId }) => {
    const tags = [
      { name: 'delivery', value: publicId },
      { name: 'edition', value: `${DATE}-daily` },
    ]
    return { from, to, subject, html, text, headers, tags }
  })
  const options = { idempotencyKey: KEY, batchValidation: 'permissive' as const, ...(signal ? { signal } : {}) }
  return readAnswer(await client.batch.send(sent, options), batch, Date.now())
}

function throughBytes(batch: Mail[], changes: { deadlineMs?: number } = {}): Promise<BatchOutcome> {
  const provider = openResend({ apiKey: 're_key', baseUrl: url, requestsPerSecond: 5, ...changes })
  return provider
    .send({ edition: { date: DATE, kind: 'daily' }, idempotencyKey: KEY, mails: batch })
    .finally(() => provider.close?.())
}

const say = (status: string, body: string, headers = '') =>
  `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n${headers}\r\n${body}`
/** Nobody asked for it; a gateway on the way may compress all the same. */
const compressed = (encoding: string, bytes: Buffer, status = '200 OK') =>
  Buffer.concat([
    Buffer.from(`HTTP/1.1 ${status}\r\ncontent-encoding: ${encoding}\r\ncontent-length: ${bytes.length}\r\n\r\n`),
    bytes,
  ])
const refusal = (statusCode: number, name: string, headers = '') =>
  say(`${statusCode} No`, JSON.stringify({ statusCode, name, message: 'because' }), headers)

describe('a batch', () => {
  it('is the very request of the official client, for joined mails and any other', async () => {
    const plain = mails.map(({ publicId, to, from, subject, headers, html, text, date }) => {
      return { publicId, to, from, subject, headers, html, text, date }
    })
    answer = refusal(422, 'validation_error')
    for (const batch of [mails, plain, mails.slice(3, 4)]) {
      seen = []
      await throughClient(batch)
      await throughBytes(batch)
      const [theirs, ours] = seen
      expect(ours?.line).toBe(theirs?.line)
      expect(ours?.body).toBe(theirs?.body)
      expect(JSON.parse(ours?.body ?? '')).toHaveLength(batch.length)
      const told = ['authorization', 'user-agent', 'content-type', 'idempotency-key', 'x-batch-validation', 'host']
      for (const name of [...told, 'content-length', 'accept']) {
        expect([name, ours?.headers[name]]).toEqual([name, theirs?.headers[name]])
      }
      expect(theirs?.headers['user-agent']).toBe(USER_AGENT)
    }
  })

  it('goes over a connection that is kept, in a buffer that holds nothing of the batch before', async () => {
    const provider = openResend({ apiKey: 're_key', baseUrl: url, requestsPerSecond: 5 })
    answer = refusal(422, 'validation_error', 'connection: keep-alive\r\n')
    seen = []
    connections = 0
    const send = (batch: Mail[]) =>
      provider.send({ edition: { date: DATE, kind: 'daily' }, idempotencyKey: KEY, mails: batch })
    for (const batch of [mails, mails.slice(5, 7), mails.slice(0, 9), mails]) {
      expect(await send(batch)).toMatchObject({ kind: 'refused' })
    }
    await provider.close?.()
    expect(connections).toBe(1)
    const sent = seen.map(({ body }) => JSON.parse(body).map(({ to }: { to: string }) => to))
    const addresses = mails.map(({ to }) => to)
    expect(sent).toEqual([addresses, addresses.slice(5, 7), addresses.slice(0, 9), addresses])
    expect(seen[3]?.body).toBe(seen[0]?.body)
  })
})

describe('an answer', () => {
  const ids = (count: number) =>
    JSON.stringify({ data: Array.from({ length: count }, (_, id) => ({ id: `id-${id}` })) })
  const partly = JSON.stringify({ data: [{ id: 'a' }], errors: [{ index: 0, message: 'Invalid `to` field.' }] })
  it.each<[string, string | Buffer]>([
    ['accepts all', say('200 OK', ids(2))],
    [
      'accepts all, in chunks',
      `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${ids(2).length.toString(16)}\r\n${ids(2)}\r\n0\r\n\r\n`,
    ],
    ['accepts all, behind a mark of byte order', say('200 OK', `\ufeff${ids(2)}`)],
    ['accepts one of two', say('200 OK', partly)],
    ['accepts too few', say('200 OK', ids(1))],
    ['accepts and says nothing', say('200 OK', '')],
    ['is empty', 'HTTP/1.1 204 No Content\r\n\r\n'],
    ['is null', say('200 OK', 'null')],
    ['is garbage', say('200 OK', '<html>')],
    ['is no HTTP', 'hello\r\n\r\n'],
    ['is nothing', ''],
    ['is cut', say('200 OK', ids(2)).slice(0, -9)],
    ['is cut in its head', 'HTTP/1.1 200 OK\r\ncontent-'],
    ['is a cut refusal', refusal(422, 'validation_error').slice(0, -9)],
    ['is a cut 429', refusal(429, 'rate_limit_exceeded', 'retry-after: 7\r\n').slice(0, -9)],
    ['is a refusal', refusal(422, 'validation_error')],
    ['refuses the key', refusal(401, 'missing_api_key')],
    [
      'refuses the wrong key',
      say('400 No', JSON.stringify({ statusCode: 400, name: 'validation_error', message: 'API key is invalid' })),
    ],
    ['refuses the sender', refusal(422, 'invalid_from_address')],
    ['finds nothing', refusal(404, 'not_found')],
    ['is too large', refusal(413, 'payload_too_large')],
    ['is concurrent', refusal(409, 'concurrent_idempotent_requests', 'retry-after: 3\r\n')],
    ['is a mismatch', refusal(409, 'invalid_idempotent_request')],
    ['asks for less', refusal(429, 'rate_limit_exceeded')],
    ['asks for less, until', refusal(429, 'rate_limit_exceeded', 'Retry-After: 4\r\n')],
    ['is a quota', refusal(429, 'daily_quota_exceeded', 'retry-after: 3600\r\n')],
    ['is a page that asks for less', say('429 No', '<html>', 'retry-after: 9\r\n')],
    ['is a fault', refusal(500, 'internal_server_error')],
    ['is a page of a gateway', say('502 Bad', '<html>')],
    ['is an error of null', say('500 No', 'null')],
    ['is an error of another shape', say('400 No', '["no"]')],
    ['accepts all, by gzip', compressed('gzip', gzipSync(ids(2)))],
    ['accepts all, deflated', compressed('Deflate', deflateSync(ids(2)))],
    ['accepts all, by brotli', compressed('br', brotliCompressSync(ids(2)))],
    ['refuses, by gzip', compressed('gzip', gzipSync('{"name":"validation_error","message":"no"}'), '422 No')],
    ['says gzip and is none', compressed('gzip', Buffer.from(ids(2)))],
    ['is cut within its gzip', compressed('gzip', gzipSync(ids(2)).subarray(0, -9))],
    ['comes after a hint', `HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n${say('200 OK', ids(2))}`],
    ['switches protocols', 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'],
  ])('that %s has the same outcome', async (_name, said) => {
    answer = said
    const batch = mails.slice(0, 2)
    const [theirs, ours] = [await throughClient(batch), await throughBytes(batch)]
    if (theirs.kind !== 'unknown') expect(ours).toEqual(theirs)
    else
      expect(ours).toEqual({
        kind: 'unknown',
        reason: expect.stringMatching(/^no readable answer|^\d{3} |shape|account/),
      })
  })

  it('that never comes is unknown past the deadline, like one that nobody waits for any more', async () => {
    answer = HANG
    const batch = mails.slice(0, 2)
    expect(await throughClient(batch, AbortSignal.timeout(50))).toMatchObject({ kind: 'unknown' })
    expect(await throughBytes(batch, { deadlineMs: 50 })).toEqual({ kind: 'unknown', reason: 'no answer within 50 ms' })
  })

  it('may be a redirect, which nobody follows', async () => {
    answer = say('308 Moved', '', `location: ${url}/elsewhere\r\n`)
    seen = []
    expect(await throughBytes(mails.slice(0, 1))).toMatchObject({ kind: 'unknown' })
    // What others gave up, of two mails each, may still arrive.
    expect(seen.filter(({ body }) => JSON.parse(body).length === 1)).toHaveLength(1)
  })
})

describe('a key', () => {
  it('that no header can carry is refused before anything is sent', () => {
    expect(() => openPosting({ baseUrl: url, apiKey: 'a\nb' })).toThrow(/Invalid character/)
  })
})

describe('a connection by TLS', () => {
  it('has nothing leave before its handshake is over, however early it was begun', async () => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0')
    const folder = await mkdtemp(join(tmpdir(), 'paper-round-posting-'))
    const { key, certificate } = await makeCertificate(folder)
    const secure = createSecureServer({ key: await readFile(key), cert: await readFile(certificate) }, (_, response) =>
      response.end('{}'),
    )
    await rm(folder, { recursive: true })
    const reached: Socket[] = []
    const slow = createServer((socket) => reached.push(socket))
    await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', resolve))
    const posting = openPosting({ baseUrl: `https://127.0.0.1:${(slow.address() as AddressInfo).port}`, apiKey: 'key' })
    const connecting = posting.connect()
    await vi.waitFor(() => expect(reached).toHaveLength(1))
    await sleep(50)
    const leaves = vi.fn()
    const posted = posting.post('/', Buffer.from('{}'), {}, { isOver: () => false, whenOver() {} }, leaves)
    await sleep(50)
    expect(leaves).not.toHaveBeenCalled()
    secure.emit('connection', reached[0])
    expect(await posted).toMatchObject({ data: {}, error: null })
    expect(leaves).toHaveBeenCalledTimes(1)
    // And at once over one that is kept.
    await posting.post('/', Buffer.from('{}'), {}, { isOver: () => false, whenOver() {} }, leaves)
    expect(leaves).toHaveBeenCalledTimes(2)
    expect(reached).toHaveLength(1)
    await connecting
    posting.close()
    slow.close()
    vi.unstubAllEnvs()
  })
})
