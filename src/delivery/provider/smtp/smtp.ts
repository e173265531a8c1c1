// The SMTP provider: mails are handed over one by one, as many at a time as the pool has
// connections. SMTP knows no key: what may have been accepted is `unknown`, and no mail is ever
// handed over twice.
import SMTPPool from 'nodemailer/lib/smtp-pool'
import { openSlabs } from '../../../digest/piece/image.ts'
import { describeError } from '../../../errors.ts'
import { composeImage, messageIdOf, senderOf } from '../message.ts'
import { isLoopback, toReason } from '../outside.ts'
import {
  type BatchOutcome,
  type Checkup,
  type Mail,
  type MailOutcome,
  NO_QUOTA,
  type OneOutcome,
  type Provider,
  type Quota,
} from '../provider.ts'
import { REPLAY_MS } from '../replay.ts'
import { DOWN_MS, readRefusal } from './answer.ts'
import { openConnections } from './connections.ts'
import { type DkimSettings, openDkim } from './dkim.ts'
import type { Handover } from './handing-over.ts'
import { writeMessage } from './wire.ts'

/** A mail server to hand mails to. */
export interface SmtpServer {
  host: string
  port: number
  /** TLS from the first byte; otherwise it begins with STARTTLS where the server offers it. */
  secure: boolean
  login: { user: string; password: string } | null
  /** Most connections at the same time, and so the most mails that a kill leaves unknown. */
  pool: number
}

export interface SmtpSettings {
  server: SmtpServer
  dkim: DkimSettings | null
  /** Mails a second; null as many as the pool takes. */
  requestsPerSecond: number | null
  /** Emails a minute to one host of addresses, at most. */
  domainRate?: number | undefined
  quota?: Quota
  /**
   * Makes the sender of a mail's envelope, where bounces go; without it they go to the mail's own.
   */
  envelopeSender?: ((mail: Pick<Mail, 'publicId' | 'to'>) => string) | undefined
  /** How long one request may take, in milliseconds. */
  deadlineMs?: number
}

interface Ready extends Handover {
  /** What its bytes lie in. */
  slab: Buffer
}

/** Well inside the lease of a batch; a server that scans for viruses takes a few seconds. */
const DEADLINE_MS = 45_000
const CONNECT_MS = 10_000
/**
 * A connection that did nothing for so long is closed by us, before the server does it in the
 * middle of a mail.
 */
const IDLE_MS = 30_000

/** Of a pool; of a small one more, so that statements stay few. */
const SLICE = { share: 0.4, shareOfFew: 0.6, least: 8 }
const SLICES_A_SECOND = 5

/** Opens a pool of connections to a mail server. Nothing is connected before the first `send`. */
export function openSmtp(settings: SmtpSettings): Provider {
  const { server, dkim } = settings
  const isHere = isLoopback(server.host)
  const sign = dkim ? openDkim(dkim) : undefined
  const slabs = openSlabs(server.pool)
  const pool = new SMTPPool({
    pool: true,
    host: server.host,
    port: server.port,
    secure: server.secure,
    // On this machine nobody listens in between, and certificates are seldom good. Elsewhere no
    // password goes in the clear.
    ignoreTLS: isHere,
    requireTLS: !isHere && server.login !== null,
    ...(server.login ? { auth: { user: server.login.user, pass: server.login.password } } : {}),
    maxConnections: server.pool,
    // Only ever used for a kept connection that the server had closed before a byte of the mail was
    // read: handOver sees to it.
    maxRequeues: 1,
    connectionTimeout: CONNECT_MS,
    greetingTimeout: CONNECT_MS,
    socketTimeout: settings.deadlineMs ?? DEADLINE_MS,
    idleTimeout: IDLE_MS,
  })
  const handOver = openConnections(pool, server.pool)

  /** Everything that can fail without the server fails here, before anything is handed over. */
  async function prepare(mail: Mail, signal: AbortSignal): Promise<Ready> {
    const { address, domain } = senderOf(mail)
    const composed = composeImage(mail)
    const signature = sign ? await sign(composed, domain) : ''
    return {
      from: settings.envelopeSender?.(mail) ?? address,
      to: mail.to,
      messageId: messageIdOf(mail),
      ...writeMessage(composed, signature, slabs),
      signal,
    }
  }

  async function handOverOne(mail: Ready): Promise<OneOutcome> {
    const { error, hasEnded } = await handOver(mail)
    if (error) return readRefusal(error, { handedOver: hasEnded, addresses: [mail.to, mail.from], now: Date.now() })
    // Taken, so that no connection holds it any more.
    slabs.give(mail.slab)
    return { state: 'submitted', providerId: mail.messageId.slice(1, -1) }
  }

  function handOverAll(mails: readonly Mail[], outer?: AbortSignal): Promise<OneOutcome>[] {
    const deadline = AbortSignal.timeout(settings.deadlineMs ?? DEADLINE_MS)
    const signal = outer ? AbortSignal.any([deadline, outer]) : deadline
    // All of them before the first: what cannot be made concerns the whole.
    const ready = Promise.all(mails.map((mail) => prepare(mail, signal)))
    return mails.map(async (_, index): Promise<OneOutcome> => {
      let all: Ready[]
      try {
        all = await ready
      } catch (error) {
        return { kind: 'stopped', reason: `a mail could not be made ready: ${describeError(error)}` }
      }
      return handOverOne(all[index] as Ready)
    })
  }

  async function sendAll(mails: readonly Mail[], outer: AbortSignal | undefined): Promise<BatchOutcome> {
    return summarize(mails, await Promise.all(handOverAll(mails, outer)))
  }

  return {
    name: 'smtp',
    batchSize: sliceOf(server.pool, settings.requestsPerSecond),
    requestsPerSecond: settings.requestsPerSecond,
    domainRate: settings.domainRate ?? null,
    quota: settings.quota ?? NO_QUOTA,
    replayMs: REPLAY_MS.smtp,
    encoding: 'quoted-printable',
    reachesRealWorld: !isHere,
    send: ({ mails, signal }) => sendAll(mails, signal),
    sendNotice: ({ notice, signal }) => sendAll([notice], signal),
    oneByOne: { inHand: server.pool, handOver: handOverAll, summarize },
    check: () => checkServer(pool, server),
    close: async () => pool.close(),
  }
}

/**
 * How many mails are marked together: so few that the pool is never empty for one of them, so many
 * that a statement serves several, and at a pace no more than go in a fifth of a second.
 */
function sliceOf(pool: number, perSecond: number | null): number {
  const share = Math.max(Math.ceil(pool * SLICE.share), Math.min(SLICE.least, Math.ceil(pool * SLICE.shareOfFew)))
  return perSecond === null ? share : Math.max(1, Math.min(share, Math.floor(perSecond / SLICES_A_SECOND)))
}

/** Connects and logs in, and goes again. */
async function checkServer(pool: SMTPPool, { host, port }: SmtpServer): Promise<Checkup> {
  const name = `${host}:${port}`
  try {
    await new Promise<void>((resolve, reject) => pool.verify((error) => (error ? reject(error) : resolve())))
    return { findings: [{ state: 'ok', says: `the mail server ${name} answers and lets us in` }], at: null }
  } catch (error) {
    const says = `the mail server ${name} does not let us in: ${toReason(describeError(error))}`
    return { findings: [{ state: 'error', says, remedy: 'see host, port, user and password in SMTP_URL' }], at: null }
  }
}

/**
 * Puts the outcomes of single mails into one of their request. What concerns the server as a whole
 * is said as such only where nothing was accepted; otherwise those mails come again and meet it by
 * themselves.
 */
function summarize(mails: readonly Mail[], outcomes: readonly OneOutcome[]): BatchOutcome {
  const hosts = new Set(mails.map(({ to }) => to.replace(/^.*@/, ''))).size
  const slow = outcomes.flatMap((outcome) =>
    'state' in outcome && outcome.state === 'deferred' && outcome.tooFast ? outcome : [],
  )
  // Where all of several hosts get too many, it is the server in between that speaks of itself.
  if (hosts > 1 && slow.length === outcomes.length && slow[0]) {
    return { kind: 'throttled', reason: slow[0].reason, retryAfterMs: DOWN_MS }
  }
  const whole = outcomes.filter((outcome) => 'kind' in outcome)
  const [worst] = ['stopped', 'quota', 'throttled'].flatMap((kind) => whole.find((each) => each.kind === kind) ?? [])
  if (worst && whole.length === outcomes.length) return worst
  return {
    kind: 'answered',
    outcomes: outcomes.map((outcome): MailOutcome => {
      if ('state' in outcome) return outcome
      return { state: 'deferred', reason: outcome.reason, retryAfterMs: DOWN_MS }
    }),
  }
}
