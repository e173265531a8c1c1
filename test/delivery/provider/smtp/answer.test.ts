// What large receivers answer to a sender who is too fast for them, as they and their users have
// published it, and what only looks like it; and whom else a refusal is about.
import { describe, expect, it } from 'vitest'
import { readRefusal } from '../../../../src/delivery/provider/smtp/answer.ts'

function read(response: string, given: { command?: string; code?: string } = {}) {
  const responseCode = Number(response.slice(0, 3))
  const error = Object.assign(new Error(response), {
    code: 'EENVELOPE',
    command: 'RCPT TO',
    ...given,
    response,
    responseCode,
  })
  return readRefusal(error, { handedOver: false, addresses: [], now: 0 })
}

describe('an answer that names a rate', () => {
  it.each([
    '421 4.7.28 Gmail has detected an unusual rate of unsolicited mail originating from your IP address.',
    '421 4.7.0 Our system has detected an unusual rate of unsolicited mail originating from your IP address.',
    '451 4.7.650 The mail server [192.0.2.1] has been temporarily rate limited due to IP reputation.',
    '451 4.7.500 Server busy. Please try again later from [192.0.2.1].',
    '421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume or user complaints',
    '421 4.7.1 Too many connections, slow down. OFR_104',
    '450 4.7.1 Error: too much mail from 192.0.2.1',
    '421 4.1.0 192.0.2.1 Throttled - try again later',
    '450 4.7.1 Rate limit exceeded for this network',
    '452 4.3.1 You exceed the hourly limit of this host',
  ])('concerns the host of the recipient: %s', (response) => {
    expect(read(response)).toMatchObject({ state: 'deferred', tooFast: true })
    expect(read(response, { code: 'EMESSAGE', command: 'DATA' })).toMatchObject({ tooFast: true })
  })

  it.each([
    ['450 4.7.1 Greylisting in action, too many minutes early', 'deferred'],
    ['451 4.7.1 Greylisted, please try again', 'deferred'],
    ['450 4.2.1 The user you are trying to contact is receiving mail at a rate that prevents more', 'deferred'],
    ['421 4.7.0 Error: too many errors', 'throttled'],
    ['454 4.7.0 Throttling failure: Maximum sending rate exceeded.', 'throttled'],
    ['550 5.7.1 Too many messages', 'rejected'],
    ['450 4.4.5 Daily sending quota exceeded', 'quota'],
  ])('is not: %s (%s)', (response, word) => {
    const outcome = read(response)
    expect(outcome).not.toHaveProperty('tooFast')
    expect('state' in outcome ? outcome.state : outcome.kind).toBe(word)
  })

  it.each([
    '452 4.2.2 mailbox size limit exceeded',
    '452 4.2.2 <ada@example.org> Mailbox has exceeded its storage limit',
    '452 Mailbox full: user exceeded the disk quota limit',
    '452 Recipient storage limit exceeded',
    '452 4.3.1 Requested mail action aborted: exceeded storage allocation limit',
    '450 4.2.1 recipient has exceeded the rate limit for receiving mail',
    '452 4.2.2 Recipient has reached daily limit of messages',
    '450 4.7.1 Recipient has exceeded its daily limit',
  ])('is not where it is about one mailbox: %s', (response) => {
    expect(read(response)).toEqual({ state: 'deferred', reason: expect.any(String), retryAfterMs: 300_000 })
    expect(read(response, { code: 'EMESSAGE', command: 'DATA' })).toMatchObject({ state: 'deferred' })
  })

  it('before any recipient is the word of the server in between', () => {
    expect(read('451 4.7.1 too many messages', { command: 'MAIL FROM' })).not.toHaveProperty('tooFast')
    expect(read('421 too many connections', { code: 'ECONNECTION', command: 'CONN' })).toMatchObject({
      kind: 'throttled',
    })
  })
})

describe('an answer that names a quota', () => {
  it.each([
    '550 5.4.5 Daily user sending quota exceeded.',
    '454 Throttling failure: Daily message quota exceeded.',
    '550 5.7.1 User has exceeded its daily sending limit',
    '550 5.7.1 Daily recipient limit exceeded',
    '552 5.7.0 You have exceeded your daily limit',
  ])('is about ours: %s', (response) => {
    expect(read(response)).toMatchObject({ kind: 'quota' })
    expect(read(response, { command: 'MAIL FROM' })).toMatchObject({ kind: 'quota' })
  })

  it.each([
    '552 5.2.2 Recipient has exceeded its daily receiving limit',
    '550 5.7.1 Recipient daily message limit reached',
    '550 5.7.1 Daily limit reached for this recipient',
  ])('is about one mailbox: %s', (response) => {
    expect(read(response)).toMatchObject({ state: 'rejected' })
  })

  it.each<[response: string, isGone: boolean, command?: string]>([
    ['550 5.1.1 <ada@example.org>: Recipient address rejected: User unknown', true],
    ['550 5.2.1 The email account that you tried to reach is disabled', true],
    ['552 5.2.2 mailbox full', false],
    ['550 5.7.1 <ada@example.org>: Recipient address rejected: Access denied', false],
    ['550 refused', false],
    ['550 5.1.1 User unknown', false, 'DATA'],
  ])('says whether its mailbox is gone: %s (%s)', (response, isGone, command = 'RCPT TO') => {
    const outcome = read(response, { command, code: command === 'DATA' ? 'EMESSAGE' : 'EENVELOPE' })
    expect(outcome).toEqual({ state: 'rejected', reason: expect.any(String), ...(isGone && { isGone }) })
  })
})

describe('a refusal at the recipient', () => {
  it.each([
    '554 5.7.1 <papers@round.example>: Sender address rejected: Access denied',
    '553 5.7.1 <papers@round.example>: Sender address rejected: not owned by user round',
    '550 5.1.8 <papers@round.example>: Sender address rejected: Domain not found',
    '550 Sender verify failed',
    '530 5.7.0 Must issue a STARTTLS command first',
    '530 5.7.0 Authentication required',
    '554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org',
    '550 5.7.1 Client host rejected: cannot find your hostname, [192.0.2.1]',
    '550 5.7.1 <round.example>: Helo command rejected: Host not found',
    '554 5.7.1 <ada@example.org>: Relay access denied',
  ])('concerns every reader: %s', (response) => {
    expect(read(response)).toMatchObject({ kind: 'stopped' })
  })

  it.each([
    '550 5.1.1 <relay@example.org>: User unknown',
    '550 5.1.1 <ada@example.org>: Recipient address rejected: User unknown in relay recipient table',
    '550 5.1.1 <ada@example.org>: Recipient address rejected: undeliverable address: host mx.example.org[192.0.2.2] said: 554 5.7.1 Client host [192.0.2.1] blocked using zen.spamhaus.org',
    '550 5.7.1 message looks like spam',
  ])('concerns its reader alone: %s', (response) => {
    expect(read(response)).toMatchObject({ state: 'rejected' })
  })

  it.each<[response: string, isGone: boolean, command?: string]>([
    ['550 5.1.1 <ada@example.org>: Recipient address rejected: User unknown', true],
    ['550 5.2.1 The email account that you tried to reach is disabled', true],
    ['552 5.2.2 mailbox full', false],
    ['550 5.7.1 <ada@example.org>: Recipient address rejected: Access denied', false],
    ['550 refused', false],
    ['550 5.1.1 User unknown', false, 'DATA'],
  ])('says whether its mailbox is gone: %s (%s)', (response, isGone, command = 'RCPT TO') => {
    const outcome = read(response, { command, code: command === 'DATA' ? 'EMESSAGE' : 'EENVELOPE' })
    expect(outcome).toEqual({ state: 'rejected', reason: expect.any(String), ...(isGone && { isGone }) })
  })
})
