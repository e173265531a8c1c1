// What a notice says about its reader, locked until it has left: AES-256-GCM under a key of the
// ring. Whoever reads the table alone learns nothing, and a row moved under another id cannot be
// opened.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import type { LinkKeys } from '../../subscriber/token.ts'

const CIPHER = 'aes-256-gcm'
const NONCE_BYTES = 12
const TAG_BYTES = 16

/** Locks a value with the newest key of the ring. `owner` is the notice's public id. */
export function seal(keys: LinkKeys, owner: string, value: object): Buffer {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv(CIPHER, keyOf(keys, keys.currentKeyId), nonce).setAAD(Buffer.from(owner))
  const locked = Buffer.concat([cipher.update(JSON.stringify(value), 'utf8'), cipher.final()])
  return Buffer.concat([nonce, cipher.getAuthTag(), locked])
}

/**
 * Opens what `seal` locked under the key `keyId`. Throws when the ring no longer holds it or a byte
 * was changed.
 */
export function unseal(keys: LinkKeys, keyId: number, owner: string, sealed: Buffer): unknown {
  const nonce = sealed.subarray(0, NONCE_BYTES)
  const tag = sealed.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES)
  const decipher = createDecipheriv(CIPHER, keyOf(keys, keyId), nonce, { authTagLength: TAG_BYTES })
    .setAAD(Buffer.from(owner))
    .setAuthTag(tag)
  const opened = Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()])
  return JSON.parse(opened.toString('utf8'))
}

function keyOf(keys: LinkKeys, keyId: number): Buffer {
  const key = keys.byId.get(keyId)?.seal
  if (!key) throw new Error(`LINK_SECRET no longer holds key ${keyId}`)
  return key
}
