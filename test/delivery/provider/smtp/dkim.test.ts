// Signatures as a verifier that is not ours reads them (Debian's python3-dkim), on the bytes that a
// mail server received.
import { execFileSync } from 'node:child_process'
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { composeMessage } from '../../../../src/delivery/provider/message.ts'
import type { Mail } from '../../../../src/delivery/provider/provider.ts'
import { openDkim } from '../../../../src/delivery/provider/smtp/dkim.ts'
import { openSmtp } from '../../../../src/delivery/provider/smtp/smtp.ts'
import { holds, signWhole } from '../../../support/signature.ts'
import { openSmtpStandIn } from '../../../support/smtp-stand-in.ts'

/**
 * Reads messages, each with the record of its key, and prints of each whether its signature holds,
 * and which name was asked for.
 */
const VERIFY = `
import dkim, json, sys
found = []
for given in json.load(sys.stdin):
    asked = []
    def dns(name, timeout=5):
        asked.append(name.decode() if isinstance(name, bytes) else name)
        return given['record'].encode()
    try:
        holds = dkim.DKIM(given['message'].encode('latin1'), minkey=1024).verify(dnsfunc=dns)
    except dkim.DKIMException:
        holds = False
    found.append({'holds': holds, 'asked': asked})
json.dump(found, sys.stdout)
`
/** Debian's own Python first: another one in the path need not have its packages. */
const python = ['/usr/bin/python3', 'python3'].find((path) => {
  try {
    execFileSync(path, ['-c', 'import dkim, nacl'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})

const MAIL: Mail = {
  publicId: '0f8fad5b-d9cb-469f-a165-70867728950e',
  to: 'reader@example.org',
  from: 'Daily Papers <papers@round.example>',
  subject: 'Daily Papers, Thu 5 March: Ünïcode  in   a title that is long enough to be folded by any composer',
  headers: {
    'List-Unsubscribe':
      '<https://round.example/unsubscribe/token>, <mailto:off@round.example?subject=unsubscribe%20token>',
    'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
    'List-Id': '"Daily Papers" <daily-papers.round.example>',
  },
  html: '<p>A  paper =E2=80=93 and spaces =20\r\n</p>\r\n\r\n',
  text: 'A paper\r\n.\r\n..dots\r\n\r\n\r\n',
  date: '2026-03-05T07:00:00.000Z',
}
const SIGNED = ['from', 'to', 'subject', 'date', 'message-id', 'list-unsubscribe', 'list-unsubscribe-post']
/** What somebody on the way could put in front of a mail, for programs that show the first. */
const PUT_IN_FRONT = [
  'From: Somebody <somebody@else.example>',
  'Subject: Pay here',
  'Reply-To: somebody@else.example',
  'Content-Type: text/html',
  'List-Unsubscribe: <https://else.example/>',
  'List-Unsubscribe-Post: List-Unsubscribe=Two-Clicks',
  'Sender: somebody@else.example',
  'Content-Transfer-Encoding: base64',
]
const KEYS = {
  rsa: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ed25519: () => generateKeyPairSync('ed25519'),
}
type Kind = keyof typeof KEYS

function recordOf(kind: Kind, publicKey: KeyObject): string {
  const der = publicKey.export({ type: 'spki', format: 'der' })
  return `v=DKIM1; k=${kind}; p=${(kind === 'rsa' ? der : der.subarray(-32)).toString('base64')}`
}

const pemOf = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'pem' }).toString()

function verify(signed: { message: string; record: string }[]): { holds: boolean; asked: string[] }[] {
  return JSON.parse(execFileSync(python as string, ['-c', VERIFY], { input: JSON.stringify(signed), encoding: 'utf8' }))
}

describe.each(['rsa', 'ed25519'] as const)('a signature with %s', (kind) => {
  const { privateKey, publicKey } = KEYS[kind]()

  it('holds for what a mail server received, both headers of one-click unsubscribe under it', { tags: 'long' }, async ({
    skip,
  }) => {
    if (python === undefined) return skip('python3-dkim is not installed')
    const standIn = await openSmtpStandIn()
    const provider = openSmtp({
      server: { host: '127.0.0.1', port: standIn.port, secure: false, login: null, pool: 1 },
      dkim: { privateKey: pemOf(privateKey), selector: 'papers2026' },
      requestsPerSecond: null,
    })
    await provider.send({ edition: { date: '2026-03-05', kind: 'daily' }, idempotencyKey: 'none', mails: [MAIL] })
    await provider.close?.()
    await standIn.close()
    const message = standIn.taken[0]?.message.toString('latin1') ?? ''
    const record = recordOf(kind, publicKey)
    const field = /^DKIM-Signature: [\s\S]*?\r\n(?![ \t])/.exec(message)?.[0].replace(/\s/g, '') ?? ''
    const names = /;h=([^;]*);/.exec(field)?.[1]?.split(':') ?? []
    expect(names).toEqual(expect.arrayContaining(SIGNED))
    // What stands under the signature cannot be changed without breaking it.
    const changed = SIGNED.map((name) => message.replace(new RegExp(`^${name}: `, 'im'), `${name}: x`))
    // Nor can a second one be put in front, nor between the signature and the rest.
    const end = message.search(/\r\n(?![ \t])/) + 2
    const doubled = PUT_IN_FRONT.flatMap((line) => [
      `${line}\r\n${message}`,
      `${message.slice(0, end)}${line}\r\n${message.slice(end)}`,
    ])
    const broken = [...changed, ...doubled, message.replace('..dots', '..spots')]
    expect(broken).not.toContain(message)
    const other = recordOf(kind, KEYS[kind]().publicKey)
    const [own, foreign, ...rest] = verify([
      { message, record },
      { message, record: other },
      ...broken.map((each) => ({ message: each, record })),
    ])
    expect(own).toEqual({ holds: true, asked: ['papers2026._domainkey.round.example.'] })
    expect(foreign?.holds).toBe(false)
    expect(rest.map((each) => each.holds)).toEqual(broken.map(() => false))
  })

  it('holds by the standard, for headers, folds and spaces as mails have them', async () => {
    const sign = openDkim({ privateKey: pemOf(privateKey), selector: 'papers' })
    const signed = await signWhole(sign, composeMessage(MAIL))
    expect(holds(signed, publicKey)).toBe(true)
    for (const name of SIGNED) {
      expect(holds(signed.replace(new RegExp(`^${name}: `, 'im'), `${name}: x`), publicKey), name).toBe(false)
    }
    expect(holds(signed.replace('..dots', '..spots'), publicKey)).toBe(false)
    const end = signed.search(/\r\n(?![ \t])/) + 2
    for (const line of PUT_IN_FRONT) {
      expect(holds(`${signed.slice(0, end)}${line}\r\n${signed.slice(end)}`, publicKey), line).toBe(false)
    }
  })

  it('is not made for a message that has a signed header twice', async () => {
    const sign = openDkim({ privateKey: pemOf(privateKey), selector: 'papers' })
    const message = 'From: papers@round.example\r\nSubject: x\r\nSubject: y\r\n\r\nA paper\r\n'
    await expect(signWhole(sign, message)).rejects.toThrow('two headers subject')
  })

  it('is the same for the same message and stands in front of it', async () => {
    const sign = openDkim({ privateKey: pemOf(privateKey), selector: 'papers' })
    const message = 'From: papers@round.example\r\nSubject: x\r\n\r\nA paper\r\n'
    const [first, second] = [await signWhole(sign, message), await signWhole(sign, message)]
    expect(first).toBe(second)
    expect(first).toMatch(/^DKIM-Signature: v=1; /)
    expect(first.endsWith(`\r\n${message}`)).toBe(true)
  })
})
