// The mailbox that reports come to, over IMAP. One message at a time is in memory, and of that its
// beginning; what was read is moved out of the way, by where it belongs. The library is loaded when
// a mailbox is opened.
import type { ImapFlow } from 'imapflow'
import { describeError } from '../../errors.ts'
import { SECOND_MS } from '../../time.ts'
import { isLoopback } from '../provider/outside.ts'
import type { BounceMessage } from './applying.ts'
import { READ_MAX_BYTES } from './message.ts'

export interface MailboxSettings {
  host: string
  port: number
  /** TLS from the first byte; otherwise by STARTTLS, which is demanded. */
  secure: boolean
  login: { user: string; password: string }
  /** Where reports arrive. */
  inbox: string
  /** Where applied ones go, and whatever is none of ours. */
  applied: string
  others: string
}

export interface Mailbox {
  /**
   * Takes each message there is, the oldest first, and moves it by what `take` returns. What it
   * rejects with ends the reading; what was taken before is moved all the same.
   */
  readAll(take: (message: BounceMessage) => Promise<'applied' | 'others'>): Promise<void>
  /**
   * Waits for a new message, by IDLE where the server has it, for so long at most, or until
   * `signal`.
   */
  wait(ms: number, signal: AbortSignal): Promise<void>
  /** How many messages are waiting. */
  count(): number
  close(): Promise<void>
}

const ANSWER_MS = 15 * SECOND_MS
/** A server that says nothing for so long is gone; idling is broken before. */
const SILENCE_MS = 180 * SECOND_MS
/** Messages that are taken between two moves. */
const CHUNK = 25

/** Connects, logs in and opens the inbox. Rejects when that is not to be had. */
export async function openMailbox(settings: MailboxSettings): Promise<Mailbox> {
  const { ImapFlow } = await import('imapflow')
  const isHere = isLoopback(settings.host)
  const client = new ImapFlow({
    host: settings.host,
    port: settings.port,
    secure: settings.secure,
    // On this machine nobody listens in between, and certificates are seldom good.
    ...(settings.secure ? {} : { doSTARTTLS: !isHere }),
    tls: { rejectUnauthorized: !isHere },
    auth: { user: settings.login.user, pass: settings.login.password },
    logger: false,
    disableAutoIdle: true,
    connectionTimeout: ANSWER_MS,
    greetingTimeout: ANSWER_MS,
    socketTimeout: SILENCE_MS,
    maxLiteralSize: 4 * READ_MAX_BYTES,
    maxResponseSize: 8 * READ_MAX_BYTES,
  })
  // What fails rejects the command under way, or ends the next one.
  client.on('error', () => {})
  // From the first look on, so that none slips in between a look and the wait behind it.
  const news = openNews(client)
  try {
    await client.connect()
    await client.mailboxOpen(settings.inbox)
  } catch (error) {
    client.close()
    throw new Error(reasonOf(error))
  }
  return {
    readAll: (take) => {
      news.forget()
      return readAll(client, settings, take)
    },
    wait: (ms, signal) => news.wait(ms, signal),
    count: () => (client.mailbox === false ? 0 : client.mailbox.exists),
    async close() {
      await client.logout().catch(() => {})
      client.close()
    },
  }
}

async function readAll(
  client: ImapFlow,
  settings: MailboxSettings,
  take: (message: BounceMessage) => Promise<'applied' | 'others'>,
): Promise<void> {
  // The library answers with nothing where there is no connection any more.
  const uids = await client.search({ all: true }, { uid: true })
  if (!uids) throw new Error('the server has closed the connection, or lists no messages')
  for (let at = 0; at < uids.length; at += CHUNK) {
    const taken: Record<'applied' | 'others', number[]> = { applied: [], others: [] }
    try {
      for (const uid of uids.slice(at, at + CHUNK)) {
        const message = await fetchOne(client, uid)
        // Somebody else may have taken it away.
        if (message !== undefined) taken[await take(message)].push(uid)
      }
    } finally {
      for (const where of ['applied', 'others'] as const) await move(client, taken[where], settings[where])
    }
  }
}

async function fetchOne(client: ImapFlow, uid: number): Promise<BounceMessage | undefined> {
  const query = { source: { start: 0, maxLength: READ_MAX_BYTES }, internalDate: true }
  const found = await client.fetchOne(`${uid}`, query, { uid: true })
  if (!found || found.source === undefined) return undefined
  const arrivedAt = new Date(found.internalDate ?? Number.NaN)
  return { source: found.source, arrivedAt: Number.isNaN(arrivedAt.getTime()) ? new Date() : arrivedAt }
}

async function move(client: ImapFlow, uids: readonly number[], folder: string): Promise<void> {
  if (uids.length === 0) return
  const range = uids.join(',')
  // The folder is made when it is first needed.
  if (await client.messageMove(range, folder, { uid: true }).catch(() => false)) return
  await client.mailboxCreate(folder)
  if (!(await client.messageMove(range, folder, { uid: true }))) {
    throw new Error(`the server does not move messages to ${folder}`)
  }
}

/** Whether messages have come in, or the connection has gone, since it was last forgotten. */
function openNews(client: ImapFlow) {
  let isThere = false
  let wake = () => {}
  const onNews = () => {
    isThere = true
    wake()
  }
  client.on('exists', onNews)
  client.on('close', onNews)
  return {
    forget() {
      isThere = false
    },
    async wait(ms: number, signal: AbortSignal): Promise<void> {
      if (isThere || signal.aborted) return
      await new Promise<void>((resolve) => {
        const end = () => {
          clearTimeout(timer)
          signal.removeEventListener('abort', end)
          resolve()
        }
        const timer = setTimeout(end, ms)
        wake = end
        signal.addEventListener('abort', end, { once: true })
        // The next command ends it.
        client.idle().catch(end)
      })
    },
  }
}

/** Says why a server does not let us in: its own words are better than the library's. */
export function reasonOf(error: unknown): string {
  const said = error instanceof Error && 'responseText' in error ? error.responseText : undefined
  const what = error instanceof Error && 'authenticationFailed' in error ? 'it does not let us in' : undefined
  return [what, typeof said === 'string' && said !== '' ? said : describeError(error)].filter(Boolean).join(': ')
}
