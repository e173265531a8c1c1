// The SMTP provider against a real server on loopback that dies or refuses at every phase: what was
// certainly not accepted may go again, what may have been accepted is unknown, and nothing is ever
// handed over twice.
import { setTimeout as sleep } from 'node:timers/promises'
import { simpleParser } from 'mailparser'
import { afterEach, describe, expect, it } from 'vitest'
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
  given: Partial<SmtpSettings> & { pool?: number; login?: typeof LOGIN } = {},
): Provider {
  const { pool = 4, login = null, ...rest } = given
  const server = { host: '127.0.0.1', port, secure: false, login, pool }
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

  it('knows that nothing was accepted when the server dies in the middle of a body', async () => {
    const standIn = await openStandIn()
    standIn.faults.push({ at: 'body', does: 'die' })
    const large = mail(0, { text: 'A long line of text\r\n'.repeat(1_500_000) })
    expect(wordOf(await send(openProvider(standIn.port), [large]))).toBe('throttled')
    expect(standIn.taken).toEqual([])
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

  it('refuses a key that nothing could be signed with before anything is sent', () => {
    const dkim = { privateKey: 'no key', selector: 'papers' }
    expect(() => openProvider(1, { dkim })).toThrow()
  })
})
