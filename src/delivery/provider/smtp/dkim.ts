// Signs a message with DKIM (RFC 6376; RFC 8463 for Ed25519), both headers of one-click unsubscribe
// under the signature, as RFC 8058 demands. It never sends, and never lets a message pass unsigned.
import { createHash, createPrivateKey, type KeyObject, sign } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import { finished } from 'node:stream/promises'
import DKIM from 'nodemailer/lib/dkim'
import MessageParser from 'nodemailer/lib/dkim/message-parser'
import RelaxedBody from 'nodemailer/lib/dkim/relaxed-body'
import signer from 'nodemailer/lib/dkim/sign'

/** With what mails are signed on the way to a mail server. */
export interface DkimSettings {
  /** PEM. */
  privateKey: string
  selector: string
}

/**
 * The library's own list leaves out List-Unsubscribe-Post, without which one-click does not count.
 */
const SIGNED =
  'From:To:Subject:Date:Message-ID:MIME-Version:Content-Type:List-Unsubscribe:List-Unsubscribe-Post:List-Id:Feedback-ID'

/**
 * Returns a function that puts the signature of `domain` in front of a message; it rejects when the
 * key does not sign.
 */
export function openDkim({ privateKey, selector }: DkimSettings): (message: string, domain: string) => Promise<Buffer> {
  const key = createPrivateKey(privateKey)
  if (key.asymmetricKeyType === 'ed25519') return (message, domain) => signEd25519(message, { key, domain, selector })
  return async (message, domain) => {
    const dkim = new DKIM({ domainName: domain, keySelector: selector, privateKey, headerFieldNames: SIGNED })
    const signed = await buffer(dkim.sign(message))
    // The library leaves a signature out that it cannot make, and says nothing.
    if (!signed.subarray(0, 15).equals(Buffer.from('DKIM-Signature:'))) throw new Error('the DKIM key does not sign')
    return signed
  }
}

/** The library knows RSA only; its reading of header and body serves here as well. */
async function signEd25519(
  message: string,
  { key, domain, selector }: { key: KeyObject; domain: string; selector: string },
): Promise<Buffer> {
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
  const { headers, fieldNames } = signer.relaxedHeaders(found, SIGNED)
  const field = `DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=${domain}; s=${selector};\r\n bh=${bodyHash};\r\n h=${fieldNames.replaceAll(':', ':\r\n  ')};\r\n b=`
  const own = signer.relaxedHeaders([{ key: 'dkim-signature', line: field }], 'dkim-signature').headers
  const digest = createHash('sha256').update(headers, 'latin1').update(own.replace(/\r\n$/, ''), 'latin1').digest()
  return Buffer.from(`${field}${sign(null, digest, key).toString('base64')}\r\n${message}`)
}
