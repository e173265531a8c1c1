// What a notice is: a mail that is not a digest. Its kinds, what each must be told, and how long
// one that cannot leave is kept.
import type { Kysely } from 'kysely'
import * as z from 'zod'
import type { Database } from '../../database/schema.ts'
import type { NoticeKind } from '../../database/states.ts'
import { readStored } from '../../database/stored.ts'
import type { LinkKeys } from '../../subscriber/token.ts'

export type { NoticeKind } from '../../database/states.ts'

/**
 * What a notice says beyond its kind. It is sealed until the notice has left; one-time tokens live
 * nowhere else.
 */
export type NoticeContent =
  /** The one-time token of the link inside. */
  | { kind: 'confirm' | 'address' | 'export' | 'erase'; token: string }
  /** With the undo of the change; `newAddress` is masked. */
  | { kind: 'address-changed'; token: string; newAddress: string }
  | { kind: 'subscribed-already' }
  /** A fresh link to the preferences, for a reader who asked for it. */
  | { kind: 'link' }
  /**
   * A word to a confirmed reader, why a day brings no digest for example. It carries the links of a
   * digest's foot.
   */
  | { kind: 'note'; subject: string; title: string; paragraphs: string[]; why: string }
  /**
   * A digest made to be looked at, or the host's morning report, whole: what is repeated depends on
   * nothing else.
   */
  | { kind: 'test' | 'report'; subject: string; html: string; text: string }
  /** To the host: what is wrong, and what is over. */
  | { kind: 'alarm'; subject: string; title: string; paragraphs: string[] }

/** What is put into words when it is sent. */
export type SaidContent = Exclude<NoticeContent, { kind: 'test' | 'report' }>

/**
 * What is sealed: the content, and as of when the reader's own links hold, so that a repeat is the
 * same whatever changes.
 */
export interface SealedNotice {
  content: NoticeContent
  reader: { publicId: string; epoch: number } | null
}

const storedNotice = z.looseObject({
  content: z.unknown().optional(),
  reader: z.looseObject({ publicId: z.string(), epoch: z.int() }).nullable().catch(null),
})
const storedContent = z.looseObject({
  token: z.string().nullable().catch(null),
  newAddress: z.string().catch('another address'),
  subject: z.string().catch('A word about your digest'),
  title: z.string().catch('A word about your digest'),
  paragraphs: z
    .array(z.unknown())
    .transform((list) => list.filter((each) => typeof each === 'string'))
    .catch([]),
  why: z.string().catch('You get this because you subscribed.'),
  html: z.string().catch(''),
  text: z.string().catch(''),
})

/**
 * Reads what was sealed for a notice of a kind: see readStored. Undefined where the one-time token
 * of its link or the digest itself is missing, for which no default could stand.
 */
export function readSealed(kind: NoticeKind, opened: unknown): SealedNotice | undefined {
  const { content, reader } = readStored(storedNotice, opened)
  const { token, newAddress, subject, title, paragraphs, why, html, text } = readStored(storedContent, content)
  if (kind === 'subscribed-already' || kind === 'link') return { content: { kind }, reader }
  if (kind === 'note') return { content: { kind, subject, title, paragraphs, why }, reader }
  if (kind === 'test' || kind === 'report')
    return html === '' ? undefined : { content: { kind, subject, html, text }, reader }
  if (kind === 'alarm') return { content: { kind, subject, title, paragraphs }, reader }
  if (token === null) return undefined
  return { content: kind === 'address-changed' ? { kind, token, newAddress } : { kind, token }, reader }
}

/** A notice to be made. */
export type NewNotice = NoticeContent & {
  /** Null only where nobody subscribed. */
  subscriberId: number | null
  /** Normalised. */
  address: string
}

/** What every act that makes notices works with. */
export interface NoticeParts {
  db: Kysely<Database>
  linkKeys: LinkKeys
}

/**
 * A notice that could not leave for so long says nothing true any more: its link is about to die,
 * its day is over.
 */
export const USEFUL_HOURS: Record<NoticeKind, number> = {
  confirm: 44,
  address: 44,
  export: 44,
  erase: 44,
  'address-changed': 6 * 24,
  'subscribed-already': 44,
  link: 44,
  note: 20,
  test: 1,
  alarm: 44,
  report: 20,
}

/**
 * Kinds that a stranger can cause by typing somebody's address: limited per address. Links to the
 * preferences are counted apart, so that nobody's sign-ups use up a reader's way to them.
 */
export const STRANGERS_KINDS = {
  'sign-up': ['confirm', 'subscribed-already'],
  // Apart: no reader may use up what is left for the sign-up of whoever they name.
  move: ['address'],
  link: ['link'],
} as const satisfies Record<string, readonly NoticeKind[]>
