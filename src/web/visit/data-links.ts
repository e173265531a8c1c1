// The wish for one's data, or for its end: always by a link that is mailed to the address on file.
import { askLink } from '../../delivery/request/own-data.ts'
import { maskAddress, type Subscriber } from '../../subscriber/subscriber.ts'
import type { ReaderParts } from './reader-parts.ts'

const PURPOSES = { export: 'export your data', erase: 'erase everything' } as const
export type DataWish = keyof typeof PURPOSES

/** Returns what a form asks for, undefined for anything else. */
export function dataWishFrom(action: string): DataWish | undefined {
  return action === 'export' || action === 'erase' ? action : undefined
}

/** Mails the link, unless today's are used up, and says so in a sentence. */
export async function mailDataLink(
  parts: ReaderParts,
  reader: Subscriber,
  wish: DataWish,
): Promise<{ isSent: boolean; sentence: string }> {
  const noticeId = await askLink(parts, reader.id, wish)
  if (noticeId === null) {
    return { isSent: false, sentence: 'We already emailed several of these links today: use the newest.' }
  }
  await parts.sendNotice(noticeId)
  const own = reader.address === null ? '' : maskAddress(reader.address)
  return { isSent: true, sentence: `We emailed a link to ${PURPOSES[wish]} to ${own}. It works once, within 48 hours.` }
}
