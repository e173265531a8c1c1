// The outbox provider: its files are read back by another library than the one that wrote them.
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { simpleParser } from 'mailparser'
import * as qp from 'nodemailer/lib/qp'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { composeMessage } from '../../../src/delivery/provider/message.ts'
import { openOutbox } from '../../../src/delivery/provider/outbox.ts'
import type { BatchRequest, Mail } from '../../../src/delivery/provider/provider.ts'
import { runs } from '../../support/full.ts'
import { mountDisk } from '../../support/small-disk.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'outbox-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const ID = '0f8fad5b-d9cb-469f-a165-70867728950e'
const encode = (text: string) => qp.wrap(qp.encode(text.replace(/\r?\n/g, '\r\n')))

function mail(changes: Partial<Mail> = {}): Mail {
  return {
    publicId: ID,
    to: 'reader@x.example',
    from: 'Paper Round <papers@round.example>',
    subject: 'Papers of 2 March',
    headers: {},
    html: encode('<p>Hello</p>'),
    text: encode('Hello'),
    date: '2026-03-02T05:00:07.000Z',
    ...changes,
  }
}

function request(mails: Mail[], changes: Partial<BatchRequest> = {}): BatchRequest {
  return { edition: { date: '2026-03-01', kind: 'daily' }, idempotencyKey: 'key', mails, ...changes }
}

const numbered = (number: number) => `${ID.slice(0, -4)}${String(number).padStart(4, '0')}`
const headers = (message: string) => message.slice(0, message.indexOf('\r\n\r\n'))
const unfold = (message: string) =>
  headers(message)
    .replace(/\r\n(?=[ \t])/g, '')
    .split('\r\n')

describe('a message', () => {
  it('holds what the mail holds, in the order in which it should leave', async () => {
    const longLink = `https://round.example/unsubscribe/${'token'.repeat(60)}`
    const extra = {
      'List-Unsubscribe': `<${longLink}>, <mailto:leave@round.example?subject=leave>`,
      'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
      'List-ID': '"Daily \\"Papers\\"" <daily.round.example>',
      'Feedback-ID': '2026-03-01:daily:round',
      'X-Auto-Response-Suppress': 'OOF, AutoReply',
    }
    const html = `<p>Grüße 你好 📰 &amp; = tail </p>\r\n${'long line '.repeat(200)}\r\n.\r\n--=_${ID}--\r\n`
    const text = 'Grüße 你好 📰\r\n.dot\r\nFrom here\r\n=3D stays\r\ntrailing \t\r\n'
    const message = composeMessage(
      mail({ headers: extra, html: encode(html), text: encode(text), from: '"Päper, Round" <papers@round.example>' }),
    )
    const names = unfold(message).map((line) => line.slice(0, line.indexOf(':')))
    expect(names).toEqual([
      'From',
      'To',
      'Subject',
      'Date',
      'Message-ID',
      ...Object.keys(extra),
      'MIME-Version',
      'Content-Type',
    ])
    for (const [name, value] of Object.entries(extra)) expect(unfold(message)).toContain(`${name}: ${value}`)

    const parsed = await simpleParser(message, { skipHtmlToText: true, skipTextToHtml: true })
    expect(parsed.from?.value).toEqual([{ name: 'Päper, Round', address: 'papers@round.example' }])
    expect(parsed.to).toMatchObject({ value: [{ name: '', address: 'reader@x.example' }] })
    expect(parsed.subject).toBe('Papers of 2 March')
    expect(parsed.date).toEqual(new Date('2026-03-02T05:00:07.000Z'))
    expect(parsed.messageId).toBe(`<${ID}@round.example>`)
    expect(parsed.headers.get('content-type')).toMatchObject({ value: 'multipart/alternative' })
    expect(parsed.html).toBe(html.replaceAll('\r\n', '\n'))
    expect(parsed.text).toBe(text.replaceAll('\r\n', '\n'))
    expect(parsed.attachments).toEqual([])
  })

  it('has two parts, text before HTML, both as they were given', () => {
    const given = mail({ html: encode('<p>ä</p>'), text: encode('ä') })
    const message = composeMessage(given)
    const parts = message.slice(message.indexOf('\r\n\r\n') + 4).split(`--=_${ID}`)
    const head = (type: string) =>
      `\r\nContent-Type: ${type}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n`
    expect(parts).toEqual([
      '',
      `${head('text/plain')}${given.text}\r\n`,
      `${head('text/html')}${given.html}\r\n`,
      '--\r\n',
    ])
  })

  it('is sound for any subject, name and content: short ASCII lines, CRLF, each header once, and read back the same', async () => {
    const words = fc
      .string({ unit: 'grapheme', maxLength: 400 })
      .map((text) => text.replace(/[\s\p{Cc}]+/gu, ' ').trim())
    const content = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 2_000 })
      .map((text) => text.replace(/[\r\n]+/g, '\r\n'))
    await fc.assert(
      fc.asyncProperty(words, content, content, words, async (subject, html, text, name) => {
        const message = composeMessage(
          mail({
            subject,
            html: encode(html),
            text: encode(text),
            headers: { 'X-Name': name, 'Auto-Submitted': 'auto-generated' },
          }),
        )
        expect(message).toMatch(/^[\t\r\n\x20-\x7e]*$/)
        expect(message.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/)
        for (const line of message.split('\r\n')) expect(line.length).toBeLessThanOrEqual(998)
        const names = unfold(message).map((line) => line.slice(0, line.indexOf(':')).toLowerCase())
        expect(new Set(names).size).toBe(names.length)
        const parsed = await simpleParser(message, { skipHtmlToText: true, skipTextToHtml: true })
        expect(parsed.subject ?? '').toBe(subject)
        expect(parsed.text ?? '').toBe(text.replaceAll('\r\n', '\n'))
        expect(parsed.html || '').toBe(html.replaceAll('\r\n', '\n'))
      }),
      { numRuns: runs(150) },
    )
  })

  it('lets no value start a header of its own', () => {
    const evil = 'a\r\nBcc: everyone@x.example'
    const message = composeMessage(
      mail({ subject: evil, headers: { 'X-A': evil, 'X-B\r\nBcc': 'b' }, to: `r@x.example\r\nBcc: e@x.example` }),
    )
    expect(unfold(message).filter((line) => /^bcc/i.test(line))).toEqual([])
  })

  it('never reads one address as two', async () => {
    const parsed = await simpleParser(composeMessage(mail({ to: 'a@x.example, b@x.example' })))
    expect(parsed.to).toMatchObject({ value: [expect.anything()] })
  })

  it('is the same bytes for the same mail, which a golden copy fixes', () => {
    const given = mail({
      subject: 'Träumerei',
      headers: { 'List-Id': '<daily.round.example>' },
      text: encode('Guten Tag ü'),
    })
    expect(composeMessage(given)).toBe(composeMessage(structuredClone(given)))
    expect(composeMessage(given).split('\r\n')).toEqual([
      'From: Paper Round <papers@round.example>',
      'To: reader@x.example',
      'Subject: =?UTF-8?Q?Tr=C3=A4umerei?=',
      'Date: Mon, 02 Mar 2026 05:00:07 +0000',
      `Message-ID: <${ID}@round.example>`,
      'List-ID: <daily.round.example>',
      'MIME-Version: 1.0',
      'Content-Type: multipart/alternative;',
      ` boundary="=_${ID}"`,
      '',
      `--=_${ID}`,
      'Content-Type: text/plain; charset=utf-8',
      'Content-Transfer-Encoding: quoted-printable',
      '',
      'Guten Tag =C3=BC',
      `--=_${ID}`,
      'Content-Type: text/html; charset=utf-8',
      'Content-Transfer-Encoding: quoted-printable',
      '',
      '<p>Hello</p>',
      `--=_${ID}--`,
      '',
    ])
  })

  it('takes its Message-ID from the sender, in ASCII', () => {
    const idOf = (from: string) => unfold(composeMessage(mail({ from }))).find((line) => line.startsWith('Message-ID'))
    expect(idOf('papers@bücher.example')).toBe(`Message-ID: <${ID}@xn--bcher-kva.example>`)
    expect(idOf('"a@b" <papers@round.example>')).toBe(`Message-ID: <${ID}@round.example>`)
  })
})

describe('the outbox', () => {
  it('states that it reaches nobody and may always repeat', () => {
    expect(openOutbox({ directory })).toMatchObject({
      name: 'outbox',
      batchSize: 100,
      requestsPerSecond: null,
      replayMs: Number.POSITIVE_INFINITY,
      encoding: 'quoted-printable',
      reachesRealWorld: false,
    })
  })

  it('writes one file a mail and answers for each in order', async () => {
    const mails = Array.from({ length: 100 }, (_, n) => mail({ publicId: numbered(n), to: `r${n}@x.example` }))
    const outcome = await openOutbox({ directory: join(directory, 'deep', 'down') }).send(request(mails))
    expect(outcome).toEqual({ kind: 'answered', outcomes: mails.map(() => ({ state: 'submitted', providerId: null })) })
    const folder = join(directory, 'deep', 'down', '2026-03-01-daily')
    expect(readdirSync(folder).sort()).toEqual(mails.map(({ publicId }) => `${publicId}.eml`))
    for (const given of mails) {
      expect(readFileSync(join(folder, `${given.publicId}.eml`), 'utf8')).toBe(composeMessage(given))
    }
  })

  it('writes a repeat over itself, even beside another attempt, and a notice to its own folder', async () => {
    const outbox = openOutbox({ directory })
    const batch = request([mail()])
    await Promise.all([outbox.send(batch), outbox.send(batch), outbox.send(batch)])
    const weekly = { date: '2026-03-01', kind: 'weekly' }
    await outbox.send(request([mail()], { edition: weekly }))
    await outbox.sendNotice({ notice: mail(), kind: 'confirm', idempotencyKey: 'key' })
    expect(readdirSync(directory).sort()).toEqual(['2026-03-01-daily', '2026-03-01-weekly', 'notices'])
    for (const folder of readdirSync(directory)) expect(readdirSync(join(directory, folder))).toEqual([`${ID}.eml`])
    expect(readFileSync(join(directory, '2026-03-01-daily', `${ID}.eml`), 'utf8')).toBe(composeMessage(mail()))
  })

  it('keeps a mail whole when a crash left half of a later one beside it', async () => {
    const outbox = openOutbox({ directory })
    await outbox.send(request([mail()]))
    const folder = join(directory, '2026-03-01-daily')
    writeFileSync(join(folder, `.${ID}.0011aabb.tmp`), 'From: half')
    await outbox.send(request([mail()]))
    const mails = readdirSync(folder).filter((name) => name.endsWith('.eml'))
    expect(mails).toEqual([`${ID}.eml`])
    expect((await simpleParser(readFileSync(join(folder, `${ID}.eml`)))).text).toBe('Hello')
  })

  it.each(['', '../escape', 'a/b', ID.toUpperCase(), `${ID}.eml`, `${ID}\0`])(
    'rejects a mail whose public id is %j and writes the others',
    async (publicId) => {
      const outcome = await openOutbox({ directory }).send(request([mail({ publicId }), mail()]))
      expect(outcome).toEqual({
        kind: 'answered',
        outcomes: [
          { state: 'rejected', reason: 'the public id is not a UUID' },
          { state: 'submitted', providerId: null },
        ],
      })
      expect(readdirSync(directory, { recursive: true })).toEqual(['2026-03-01-daily', `2026-03-01-daily/${ID}.eml`])
    },
  )

  it.each([
    { date: '..', kind: 'daily' },
    { date: '2026-03-01', kind: '../x' },
    { date: '', kind: '' },
  ])('refuses an edition that names no folder: %j', async (edition) => {
    const outcome = await openOutbox({ directory }).send(request([mail()], { edition }))
    expect(outcome.kind).toBe('refused')
    expect(readdirSync(directory)).toEqual([])
  })

  it('says unknown when the disk fails, without a path, leaves nothing beside, and catches up in the repeat', async () => {
    const outbox = openOutbox({ directory })
    const folder = join(directory, '2026-03-01-daily')
    writeFileSync(folder, 'a file in the way')
    expect(await outbox.send(request([mail()]))).toEqual({
      kind: 'unknown',
      reason: 'the outbox could not be written: EEXIST',
    })
    rmSync(folder)
    // A folder in a mail's place fails its rename: the other mails of the batch may stand already.
    const mails = [0, 1, 2].map((n) => mail({ publicId: numbered(n) }))
    await openOutbox({ directory: folder }).send(request([mail()]))
    rmSync(folder, { recursive: true })
    await outbox.send(request([mails[0] ?? mail()], { edition: { date: '2026-03-01', kind: 'daily' } }))
    rmSync(join(folder, `${numbered(0)}.eml`))
    await openOutbox({ directory: join(folder, `${numbered(0)}.eml`) }).send(request([mail()]))
    expect(await outbox.send(request(mails))).toEqual({
      kind: 'unknown',
      reason: 'the outbox could not be written: EISDIR',
    })
    expect(readdirSync(folder).filter((name) => name.startsWith('.'))).toEqual([])
    rmSync(join(folder, `${numbered(0)}.eml`), { recursive: true })
    expect((await outbox.send(request(mails))).kind).toBe('answered')
    expect(readdirSync(folder).sort()).toEqual(mails.map(({ publicId }) => `${publicId}.eml`))
  })

  it('keeps what it writes from other accounts', async () => {
    const deep = join(directory, 'deep')
    await openOutbox({ directory: deep }).send(request([mail()]))
    const modeOf = (...path: string[]) => statSync(join(deep, ...path)).mode & 0o777
    expect([modeOf(), modeOf('2026-03-01-daily')]).toEqual([0o700, 0o700])
    expect(modeOf('2026-03-01-daily', `${ID}.eml`)).toBe(0o600)
  })

  it('has accepted nothing when the disk is full, says so by name, and catches up once there is room', async (context) => {
    const unmount = await mountDisk(directory, 1)
    if (!unmount) return context.skip('mounting a small disk is not allowed')
    try {
      const outbox = openOutbox({ directory })
      const mails = Array.from({ length: 20 }, (_, n) => mail({ publicId: numbered(n), html: 'a'.repeat(20_000) }))
      const filler = join(directory, 'filler')
      writeFileSync(filler, Buffer.alloc(900_000))
      expect(await outbox.send(request(mails))).toEqual({
        kind: 'throttled',
        reason: 'the disk of OUTBOX_DIR is full: make room there; its emails wait',
        retryAfterMs: 60_000,
      })
      expect(readdirSync(join(directory, '2026-03-01-daily'))).toEqual([])
      rmSync(filler)
      expect((await outbox.send(request(mails))).kind).toBe('answered')
      expect(readdirSync(join(directory, '2026-03-01-daily'))).toHaveLength(20)
    } finally {
      await unmount()
    }
  })

  it.skipIf(process.getuid?.() === 0)('says unknown where it may not write', async () => {
    chmodSync(directory, 0o500)
    const outcome = await openOutbox({ directory }).send(request([mail()]))
    chmodSync(directory, 0o700)
    expect(outcome).toEqual({ kind: 'unknown', reason: 'the outbox could not be written: EACCES' })
  })

  it('says unknown when it is stopped', async () => {
    const outcome = await openOutbox({ directory }).send(request([mail()], { signal: AbortSignal.abort() }))
    expect(outcome).toEqual({ kind: 'unknown', reason: 'stopped while writing' })
  })
})
