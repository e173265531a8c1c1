// Subjects and headers for any title, name and setting: short enough, unlike every other day's, and
// of one line.
import fc from 'fast-check'
import { simpleParser } from 'mailparser'
import { describe, expect, it } from 'vitest'
import { composeMessage } from '../../src/delivery/provider/message.ts'
import { envelopeOf, subjectDay, subjectLead } from '../../src/digest/envelope.ts'
import { splitSlots } from '../../src/digest/piece.ts'
import { HOST } from './golden/places.ts'

const SUBJECT_MAX = 78
const DAY_MS = 86_400_000

/** Titles as strangers write them: whole words, halves of LaTeX and of emoji, line ends. */
const anyTitle = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 12 }),
      fc.constantFrom(
        '\r\nBcc: all@example.org',
        '\ud83d',
        '👩‍🔬',
        '👨‍👩‍👧‍👦',
        '$\\alpha_{i',
        '$\\beta$',
        '\\textbf{',
        '\u202e',
        '=?utf-8?q?x?=',
      ),
      fc.constantFrom('Word', ' ', ': ', '，', '基于扩散模型', 'e\u0301\u0301\u0301', '"', ',', '<', '}', '\t'),
    ),
    { minLength: 1, maxLength: 30 },
  )
  .map((parts) => parts.join(''))

function subjectOf(title: string, name = 'Daily Papers', more = 999): string {
  const day = subjectDay(name, '2026-09-30', 'weekly')
  return `${day}${subjectLead(title, day)} and ${more} more`
}

function messageWith(subject: string): string {
  return composeMessage({
    publicId: '0f8fad5b-d9cb-469f-a165-70867728950e',
    to: 'reader@example.org',
    from: HOST.mailFrom,
    subject,
    headers: {},
    html: 'x',
    text: 'x',
    date: '2026-09-30T07:00:00.000Z',
  })
}

describe('a subject', () => {
  it('says the day, then what leads', () => {
    const daily = subjectDay('Daily Papers', '2026-03-05', 'daily')
    expect(daily + subjectLead('Helios: Real Real-Time Long Video', daily)).toBe('Daily Papers, Thu 5 March: Helios')
    expect(subjectDay('Daily Papers', '2026-03-08', 'weekly')).toBe('Daily Papers, week to Sun 8 March: ')
    expect(subjectLead('$\\pi_{0.5}$: A Model', daily)).toBe('π₀.₅')
    expect(subjectLead("\\textbf{Bold} $\\mathcal{L}$osses, 12\\% of `them'", daily)).toBe('Bold ℒosses, 12% of ‘them’')
  })

  it('is unlike that of any other day and kind, for four years', () => {
    const first = Date.UTC(2026, 0, 1)
    const dates = Array.from({ length: 4 * 365 + 1 }, (_, day) =>
      new Date(first + day * DAY_MS).toISOString().slice(0, 10),
    )
    const subjects = dates.flatMap((date) => [subjectDay('X', date, 'daily'), subjectDay('X', date, 'weekly')])
    expect(new Set(subjects).size).toBe(subjects.length)
  })

  it('fits 78 characters on one line, whatever the title and the name are', () => {
    fc.assert(
      fc.property(anyTitle, anyTitle, fc.integer({ min: 1, max: 999 }), (title, name, more) => {
        const subject = subjectOf(title, name, more)
        expect(subject.length).toBeLessThanOrEqual(SUBJECT_MAX)
        expect(subject).not.toMatch(/[\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u)
        expect(subject).toContain('week to Wed 30 September: ')
        expect(subject).toMatch(new RegExp(` and ${more} more$`))
        expect(subject.split(' September: ')[1]).not.toMatch(/\\[A-Za-z]|\$[^$\d\s][^$]*[\\^_][^$]*\$/)
      }),
      { numRuns: 1_000 },
    )
  })

  it('hides nothing in an encoded word', async () => {
    const subject = subjectOf('=?utf-8?q?=E2=80=AEevil?= Title')
    expect((await simpleParser(messageWith(subject))).subject).toBe(subject)
    expect(subject).toContain('= ?utf-8?q?')
  })

  it('leaves and arrives as one header, whatever the title is', async () => {
    await fc.assert(
      fc.asyncProperty(anyTitle, async (title) => {
        const subject = subjectOf(title)
        const message = messageWith(subject)
        const head = message.slice(0, message.indexOf('\r\n\r\n'))
        expect(head).toMatch(/^[\t\r\n\x20-\x7e]*$/)
        expect(head.match(/^Subject:/gm)).toHaveLength(1)
        expect(head).not.toMatch(/^Bcc:/im)
        for (const line of head.split('\r\n')) expect(line.length).toBeLessThanOrEqual(SUBJECT_MAX)
        expect((await simpleParser(message)).subject).toBe(subject)
      }),
      { numRuns: 200 },
    )
  })
})

describe('the headers', () => {
  it('are one line each, of ASCII, whatever the host is called', () => {
    fc.assert(
      fc.property(anyTitle, fc.constantFrom('daily', 'weekly'), (name, kind) => {
        const { headers } = envelopeOf(HOST, name, kind, 'short')
        expect(headers.map(([header]) => header)).toEqual([
          'List-Unsubscribe',
          'List-Unsubscribe-Post',
          'List-Id',
          'Archived-At',
          'Feedback-ID',
          'Auto-Submitted',
          'X-Auto-Response-Suppress',
        ])
        for (const [, value] of headers) {
          const { literals } = splitSlots(value)
          for (const literal of literals) expect(literal).toMatch(/^[ -~]*$/)
        }
      }),
    )
  })

  it('offer one click without a mailbox to read, and both with one', () => {
    const leave = (unsubscribeMailto: string | null) =>
      envelopeOf({ ...HOST, unsubscribeMailto }, 'Daily Papers', 'daily', 'short').headers[0]?.[1]
    expect(leave(null)).toBe('<https://papers.example.org/unsubscribe/\u0001unsubscribe\u0002>')
    expect(leave('list+leave@example.org')).toBe(
      '<https://papers.example.org/unsubscribe/\u0001unsubscribe\u0002>, <mailto:list%2Bleave@example.org?subject=unsubscribe%20\u0001unsubscribe\u0002>',
    )
  })

  it('keep a sender as it was set', () => {
    const from = '"Papers $a_i$ & Co" <a_i@example.org>'
    expect(envelopeOf({ ...HOST, mailFrom: from }, 'X', 'daily', 'short').from).toBe(from)
  })
})
