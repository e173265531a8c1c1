// Whole messages of the captured days, as a provider would hand them on: read by two parsers that
// are not ours.
import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { type ParsedMail, simpleParser } from 'mailparser'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { composeBytes, composeImage, composeMessage } from '../../../src/delivery/provider/message.ts'
import { openOutbox } from '../../../src/delivery/provider/outbox.ts'
import type { Mail } from '../../../src/delivery/provider/provider.ts'
import { openResend } from '../../../src/delivery/provider/resend/resend.ts'
import { openDkim } from '../../../src/delivery/provider/smtp/dkim.ts'
import { writeMessage } from '../../../src/delivery/provider/smtp/wire.ts'
import { draftOf, preparePieces } from '../../../src/digest/joining/joining.ts'
import { fill, fillHeaders } from '../../../src/digest/piece/draft.ts'
import { openSlabs } from '../../../src/digest/piece/image.ts'
import { loadTemplates, type Templates } from '../../../src/digest/rendering.ts'
import { widthOf } from '../../../src/digest/text/text.ts'
import { HOST, PLACES, SLOTS } from '../../digest/golden/places.ts'
import { type CapturedDay, capturedDays } from '../../support/captured-days.ts'
import { LENGTHS, mailsOf, piecesOf } from '../../support/captured-mails.ts'
import { selectionOf } from '../../support/digests.ts'
import { isFull, runs } from '../../support/full.ts'
import { openResendStandIn } from '../../support/resend-stand-in.ts'
import { hasSpamAssassin, pointsOfTheSource, SCORE_MAX, scoreMessages } from '../../support/spamassassin.ts'

const GOLDEN: CapturedDay = { name: 'golden', date: '2026-03-05', places: PLACES }
/** Every length of a day is parsed whole: one in so many of the captured days is enough. */
const SAMPLED = 4
const DEFAULT_PAPERS = 10
const TEXT_WIDTH = 72
const DATES = { min: new Date('2026-01-01'), max: new Date('2036-01-01'), noInvalidDate: true }
const SUBJECT_MAX = 78
/**
 * Reads every message of a folder and prints what Python's parser finds wrong and what it reads.
 */
const PYTHON = `
import email, email.policy, json, os, sys
found = []
paths = [os.path.join(folder, name) for folder, _, names in os.walk(sys.argv[1]) for name in names]
for path in sorted(paths):
    with open(path, 'rb') as file:
        message = email.message_from_binary_file(file, policy=email.policy.default)
    parts = list(message.walk())
    defects = [repr(defect) for part in parts for defect in part.defects]
    defects += [repr(defect) for part in parts for value in part.values() for defect in value.defects]
    bodies = {part.get_content_type(): part.get_content() for part in parts if not part.is_multipart()}
    headers = {key: str(value) for key, value in message.items()}
    found.append({'name': os.path.basename(path), 'defects': defects, 'types': [part.get_content_type() for part in parts], 'headers': headers, 'bodies': bodies})
json.dump(found, sys.stdout)
`

interface Sent {
  label: string
  day: CapturedDay
  mail: Mail
  /** As it reads before any encoding. */
  plain: Mail
  parsed: ParsedMail
}

let folder: string
let templates: Templates
const sent: Sent[] = []

beforeAll(async () => {
  templates = await loadTemplates()
  folder = mkdtempSync(join(tmpdir(), 'messages-'))
  for (const day of [GOLDEN, ...capturedDays().filter((_, at) => isFull || at % SAMPLED === 0)]) {
    for (const length of LENGTHS) {
      const pieces = await piecesOf(day, length, templates)
      const all = day.places.length
      for (const papers of new Set(length === 'short' ? [DEFAULT_PAPERS, all] : [all])) {
        const mails = mailsOf(day, pieces, papers)
        const outcome = await openOutbox({ directory: folder }).send({
          edition: { date: day.date, kind: 'daily' },
          idempotencyKey: 'key',
          mails: [mails['quoted-printable']],
        })
        expect(outcome.kind).toBe('answered')
        const eml = readFileSync(join(folder, `${day.date}-daily`, `${mails.utf8.publicId}.eml`))
        const parsed = await simpleParser(eml, { skipHtmlToText: true, skipTextToHtml: true, skipTextLinks: true })
        const label = `${day.name} ${length} ${papers}`
        sent.push({ label, day, mail: mails['quoted-printable'], plain: mails.utf8, parsed })
      }
    }
  }
}, 180_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('a message', () => {
  it('carries every header that it should, each once, and reads as it was joined', () => {
    for (const { label, mail, plain, parsed } of sent) {
      const line = (name: string) => {
        const lines = parsed.headerLines.filter(({ key }) => key === name.toLowerCase())
        expect(lines, `${label} ${name}`).toHaveLength(1)
        return (lines[0]?.line ?? '')
          .slice(name.length + 1)
          .replace(/\r?\n(?=\s)/g, '')
          .trim()
      }
      expect(line('List-Unsubscribe')).toBe(
        `<${HOST.publicUrl}/unsubscribe/${SLOTS.unsubscribe}>, <mailto:${HOST.unsubscribeMailto}?subject=unsubscribe%20${SLOTS.unsubscribe}>`,
      )
      expect(line('List-Unsubscribe-Post')).toBe('List-Unsubscribe=One-Click')
      expect(line('List-Id')).toBe('"Daily Papers" <daily-papers.example.org>')
      expect(line('Archived-At')).toBe(`<${HOST.publicUrl}/view/${SLOTS.view}>`)
      expect(line('Feedback-ID')).toMatch(/^daily:(titles|short|full):digest:paper-round$/)
      expect(line('Feedback-ID')).not.toContain('reader')
      expect(line('Auto-Submitted')).toBe('auto-generated')
      expect(line('X-Auto-Response-Suppress')).toBe('OOF, AutoReply')
      expect(line('Message-ID')).toBe(`<${mail.publicId}@example.org>`)
      expect(line('MIME-Version')).toBe('1.0')
      expect(line('Content-Type')).toMatch(/^multipart\/alternative;/)
      for (const name of ['From', 'To', 'Subject', 'Date']) expect(line(name)).not.toBe('')
      expect(parsed.from?.value).toEqual([{ name: 'Daily Papers', address: 'papers@example.org' }])
      expect(parsed.date?.toISOString()).toBe(mail.date)
      expect(parsed.subject).toBe(plain.subject)
      expect(parsed.html).toBe(plain.html)
      expect(parsed.text).toBe(plain.text)
    }
    expect(sent.length).toBeGreaterThanOrEqual(LENGTHS.length)
  })

  it('has a subject that says the day and fits, another one every day', () => {
    const perDay = new Map<string, string>()
    for (const { label, day, plain } of sent) {
      expect(plain.subject, label).toMatch(
        /^\S.*?(?: · and \d+ more)? · (Sun|Mon|Tue|Wed|Thu|Fri|Sat) \d{1,2} [A-Z][a-z]{2}$/,
      )
      expect(plain.subject.length, label).toBeLessThanOrEqual(SUBJECT_MAX)
      expect(plain.subject, label).not.toMatch(/[\\${}]|\p{Cc}|\p{Cs}/u)
      perDay.set(plain.subject.split(' · ').at(-1) as string, day.date)
    }
    expect(perDay.size).toBe(new Set(sent.map(({ day }) => day.date)).size)
  })

  it('says in its text part what it says in HTML: every link, every paper, in lines of 72', () => {
    for (const { label, plain } of sent) {
      const lines = plain.text.split('\n')
      const links = [...plain.html.matchAll(/href="([^"#]+)"/g)].map(([, link]) => plainText(link as string))
      const written = new Set(lines.map((line) => /(?:^| )(https?:\/\/\S+)$/.exec(line)?.[1]))
      expect(
        links.filter((link) => !written.has(link)),
        label,
      ).toEqual([])
      expect(links.length, label).toBeGreaterThan(3)
      for (const line of lines)
        if (!/https?:\/\//.test(line)) expect(widthOf(line), line).toBeLessThanOrEqual(TEXT_WIDTH)
      const flat = plain.text.replace(/\s+/g, ' ')
      const titles = [...plain.html.matchAll(/<h2[^>]*>(?:<a[^>]*>)?([^<]+)/g)].map(([, title]) =>
        plainText(title as string),
      )
      expect(
        titles.filter((title) => !reads(flat, title)),
        label,
      ).toEqual([])
      expect(plain.text, label).not.toMatch(/<\/?(?:p|td|a|h2)\b|&(?:amp|lt|quot|#)/)
      expect(plain.text, label).not.toMatch(/\n{4,}|[ \t]\n/)
    }
  })

  it('numbers the papers by their places', () => {
    for (const { label, day, plain } of sent) {
      const papers = plain.text.replace(/^In this email\n[\s\S]*?\n\n\n/m, '')
      const numbers = [...papers.matchAll(/^(\d+)\. /gm)].map(([, number]) => Number(number))
      expect(numbers.length, label).toBeGreaterThan(0)
      expect(numbers, label).toEqual(numbers.toSorted((a, b) => a - b))
      expect(Math.max(...numbers), label).toBeLessThanOrEqual(day.places.length)
    }
  })
})

describe.skipIf(!hasPython())('Python, which shares no code with us,', () => {
  it('finds no defect in any message, and reads the same', { tags: 'long', timeout: 120_000 }, () => {
    const found = JSON.parse(
      execFileSync('python3', ['-c', PYTHON, folder], { encoding: 'utf8', maxBuffer: 1 << 29 }),
    ) as {
      name: string
      defects: string[]
      types: string[]
      headers: Record<string, string>
      bodies: Record<string, string>
    }[]
    for (const { name, defects, types, headers, bodies } of found) {
      const own = sent.find(({ mail }) => `${mail.publicId}.eml` === name)
      expect(defects, own?.label ?? name).toEqual([])
      expect(types).toEqual(['multipart/alternative', 'text/plain', 'text/html'])
      expect(headers.Subject).toBe(own?.plain.subject)
      expect(headers.From).toBe('Daily Papers <papers@example.org>')
      expect(headers['List-Unsubscribe']?.replace(/\s+/g, ' ').trim()).toBe(own?.plain.headers['List-Unsubscribe'])
      expect(bodies['text/html']?.trimEnd()).toBe(own?.plain.html.trimEnd())
      expect(bodies['text/plain']?.trimEnd()).toBe(own?.plain.text.trimEnd())
    }
    expect(found.length).toBe(sent.length)
  })
})

describe.skipIf(!hasSpamAssassin())('SpamAssassin', () => {
  it('finds next to nothing in a short and a full mail', { tags: 'long', timeout: 180_000 }, () => {
    const some = [
      sent.find(({ label }) => label.includes(' short ')),
      sent.findLast(({ label }) => label.includes(' full ')),
    ]
    const files = some.flatMap((each) =>
      each ? join(folder, `${each.day.date}-daily`, `${each.mail.publicId}.eml`) : [],
    )
    const scores = scoreMessages(files)
    expect(scores).toHaveLength(2)
    for (const { points, rules } of scores) {
      expect(points - pointsOfTheSource(rules), JSON.stringify(rules)).toBeLessThanOrEqual(SCORE_MAX)
    }
  })
})

describe('Resend', () => {
  it('is handed the same headers, subject and parts as stand in the outbox', async () => {
    const standIn = await openResendStandIn({ keepBodies: true, apiKey: 're_right' })
    try {
      const provider = openResend({ apiKey: 're_right', baseUrl: standIn.url, requestsPerSecond: 5 })
      const some = sent.filter((_each, index) => index % Math.ceil(sent.length / provider.batchSize) === 0)
      const request = { edition: { date: '2026-03-05', kind: 'daily' }, idempotencyKey: 'messages' }
      const outcome = await provider.send({ ...request, mails: some.map(({ plain }) => plain) })
      expect(outcome.kind).toBe('answered')
      expect(standIn.accepted).toHaveLength(some.length)
      for (const [index, { plain, parsed }] of some.entries()) {
        const taken = standIn.accepted[index]
        expect(taken).toMatchObject({
          subject: plain.subject,
          headers: plain.headers,
          html: plain.html,
          text: plain.text,
        })
        expect(Object.keys(taken?.headers ?? {})).toEqual([
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
        const inOutbox = new Set(parsed.headerLines.map(({ key }) => key))
        for (const name of Object.keys(plain.headers)) expect(inOutbox).toContain(name.toLowerCase())
      }
    } finally {
      await standIn.close()
    }
  })
})

/** Ideographs may be broken between lines without a space: those are left out on both sides. */
function reads(text: string, words: string): boolean {
  return text.replaceAll(' ', '').includes(words.replace(/\s+/g, ''))
}

function plainText(html: string): string {
  const signs: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', '#x27': "'", '#x3D': '=', '#x60': '`' }
  return html.replace(/&(amp|lt|gt|quot|#x27|#x3D|#x60);/g, (_entity, name: string) => signs[name] ?? '')
}

function hasPython(): boolean {
  return ['/usr/bin', '/usr/local/bin', ...(process.env.PATH ?? '').split(':')].some((path) =>
    existsSync(join(path, 'python3')),
  )
}

describe('a joined mail', () => {
  it('is composed, signed and sent as the same bytes from what its selection shares, whoever it is for', {
    tags: 'long',
  }, async () => {
    const { privateKey } = generateKeyPairSync('ed25519')
    const sign = openDkim({ privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), selector: 'p' })
    const slabs = openSlabs()
    const templates = await loadTemplates()
    const day = { date: GOLDEN.date, places: GOLDEN.places }
    const selection = selectionOf({ ...day, kind: 'daily' })
    for (const length of LENGTHS) {
      const draft = draftOf(preparePieces(await piecesOf(day, length, templates), 'quoted-printable'), selection)
      const token = fc.stringMatching(/^[A-Za-z0-9_-]{59}$/)
      const address = fc.oneof(
        fc.constantFrom('ada@example.org', 'a+b_c.d@x-y.example', 'Grüße@exämple.org', '"o hara"@example.org'),
        fc.constantFrom('a.@example.org', 'ada@EXAMPLE.org', 'ada@xn--exmple-cua.org', `${'a'.repeat(64)}@example.org`),
        fc.emailAddress(),
      )
      await fc.assert(
        fc.asyncProperty(token, token, token, fc.uuid(), address, fc.date(DATES), async (...given) => {
          const [unsubscribe, view, preferences, publicId, to, date] = given
          const slots = { unsubscribe, view, preferences }
          const { from, subject } = draft
          const shown = {
            headers: fillHeaders(draft, slots),
            html: fill(draft.html, slots),
            text: fill(draft.text, slots),
          }
          const mail = { publicId, to, from, subject, date: date.toISOString(), ...shown }
          const joined = { ...mail, joined: { draft, slots } }
          expect(composeBytes(joined).toString()).toBe(composeMessage(mail))
          const field = await sign(composeImage(mail), 'example.org')
          expect(await sign(composeImage(joined), 'example.org')).toBe(field)
          const sent = writeMessage(composeImage(joined), field, slabs).bytes.toString()
          expect(sent).toBe(writeMessage(composeImage(mail), field, slabs).bytes.toString())
        }),
        { numRuns: runs(60) },
      )
    }
  })
})
