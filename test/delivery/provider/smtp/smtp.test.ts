// The SMTP provider against a real server on loopback that dies or refuses at every phase: what was
// certainly not accepted may go again, what may have been accepted is unknown, and nothing is ever
// handed over twice.
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { simpleParser } from 'mailparser'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { composeMessage } from '../../../../src/delivery/provider/message.ts'
import type { BatchOutcome, Mail, Provider } from '../../../../src/delivery/provider/provider.ts'
import { openSmtp, type SmtpSettings } from '../../../../src/delivery/provider/smtp/smtp.ts'
import { type Fault, openSmtpStandIn, type SmtpStandIn } from '../../../support/smtp-stand-in.ts'

const LOGIN = { user: 'round', password: 'p@ss word' }

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function openStandIn(...given: Parameters<typeof openSmtpStandIn>): Promise<SmtpStandIn> {
  const standIn = await openSmtpStandIn(...given)
  closing.push(() => standIn.close())
  return standIn
}

function openProvider(
  port: number,
  given: Partial<SmtpSettings> & { pool?: number; login?: typeof LOGIN; secure?: boolean } = {},
): Provider {
  const { pool = 4, login = null, secure = false, ...rest } = given
  const server = { host: '127.0.0.1', port, secure, login, pool }
  const provider = openSmtp({ server, dkim: null, requestsPerSecond: null, ...rest })
  closing.push(async () => provider.close?.())
  return provider
}

const ids = ['a', 'b', 'c', 'd'].map((letter) => `${letter.repeat(8)}-d9cb-469f-a165-70867728950e`)
const mail = (index: number, given: Partial<Mail> = {}): Mail => ({
  publicId: ids[index] as string,
  to: `reader${index}@example.org`,
  from: 'Daily Papers <papers@round.example>',
  subject: 'Daily Papers, Thu 5 March: a paper',
  headers: {
    'List-Unsubscribe': '<https://round.example/unsubscribe/token>',
    'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
  },
  html: '<p>A paper</p>',
  text: 'A paper\r\n.\r\n..and a line of dots',
  date: '2026-03-05T07:00:00.000Z',
  ...given,
})
/** More than any connection takes without being read; in long lines, which are sooner written. */
const LARGE = mail(0, { text: `${'A long line of text, '.repeat(3)}to its end\r\n`.repeat(430_000) })
const mails = (count: number) => Array.from({ length: count }, (_, index) => mail(index))
const send = (provider: Provider, list: Mail[]) =>
  provider.send({ edition: { date: '2026-03-05', kind: 'daily' }, idempotencyKey: 'none', mails: list })

/** The outcome of a request, of a single mail where there was only one. */
function wordOf(outcome: BatchOutcome): string {
  if (outcome.kind !== 'answered') return outcome.kind
  return outcome.outcomes.map((each) => each.state).join()
}

describe('openSmtp', () => {
  it('has as many mails in hand as its pool has connections, and promises no replay', () => {
    const provider = openProvider(1, { pool: 3 })
    expect(provider).toMatchObject({ name: 'smtp', replayMs: 0, encoding: 'quoted-printable', oneByOne: { inHand: 3 } })
  })

  it.each([
    [1, null, 1],
    [4, null, 3],
    [10, null, 6],
    [12, null, 8],
    [20, null, 8],
    [50, null, 20],
    [50, 100, 20],
    [10, 14, 2],
    [10, 1, 1],
  ])('of a pool of %d at a pace of %s marks %d together', (pool, requestsPerSecond, batchSize) => {
    expect(openProvider(1, { pool, requestsPerSecond }).batchSize).toBe(batchSize)
  })

  it.each([
    ['127.0.0.1', false],
    ['localhost', false],
    ['::1', false],
    ['mail.example.org', true],
    ['localhost.example.org', true],
  ])('knows whether %s reaches the real world', (host, reachesRealWorld) => {
    const server = { host, port: 25, secure: false, login: null, pool: 1 }
    expect(openSmtp({ server, dkim: null, requestsPerSecond: null }).reachesRealWorld).toBe(reachesRealWorld)
  })

  it.each([true, false])(
    'hands every mail over whole, with an envelope and Message-ID of its own (pipelining: %s)',
    async (pipelining) => {
      const standIn = await openStandIn({ login: LOGIN, pipelining })
      const outcome = await send(openProvider(standIn.port, { login: LOGIN }), mails(4))
      expect(outcome).toEqual({
        kind: 'answered',
        outcomes: ids.map((id) => ({ state: 'submitted', providerId: `${id}@round.example` })),
      })
      expect(standIn.taken.map(({ from, to }) => [from, to]).sort()).toEqual(
        mails(4).map(({ to }) => ['papers@round.example', to]),
      )
      for (const taken of standIn.taken) {
        const parsed = await simpleParser(taken.message)
        expect(parsed.text).toBe('A paper\n.\n..and a line of dots')
        expect(ids.map((id) => `<${id}@round.example>`)).toContain(parsed.messageId)
        expect(parsed.headers.get('list')).toMatchObject({
          unsubscribe: { url: 'https://round.example/unsubscribe/token' },
        })
      }
    },
  )

  it.each([false, true])('hands over the bytes of every message, dots and all (TLS: %s)', async (secure) => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0')
    closing.push(async () => void vi.unstubAllEnvs())
    const standIn = await openStandIn({ secure })
    // Larger than what connections and streams hold, smaller, and one that ends in a dot.
    const lines = [12_000, 100, 1, 0].map((count) => '.a line\r\n..\r\n.\r\n'.repeat(count))
    const list = lines.map((text, index) => mail(index, { text: `${text}.` }))
    expect(wordOf(await send(openProvider(standIn.port, { secure }), list))).toBe(list.map(() => 'submitted').join())
    const bySize = (one: string, other: string) => one.length - other.length
    const taken = standIn.taken.map(({ message }) => message.toString())
    expect(taken.sort(bySize)).toEqual(list.map(composeMessage).sort(bySize))
  })

  const cases: [fault: Fault, wanted: string, taken: number][] = [
    [{ at: 'connect', does: 'die' }, 'throttled', 0],
    [{ at: 'connect', does: [421, 'too many connections'] }, 'throttled', 0],
    [{ at: 'connect', does: [554, 'no service here'] }, 'stopped', 0],
    [{ at: 'ehlo', does: 'die' }, 'throttled', 0],
    [{ at: 'auth', does: 'die' }, 'throttled', 0],
    [{ at: 'auth', does: [535, 'wrong password'] }, 'stopped', 0],
    [{ at: 'auth', does: [454, 'try later'] }, 'throttled', 0],
    [{ at: 'mail', does: 'die' }, 'throttled', 0],
    [{ at: 'mail', does: [451, 'not now'] }, 'deferred', 0],
    [{ at: 'mail', does: [553, 'this sender is not yours'] }, 'stopped', 0],
    [{ at: 'mail', does: [552, 'too large'] }, 'rejected', 0],
    [{ at: 'mail', does: [550, '5.4.5 Daily user sending limit exceeded'] }, 'quota', 0],
    [{ at: 'rcpt', does: 'die' }, 'throttled', 0],
    [{ at: 'rcpt', does: [450, 'greylisted'] }, 'deferred', 0],
    [{ at: 'rcpt', does: [421, 'closing'] }, 'throttled', 0],
    [{ at: 'rcpt', does: [550, 'no such mailbox'] }, 'rejected', 0],
    [{ at: 'rcpt', does: [552, '5.2.2 mailbox over quota limit'] }, 'rejected', 0],
    [{ at: 'rcpt', does: [554, '5.7.1 Relay access denied'] }, 'stopped', 0],
    [{ at: 'dot', does: [451, 'try later'] }, 'deferred', 0],
    [{ at: 'dot', does: [421, 'closing'] }, 'throttled', 0],
    [{ at: 'dot', does: [554, 'looks like spam'] }, 'rejected', 0],
    [{ at: 'dot', does: 'die' }, 'unknown', 0],
    [{ at: 'dot', does: 'taken, die' }, 'unknown', 1],
    [{ at: 'dot', does: 'hang' }, 'unknown', 0],
  ]
  it.each(cases)('calls %j %s', async (fault, wanted, taken) => {
    const standIn = await openStandIn({ login: LOGIN })
    const provider = openProvider(standIn.port, { login: LOGIN, deadlineMs: 1_000 })
    standIn.faults.push(fault)
    // The pool asks once more where a connection closed before its greeting.
    if (fault.at === 'connect' && fault.does === 'die') standIn.faults.push(fault)
    const outcome = await send(provider, mails(1))
    expect(wordOf(outcome)).toBe(wanted)
    expect(standIn.taken).toHaveLength(taken)
    expect(JSON.stringify(outcome)).not.toContain('reader0')
    // Where it was certainly not accepted, the next request meets a healthy server.
    standIn.faults.length = 0
    if (wanted !== 'unknown') {
      expect(wordOf(await send(provider, mails(1)))).toBe('submitted')
      expect(standIn.taken).toHaveLength(1)
    }
  })

  it('calls a server that is not there throttled', async () => {
    const standIn = await openSmtpStandIn()
    await standIn.close()
    expect(await send(openProvider(standIn.port), mails(4))).toMatchObject({ kind: 'throttled', retryAfterMs: 60_000 })
  })

  it.each([false, true])(
    'knows that nothing was accepted when the server dies in the middle of a body (TLS: %s)',
    { tags: 'long' },
    async (secure) => {
      vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0')
      closing.push(async () => void vi.unstubAllEnvs())
      const standIn = await openStandIn({ secure })
      standIn.faults.push({ at: 'body', does: 'die' })
      expect(wordOf(await send(openProvider(standIn.port, { secure }), [LARGE]))).toBe('throttled')
      expect(standIn.taken).toEqual([])
    },
  )

  it('lets no end leave behind a body that was given up, however late the server reads it', {
    tags: 'long',
  }, async () => {
    const server = await openReluctantServer()
    const outcome = await send(openProvider(server.port, { deadlineMs: 5_000 }), [LARGE])
    await server.reached
    expect(wordOf(outcome)).toBe('throttled')
    expect(await server.readRest()).not.toMatch(/\r\n\.\r\n$/)
  })

  it('waits for a server that reads slowly', { tags: 'long' }, async () => {
    const server = await openReluctantServer()
    const sending = send(openProvider(server.port), [LARGE])
    await server.reached
    const read = server.readRest()
    expect(wordOf(await sending)).toBe('submitted')
    expect(await read).toBe(`${composeMessage(LARGE)}.\r\n`)
  })

  it('accounts for every mail of a request by itself', async () => {
    const standIn = await openStandIn()
    standIn.faults.push(
      { at: 'rcpt', does: [550, 'no such mailbox'], to: 'reader0@example.org' },
      { at: 'dot', does: 'taken, die', to: 'reader1@example.org' },
      { at: 'dot', does: [452, 'disk full'], to: 'reader3@example.org' },
    )
    const outcome = await send(openProvider(standIn.port), mails(4))
    expect(wordOf(outcome)).toBe('rejected,unknown,submitted,deferred')
    expect(standIn.taken.map(({ to }) => to).sort()).toEqual(['reader1@example.org', 'reader2@example.org'])
  })

  it('takes it for the word of the server where several hosts get too many at once', async () => {
    const standIn = await openStandIn()
    const provider = openProvider(standIn.port)
    const tooFast = { at: 'rcpt' as const, does: [421, '4.7.0 too many messages'] as [number, string] }
    standIn.faults.push(tooFast, tooFast)
    expect(wordOf(await send(provider, mails(2)))).toBe('deferred,deferred')
    standIn.faults.push(tooFast, tooFast)
    const [first = mail(0), second = mail(1)] = mails(2)
    expect(wordOf(await send(provider, [first, { ...second, to: 'reader1@example.net' }]))).toBe('throttled')
  })

  it('keeps connections, and takes a new one where the server has ended a kept one', async () => {
    const standIn = await openStandIn()
    const provider = openProvider(standIn.port, { pool: 2 })
    for (let round = 0; round < 3; round++) expect(wordOf(await send(provider, mails(2)))).toBe('submitted,submitted')
    expect(standIn.connections).toBe(2)
    standIn.cut()
    await sleep(50)
    expect(wordOf(await send(provider, mails(2)))).toBe('submitted,submitted')
    expect(standIn.taken).toHaveLength(8)
  })

  it('goes on by as many connections as the server takes', async () => {
    const standIn = await openStandIn({ most: 2 })
    const provider = openProvider(standIn.port, { pool: 4 })
    for (let round = 0; round < 2; round++) {
      expect(wordOf(await send(provider, mails(4)))).toBe('submitted,submitted,submitted,submitted')
    }
    expect(standIn.connections).toBe(4)
    expect(standIn.taken).toHaveLength(8)
  })

  it('names the setting where the server takes none of them', async () => {
    const standIn = await openStandIn({ most: 0 })
    const outcome = await send(openProvider(standIn.port), mails(4))
    expect(outcome).toMatchObject({
      kind: 'throttled',
      reason: expect.stringMatching(/too many connections.*: see pool in SMTP_URL$/),
    })
    expect(standIn.taken).toEqual([])
  })

  it('refuses a key that nothing could be signed with before anything is sent', () => {
    const dkim = { privateKey: 'no key', selector: 'papers' }
    expect(() => openProvider(1, { dkim })).toThrow()
  })
})

/** A mail server that asks for a message, and reads none of it before it is told to. */
async function openReluctantServer() {
  let reach = () => {}
  const reached = new Promise<void>((resolve) => {
    reach = resolve
  })
  let session: Socket | undefined
  const server = createServer((socket) => {
    session = socket
    socket.on('error', () => undefined)
    socket.write('220 here\r\n')
    let asked = ''
    socket.on('data', function read(chunk) {
      asked += chunk.toString()
      if (asked.endsWith('DATA\r\n')) {
        socket.off('data', read)
        socket.pause()
        socket.write('354 go on\r\n')
        reach()
      } else socket.write('250 well\r\n')
    })
  })
  await new Promise<void>((done) => {
    server.listen(0, '127.0.0.1', done)
  })
  closing.push(async () => {
    session?.destroy()
    server.close()
  })
  return {
    port: (server.address() as AddressInfo).port,
    /** A message was asked for. */
    reached,
    /** Reads all that comes, and takes what ends. */
    async readRest(): Promise<string> {
      const chunks: Buffer[] = []
      const socket = session as Socket
      const closed = new Promise<void>((done) => {
        socket.on('close', () => done())
      })
      const ended = new Promise<void>((done) => {
        socket.on('data', (chunk: Buffer) => {
          chunks.push(chunk)
          if (!chunk.toString('latin1').endsWith('\r\n.\r\n')) return
          socket.write('250 taken\r\n')
          done()
        })
      })
      socket.resume()
      await Promise.race([closed, ended])
      return Buffer.concat(chunks).toString()
    },
  }
}
