// A second reader of DKIM signatures, from the standard alone, and messages for what signs.
import { createHash, type KeyObject, verify as verifyBytes } from 'node:crypto'
import type { openDkim } from '../../src/delivery/provider/smtp/dkim.ts'
import { openImages } from '../../src/digest/piece/image.ts'

/** Returns a whole message with its signature in front, a character a byte. */
export async function signWhole(
  sign: ReturnType<typeof openDkim>,
  message: string,
  domain = 'round.example',
): Promise<string> {
  const image = openImages((text) => text).make([{ raw: message }])
  return Buffer.from(`${await sign({ image, values: {} }, domain)}${message}`).toString('latin1')
}

/**
 * Whether a message's first header signs it, by RFC 6376 (relaxed, relaxed) and nothing of the
 * library: what we take from its insides is held on machines without Debian's package too.
 */
export function holds(message: string, publicKey: KeyObject): boolean {
  const end = message.indexOf('\r\n\r\n')
  const relaxed = (line: string) => line.replace(/\s+/g, ' ').trim()
  const fields = message
    .slice(0, end)
    .split(/\r\n(?![ \t])/)
    .map((field) => {
      const colon = field.indexOf(':')
      return { name: field.slice(0, colon).trim().toLowerCase(), value: relaxed(field.slice(colon + 1)) }
    })
  const own = fields.shift()
  const tags = Object.fromEntries((own?.value ?? '').split(/; ?/).map((tag) => tag.split(/=(.*)/s).slice(0, 2)))
  const body = message
    .slice(end + 4)
    .replace(/[ \t]+(?=\r\n)/g, '')
    .replace(/[ \t]+/g, ' ')
    .replace(/(\r\n)*$/, '\r\n')
  if (createHash('sha256').update(body, 'latin1').digest('base64') !== tags.bh.replace(/\s/g, '')) return false
  const signed = tags.h.split(':').flatMap((name: string) => {
    const at = fields.findLastIndex((field) => field.name === name.trim().toLowerCase())
    return fields.splice(at, at < 0 ? 0 : 1).map((field) => `${field.name}:${field.value}\r\n`)
  })
  const input = Buffer.from(`${signed.join('')}dkim-signature:${own?.value.replace(/ b=.*$/, ' b=')}`, 'latin1')
  const ed25519 = publicKey.asymmetricKeyType === 'ed25519'
  const digest = ed25519 ? createHash('sha256').update(input).digest() : input
  return verifyBytes(ed25519 ? null : 'sha256', digest, publicKey, Buffer.from(tags.b, 'base64'))
}
