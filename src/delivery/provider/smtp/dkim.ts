// Signs a message with DKIM (RFC 6376; RFC 8463 for Ed25519), both headers of one-click unsubscribe
// under the signature, as RFC 8058 demands. It never sends, and never lets a message pass unsigned.
// The library reads header and body; its own signer names a header only as often as it occurs, so
// that a second one put in front would leave the signature whole.
import { createHash, createPrivateKey, type KeyObject, sign } from 'node:crypto'
import { finished } from 'node:stream/promises'
import MessageParser from 'nodemailer/lib/dkim/message-parser'
import RelaxedBody from 'nodemailer/lib/dkim/relaxed-body'
import signer from 'nodemailer/lib/dkim/sign'

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

/**
 * Returns a function that puts the signature of `domain` in front of a message; it rejects when the
 * key does not sign, or when a header that is signed stands there twice.
 */
export function openDkim({ privateKey, selector }: DkimSettings): (message: string, domain: string) => Promise<Buffer> {
  const key = createPrivateKey(privateKey)
  const algorithm = key.asymmetricKeyType === 'ed25519' ? 'ed25519-sha256' : 'rsa-sha256'
  return async (message, domain) => {
    const { found, bodyHash } = await read(message)
    const present = SIGNED.filter((name) => found.some(({ key }) => key === name))
    const twice = present.find((name) => found.filter(({ key }) => key === name).length > 1)
    if (twice !== undefined) throw new Error(`the message has two headers ${twice}`)
    // Once more than it occurs: a second one then breaks the signature wherever it is put.
    const names = [...present, ...SIGNED].join(':\r\n  ')
    const { headers } = signer.relaxedHeaders(found, present.join(':'))
    const field = `DKIM-Signature: v=1; a=${algorithm}; c=relaxed/relaxed; d=${domain}; s=${selector};\r\n bh=${bodyHash};\r\n h=${names};\r\n b=`
    const own = signer.relaxedHeaders([{ key: 'dkim-signature', line: field }], 'dkim-signature').headers
    const signature = signText(key, `${headers}${own.replace(/\r\n$/, '')}`)
    return Buffer.from(`${field}${fold(signature)}\r\n${message}`)
  }
}

/** Reads a message's headers, in order, and the hash of its body. */
async function read(
  message: string,
): Promise<{ found: Parameters<typeof signer.relaxedHeaders>[0]; bodyHash: string }> {
  const parser = new MessageParser()
  const body = new RelaxedBody({ hashAlgo: 'sha256' })
  let found: Parameters<typeof signer.relaxedHeaders>[0] = []
  let bodyHash = ''
  parser.on('headers', (headers: typeof found) => {
    found = headers
  })
  body.on('hash', (hash: string) => {
    bodyHash = hash
  })
  parser.pipe(body).resume()
  parser.end(message)
  await finished(body)
  return { found, bodyHash }
}

function signText(key: KeyObject, text: string): string {
  const bytes = Buffer.from(text, 'latin1')
  if (key.asymmetricKeyType !== 'ed25519') return sign('sha256', bytes, key).toString('base64')
  // Its own hash comes on top: RFC 8463 signs the digest.
  return sign(null, createHash('sha256').update(bytes).digest(), key).toString('base64')
}

function fold(signature: string): string {
  return (signature.match(new RegExp(`.{1,${LINE_MAX}}`, 'g')) ?? []).join('\r\n  ')
}
