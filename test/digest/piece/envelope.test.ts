// Subjects and headers for any title, name and setting: short enough, unlike every other day's, and
// of one line.
import fc from 'fast-check'
import { simpleParser } from 'mailparser'
import { describe, expect, it } from 'vitest'
import type { EditionKind } from '../../../src/database/states.ts'
import { composeMessage } from '../../../src/delivery/provider/message.ts'
import { envelopeOf } from '../../../src/digest/piece/envelope.ts'
import { splitSlots } from '../../../src/digest/piece/piece.ts'
import { selectionOf } from '../../support/digests.ts'
import { runs } from '../../support/full.ts'
import { HOST, place } from '../golden/places.ts'

const SUBJECT_MAX = 65
/** Of a folded line of the header, encoded. */
const LINE_MAX = 78
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

function subjectOf(title: string, kind: EditionKind = 'weekly', date = '2026-09-30', more = 998): string {
  const places = Array.from({ length: more + 1 }, (_, index) =>
    place(index + 1, index === 0 ? { title: `x${title}` } : {}),
  )
  return selectionOf({ date, kind, places }).opening?.subject ?? ''
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
  it('is unlike that of any other day and kind, for a year', () => {
    const first = Date.UTC(2026, 0, 1)
    const dates = Array.from({ length: 365 }, (_, day) => new Date(first + day * DAY_MS).toISOString().slice(0, 10))
    const subjects = dates.flatMap((date) => [subjectOf('', 'daily', date, 1), subjectOf('', 'weekly', date, 1)])
    expect(new Set(subjects).size).toBe(subjects.length)
  })

  it('fits 65 characters on one line, whatever the title is', () => {
    fc.assert(
      fc.property(anyTitle, fc.integer({ min: 1, max: 60 }), (title, more) => {
        const subject = subjectOf(title, 'weekly', '2026-09-30', more)
        expect(subject.length).toBeLessThanOrEqual(SUBJECT_MAX)
        expect(subject).not.toMatch(/[\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u)
        expect(subject).toMatch(new RegExp(` · and ${more} more · week to 30 Sep$`))
        expect(subject.split(' · and ')[0]).not.toMatch(/\\[A-Za-z]|\$[^$\d\s][^$]*[\\^_][^$]*\$/)
      }),
      { numRuns: runs(300) },
    )
  })

  it('hides nothing in an encoded word', async () => {
    const subject = subjectOf(' =?utf-8?q?=E2=80?= Title')
    expect((await simpleParser(messageWith(subject))).subject).toBe(subject)
    expect(subject).toContain('= ?utf-8?q?')
  })

  it('leaves and arrives as one header, whatever the title is', async () => {
    await fc.assert(
      fc.asyncProperty(anyTitle, async (title) => {
        const subject = subjectOf(title, 'weekly', '2026-09-30', 1)
        const message = messageWith(subject)
        const head = message.slice(0, message.indexOf('\r\n\r\n'))
        expect(head).toMatch(/^[\t\r\n\x20-\x7e]*$/)
        expect(head.match(/^Subject:/gm)).toHaveLength(1)
        expect(head).not.toMatch(/^Bcc:/im)
        for (const line of head.split('\r\n')) expect(line.length).toBeLessThanOrEqual(LINE_MAX)
        expect((await simpleParser(message)).subject).toBe(subject)
      }),
      { numRuns: runs(200) },
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
          'List-Archive',
          'List-Owner',
          'List-Help',
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

  it('name the sender to Gmail last, the same for all: 5 to 15 characters', () => {
    const ids = (['daily', 'weekly'] as const).map(
      (kind) => new Map(envelopeOf(HOST, 'X', kind, 'full').headers).get('Feedback-ID') ?? '',
    )
    expect(ids).toEqual(['daily:full:digest:paper-round', 'weekly:full:digest:paper-round'])
    expect(ids[0]?.split(':').at(-1)).toMatch(/^.{5,15}$/)
  })

  it('lead to the archive, to the owner and to help', () => {
    const headers = new Map(envelopeOf({ ...HOST, mailFrom: '"A" <a+b@exämple.org>' }, 'X', 'daily', 'short').headers)
    expect(headers.get('List-Archive')).toBe('<https://papers.example.org/editions>')
    expect(headers.get('List-Owner')).toBe('<mailto:a%2Bb@xn--exmple-cua.org>')
    expect(headers.get('List-Help')).toBe('<https://papers.example.org/>')
  })

  it('keep a sender as it was set', () => {
    const from = '"Papers $a_i$ & Co" <a_i@example.org>'
    expect(envelopeOf({ ...HOST, mailFrom: from }, 'X', 'daily', 'short').from).toBe(from)
  })
})
