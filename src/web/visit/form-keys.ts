// What the website signs for itself: the moment a form was opened, the answer a reader's forms
// must give, and the keyed names under which networks are counted. All of it hangs on LINK_SECRET;
// none of it opens anything.
import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'
import type { Subscriber } from '../../subscriber/subscriber.ts'
import type { LinkKeys } from '../../subscriber/token.ts'

export interface FormKeys {
  /** Signs a moment, to be sent along in a form. */
  stamp(now: Date): string
  /** Returns the moment of a genuine stamp, undefined for anything else. */
  readStamp(stamp: string): Date | undefined
  /** The newest secret's own for a use: what is signed with it lives for minutes. */
  secretOf(use: string): string
  /**
   * Returns what every form for a reader sends back, the same in all of their sittings: a page that
   * is open in two tabs can be sent from both. Another site can make a browser post, but cannot
   * know this.
   */
  formToken(reader: Pick<Subscriber, 'publicId' | 'tokenEpoch'>): string
  /** Compares in constant time. */
  isSame(a: string, b: string): boolean
  /** Returns a name that cannot be traced back: counters hold no addresses. */
  nameOf(text: string): string
}

const SIGNATURE_BYTES = 16

/**
 * Derives the keys from the ring. A stamp outlives a change of the newest secret; a reader's forms
 * do not.
 */
export function openFormKeys(linkKeys: LinkKeys): FormKeys {
  const derived = (use: string) =>
    [...linkKeys.byId]
      // The newest first: it signs.
      .sort(([a], [b]) => Number(b === linkKeys.currentKeyId) - Number(a === linkKeys.currentKeyId))
      .map(([, { session }]) => Buffer.from(hkdfSync('sha256', session, 'paper-round', `form/${use}`, 32)))
  const stampKeys = derived('opened')
  const [stampKey] = stampKeys as [Buffer]
  const [formKey] = derived('token') as [Buffer]
  const [nameKey] = derived('name') as [Buffer]
  return {
    stamp(now) {
      const moment = now.getTime().toString(36)
      return `${moment}.${sign(stampKey, moment)}`
    },
    readStamp(stamp) {
      const [moment = '', signature = '', ...rest] = stamp.split('.')
      const genuine = rest.length === 0 && stampKeys.some((key) => isSame(signature, sign(key, moment)))
      return genuine ? new Date(Number.parseInt(moment, 36)) : undefined
    },
    secretOf: (use) => derived(use)[0]?.toString('hex') ?? '',
    formToken: ({ publicId, tokenEpoch }) => sign(formKey, `${publicId}.${tokenEpoch}`),
    isSame,
    nameOf: (text) => sign(nameKey, text),
  }
}

function sign(key: Buffer, text: string): string {
  return createHmac('sha256', key).update(text).digest().subarray(0, SIGNATURE_BYTES).toString('base64url')
}

function isSame(a: string, b: string): boolean {
  const [first, second] = [Buffer.from(a), Buffer.from(b)]
  return first.length === second.length && timingSafeEqual(first, second)
}
