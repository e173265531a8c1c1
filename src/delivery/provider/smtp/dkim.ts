// Signs a message with DKIM (RFC 6376; RFC 8463 for Ed25519), both headers of one-click unsubscribe
// under the signature, as RFC 8058 demands. It never sends, and never lets a message pass unsigned.
// The library's own signer names a header only as often as it occurs, so that a second one put in
// front would leave the signature whole; and it reads every body anew, where here what the messages
// of a selection share is made ready once.
import { createHash, createPrivateKey, type KeyObject, sign } from 'node:crypto'
import { promisify } from 'node:util'
import {
  changed,
  cutImage,
  type Image,
  openSlabs,
  sizeOf,
  toBytes,
  type Values,
  writeImage,
} from '../../../digest/piece/image.ts'
import type { Composed } from '../message.ts'

/** With what mails are signed on the way to a mail server. */
export interface DkimSettings {
  /** PEM. */
  privateKey: string
  selector: string
}

/** What a mail program shows, obeys or reads the body by, whether our mails have it or not. */
const SIGNED = [
  'from',
  'sender',
  'reply-to',
  'to',
  'cc',
  'subject',
  'date',
  'message-id',
  'mime-version',
  'content-type',
  'content-transfer-encoding',
  'list-unsubscribe',
  'list-unsubscribe-post',
  'list-id',
  'feedback-id',
]
const LINE_MAX = 72

/** A message in the two parts that are signed apart. */
interface Parts {
  headers: Image
  /** In relaxed form. */
  body: Image
}

const scratch = openSlabs(1)
const partsOf = new WeakMap<Image, Parts>()
const signAside = promisify<string | undefined, Buffer, KeyObject, Buffer>(sign)

/**
 * Returns a function that makes the header that signs a message for `domain`, to stand in front of
 * it; it rejects when the key does not sign, or when a header that is signed stands there twice.
 */
export function openDkim({ privateKey, selector }: DkimSettings): (mail: Composed, domain: string) => Promise<string> {
  const key = createPrivateKey(privateKey)
  const algorithm = key.asymmetricKeyType === 'ed25519' ? 'ed25519-sha256' : 'rsa-sha256'
  return async ({ image, values }, domain) => {
    const { headers, body } = partsOf.get(image) ?? cut(image)
    partsOf.set(image, { headers, body })
    const found = readHeaders(toBytes(headers, values).toString('latin1'))
    const present = SIGNED.filter((name) => found.has(name))
    // Once more than it occurs: a second one then breaks the signature wherever it is put.
    const names = [...present, ...SIGNED].join(':\r\n  ')
    const bodyHash = hashOf(body, values)
    const field = `DKIM-Signature: v=1; a=${algorithm}; c=relaxed/relaxed; d=${domain}; s=${selector};\r\n bh=${bodyHash};\r\n h=${names};\r\n b=`
    const signed = [...present.map((name) => `${name}:${found.get(name)}\r\n`), relaxHeader(field).join(':')]
    return `${field}${fold(await signText(key, signed.join('')))}\r\n`
  }
}

function cut(image: Image): Parts {
  const [headers, rest] = cutImage(image, '\r\n\r\n')
  const last = rest.literals.length - 1
  const body = changed(rest, (literal, place) => {
    const lines = place === 0 ? literal.slice('\r\n\r\n'.length) : literal
    const relaxed = lines.replace(/[ \t]+(?=\r\n)/g, '').replace(/[ \t]+/g, ' ')
    return place === last ? relaxed.replace(/(\r\n)*$/, '\r\n') : relaxed
  })
  return { headers, body }
}

function hashOf(body: Image, values: Values): string {
  const slab = scratch.take(sizeOf(body, values))
  const bytes = slab.subarray(0, writeImage(body, values, slab, 0))
  const hash = createHash('sha256').update(bytes).digest('base64')
  scratch.give(slab)
  return hash
}

/** Reads headers in relaxed form. */
function readHeaders(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const field of text.split(/\r\n(?![ \t])/)) {
    const [name, value] = relaxHeader(field)
    if (found.has(name) && SIGNED.includes(name)) throw new Error(`the message has two headers ${name}`)
    found.set(name, value)
  }
  return found
}

function relaxHeader(field: string): [name: string, value: string] {
  const colon = field.indexOf(':')
  // No other white space: a letter of UTF-8 may hold the byte of one.
  const value = field.slice(colon + 1).replace(/[ \t\r\n]+/g, ' ')
  return [field.slice(0, colon).trim().toLowerCase(), value.replace(/^ | $/g, '')]
}

/** Beside the program's own thread: RSA takes a third of a millisecond. */
async function signText(key: KeyObject, text: string): Promise<string> {
  const bytes = Buffer.from(text, 'latin1')
  // With Ed25519 its own hash comes on top: RFC 8463 signs the digest.
  const signature =
    key.asymmetricKeyType === 'ed25519'
      ? await signAside(undefined, createHash('sha256').update(bytes).digest(), key)
      : await signAside('sha256', bytes, key)
  return signature.toString('base64')
}

function fold(signature: string): string {
  return (signature.match(new RegExp(`.{1,${LINE_MAX}}`, 'g')) ?? []).join('\r\n  ')
}
