// Reports of many servers, each taken for what it is; and messages that mean harm.
import { describe, expect, it } from 'vitest'
import { readBounce } from '../../../src/delivery/bounce/reading.ts'
import { chooseSaid } from '../../../src/delivery/bounce/said.ts'
import { KNOWN } from './known-reports.ts'
import { feedback, notification, OWN, statusPart } from './own-reports.ts'

const read = (text: string) => readBounce(Buffer.from(text, 'latin1'))
const FAILED = statusPart({ action: 'failed', status: '5.1.1' })

describe('readBounce', () => {
  it('knows far more than forty shapes', () => {
    expect(KNOWN.length + OWN.length).toBeGreaterThan(80)
    const reports = [...KNOWN, ...OWN].filter(({ type }) => type !== null)
    expect(reports.length).toBeGreaterThanOrEqual(70)
  })

  it.each([...KNOWN, ...OWN])('takes $name for $kind, $type', async ({ source, kind, type }) => {
    const { kind: found, said } = await read(source)
    expect([found, chooseSaid(said, () => false)?.type ?? null]).toEqual([kind, type])
    if (type === null) expect(said).toEqual([])
  })

  it('reads the same with either line end', async () => {
    for (const { source, name } of OWN) {
      const [unix, dos] = [await read(source), await read(source.replaceAll('\n', '\r\n'))]
      expect(dos.said, name).toEqual(unix.said)
    }
  })

  it('has the same fingerprint for a message on whatever way it came, and another for another', async () => {
    const plain = notification(FAILED)
    const marked = `Message-ID: <1@mx.readers.example>\n${plain}`
    for (const text of [plain, marked]) {
      const [first, second] = [
        await read(text),
        await read(`Received: from elsewhere\nDelivered-To: x@y.example\n${text}`),
      ]
      expect(second.fingerprint).toBe(first.fingerprint)
    }
    const others = [plain, marked, marked.replace('<1@', '<2@'), plain.replace('could not', 'can not')]
    expect(new Set(await Promise.all(others.map(async (text) => (await read(text)).fingerprint))).size).toBe(4)
  })
})

describe('a hostile message', () => {
  const part = (type: string, body: string) => `--b\nContent-Type: ${type}\n\n${body}\n`
  const many = (count: number, each: (at: number) => string) =>
    Array.from({ length: count }, (_, at) => each(at)).join('')
  const nested = (depth: number): string =>
    depth === 0
      ? notification(FAILED)
      : `Content-Type: multipart/mixed; boundary="n${depth}"\n\n--n${depth}\n${nested(depth - 1)}\n--n${depth}--\n`

  it.each<[string, string, string]>([
    [
      'of a thousand parts',
      `Content-Type: multipart/report; boundary="b"\n\n${many(1_000, () => part('text/plain', 'x'))}--b--`,
      'unreadable',
    ],
    ['of two hundred parts in one another', nested(200), 'unreadable'],
    ['whose header never ends', `Subject: x\n${many(9_000, () => ' more and more\n')}\n\nx`, 'unreadable'],
    ['of a thousand messages in one another', many(1_000, () => 'Content-Type: message/rfc822\n\n'), 'no-report'],
    ['of nothing', '', 'no-report'],
    ['of zeros', '\0'.repeat(100_000), 'unreadable'],
    ['of one line', 'x'.repeat(300_000), 'unreadable'],
    ['of a line and nothing but the ends of others', `Subject: x\n\nx${'\n'.repeat(65_000)}x`, 'no-report'],
    [
      'of a recipient without an end',
      notification(statusPart({ action: 'failed', status: '5.1.1', recipient: 'x'.repeat(200_000) })),
      'delivery-status',
    ],
    [
      'with a report behind ten megabytes',
      `Content-Type: multipart/report; boundary="b"\n\n${part('text/plain', 'x'.repeat(1e7))}${part('message/delivery-status', FAILED)}--b--`,
      'no-report',
    ],
    [
      'of parts without an end',
      'Content-Type: multipart/report; boundary="b"\n\n--b\nContent-Type: multipart/mixed; boundary="b"\n\n--b\n--b\n',
      'no-report',
    ],
  ])('%s is put aside soon', async (_, source, kind) => {
    const startedAt = process.cpuUsage()
    expect((await read(source)).kind).toBe(kind)
    const { user, system } = process.cpuUsage(startedAt)
    // In microseconds: far above what any of them takes, far below what would hold a reader up.
    expect(user + system).toBeLessThan(2e6)
  })

  it('of ten thousand recipients is read as far as it is sane', async () => {
    const { kind, said } = await read(notification(...Array.from({ length: 10_000 }, () => FAILED)))
    expect(kind).toBe('delivery-status')
    expect(said.length).toBeLessThanOrEqual(50)
  })

  it('cannot hide fields in a field, nor make one of two lines', async () => {
    const folded = notification(
      `X-Words: a\n Final-Recipient: rfc822; eve@readers.example\n Action: failed\n Status: 5.1.1`,
    )
    expect((await read(folded)).said).toEqual([])
    const twice = await read(feedback('Feedback-Type: not-spam\nFeedback-Type: abuse'))
    expect(twice.said).toEqual([])
  })

  it('says nothing by its sender or subject', async () => {
    const source = notification('X-Nothing: at all')
      .replace(/^From: .*$/m, 'From: MAILER-DAEMON@papers.example')
      .replace(/^Subject: .*$/m, 'Subject: Undelivered Mail Returned to Sender, 550 5.1.1 user unknown')
    expect((await read(source)).said).toEqual([])
  })
})
