// What the pages behind a reader's links work with, opened once for all of them.
import type { Context } from 'hono'
import type { NoticeParts } from '../../delivery/notice/notice.ts'
import { readTopics, type Topics } from '../../digest/topics/topics.ts'
import { describeError } from '../../errors.ts'
import type { Logger } from '../../logger.ts'
import type { WishDesk } from '../../subscriber/journal/desk.ts'
import { markUnsubscribed } from '../../subscriber/store.ts'
import type { Pages } from '../page/pages.ts'
import { networksOf, openClientAddress, type TrustedProxy } from './client-address.ts'
import { type FormKeys, openFormKeys } from './form-keys.ts'
import { type Limits, openLimits } from './limits.ts'
import { openSessions, type Sessions } from './session.ts'

export interface ReaderParts extends NoticeParts {
  pages: Pages
  /** Whether mails can be looked at here: in the demo. */
  outbox: boolean
  /** Minutes from the end of an edition's date (UTC) to its cut-off. */
  cutoffMinutes: number
  /** What the topics that readers name are also called. */
  topics: Topics
  formKeys: FormKeys
  sessions: Sessions
  limits: Limits
  /** How long a sign-up takes to answer, in milliseconds. */
  answerMs: number
  clientAddress: (c: Context) => string
  /** Lets a notice leave without waiting for the sweep; null where none was made. */
  sendNotice: (noticeId: number | null) => Promise<void>
  /** Lets the latest edition go to a reader who has just confirmed. */
  welcome: () => Promise<void>
  /** Takes wishes to leave while the database cannot. */
  wishes: Pick<WishDesk, 'leave' | 'bring' | 'note'>
  logger: Logger
}

export interface ReaderDependencies extends NoticeParts {
  /** Without a slash at the end. */
  publicUrl: string
  cutoffMinutes: number
  logger: Logger
  /** Without it, nobody can leave while the database is away. */
  wishes?: Pick<WishDesk, 'leave' | 'bring' | 'note'>
  /** Whose word on a visitor's address is taken; nobody's unless told. */
  trustedProxy?: TrustedProxy
  /** Instead of the project's own templates and topics. */
  templatesDir?: string | undefined
  /** Where the outbox provider writes: `/outbox` exists only with it. */
  outboxDirectory?: string
  /** Queues a notice; without it, it waits for the sweep. */
  queueNotice?: (noticeId: number) => Promise<void>
  /**
   * Queues a plan, for a reader who wants the latest edition at once; without it, they wait for the
   * tick.
   */
  queueWelcome?: () => Promise<void>
  /** How long a sign-up takes to answer, in milliseconds. */
  answerMs?: number
}

/** Longer than any sign-up takes, so that its time tells nothing. */
const ANSWER_MS = 400

export function openReaderParts(deps: ReaderDependencies, pages: Pages): ReaderParts {
  const { cutoffMinutes, db, linkKeys, logger, publicUrl } = deps
  const formKeys = openFormKeys(linkKeys)
  return {
    db,
    linkKeys,
    pages,
    outbox: deps.outboxDirectory !== undefined,
    cutoffMinutes,
    topics: readTopics(deps.templatesDir),
    formKeys,
    logger,
    wishes: deps.wishes ?? withoutJournal(db),
    sessions: openSessions({ db, linkKeys, formKeys, publicUrl }),
    limits: openLimits(db),
    answerMs: deps.answerMs ?? ANSWER_MS,
    clientAddress: openClientAddress(deps.trustedProxy ?? { hops: 0 }),
    sendNotice: async (noticeId) => {
      if (noticeId !== null) await attempt(logger, () => deps.queueNotice?.(noticeId))
    },
    welcome: () => attempt(logger, () => deps.queueWelcome?.()),
  }
}

/** Returns the keyed names of the networks that a visitor comes from, the narrowest first. */
export function networkNames(
  c: Context,
  { clientAddress, formKeys }: Pick<ReaderParts, 'clientAddress' | 'formKeys'>,
): [string, ...string[]] {
  const [own, ...wider] = networksOf(clientAddress(c))
  return [formKeys.nameOf(own), ...wider.map(formKeys.nameOf)]
}

/** Returns the token of a link, '' where the path has none. */
export function tokenIn(c: Context): string {
  return c.req.param('token') ?? ''
}

function withoutJournal(db: ReaderDependencies['db']): ReaderParts['wishes'] {
  return {
    async leave(publicId) {
      await markUnsubscribed(db, publicId)
      return 'left'
    },
    async bring() {},
    async note() {},
  }
}

/** A queue out of reach is no fault of the request: what it was to carry stands in the database. */
async function attempt(logger: Logger, queue: () => Promise<void> | undefined): Promise<void> {
  try {
    await queue()
  } catch (error) {
    logger.warn({ event: 'web.unqueued', reason: describeError(error) }, 'a job waits for the sweep')
  }
}
