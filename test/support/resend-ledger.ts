// What the Resend stand-in knows: requests, keys, accepted mails, quotas, and its rules for a valid
// mail. No HTTP here, and an accepted mail is never taken back: this is what a test asks who got
// what, and how often.
import { createHash, randomBytes } from 'node:crypto'

interface AcceptedMail {
  id: string
  from: string
  to: string
  subject: string
  tags: Record<string, string>
  /** Milliseconds since 1970. */
  at: number
  htmlBytes: number
  textBytes: number
  /** Only with `keepBodies`. */
  html?: string
  text?: string
  headers?: Record<string, string>
}

export interface SeenRequest {
  number: number
  /** Milliseconds since 1970, at arrival. */
  at: number
  path: string
  key: string | null
  /**
   * The status that was, or would have been, answered; null while at work and where a fault came
   * first.
   */
  status: number | null
  name: string | null
  replay: boolean
  fault: string | null
  /** Its mails are `accepted[first]` and the following ones. */
  first: number
  accepted: number
}

export interface Answer {
  status: number
  body: object
  headers?: Record<string, string>
}

interface KeptAnswer {
  hash: string
  at: number
  first: number
  accepted: number
  body: object
}

type Errors = { index: number; message: string }[]

const DAY_MS = 86_400_000
const ADDRESS = /^[^\s@<>,;"]+@[^\s@<>,;"]+\.[^\s@<>,;".]+$/

export function failWith(status: number, name: string, message: string, headers = {}): Answer {
  return { status, body: { statusCode: status, name, message }, headers }
}

/** Opens an empty ledger. Quotas count mails a day and a month in UTC. */
export function openLedger(options: { dailyQuota: number; monthlyQuota: number; keepBodies: boolean }) {
  const accepted: AcceptedMail[] = []
  const requests: SeenRequest[] = []
  const kept = new Map<string, KeptAnswer>()
  const byEdition = new Map<string, Map<string, number>>()
  const spent = new Map<string, number>()
  const known = new Map<string, string>()
  const run = randomBytes(4).toString('hex')
  let windowStart = 0
  let maxPerSecond = 0
  let replays = 0
  let doubled = 0

  // A million mails share a handful of subjects and editions: one copy of each is kept.
  const share = (text: string) => {
    if (!known.has(text)) known.set(text, text)
    return known.get(text) ?? text
  }
  // Numbered, so that a mail is found by its id without an index. Unique to this run by the first
  // group.
  const idOf = (number: number) => `${run}-0000-4000-8000-${number.toString(16).padStart(12, '0')}`
  const spend = (period: string, mails: number) => spent.set(period, (spent.get(period) ?? 0) + mails)

  function arrive(path: string, key: string | null, at: number): SeenRequest {
    const number = requests.length
    const request = {
      number,
      at,
      path,
      key,
      status: null,
      name: null,
      replay: false,
      fault: null,
      first: 0,
      accepted: 0,
    }
    requests.push(request)
    while ((requests[windowStart]?.at ?? at) <= at - 1_000) windowStart += 1
    maxPerSecond = Math.max(maxPerSecond, requests.length - windowStart)
    return request
  }

  function accept(mail: Record<string, unknown>, at: number): void {
    const id = idOf(accepted.length)
    const { html = '', text = '' } = mail as { html?: string; text?: string }
    const tags = Object.fromEntries(
      tagsOf(mail).map(({ name, value }) => [name, name === 'edition' ? share(value) : value]),
    )
    const recipients = [mail.to].flat() as string[]
    accepted.push({
      id,
      from: share(String(mail.from)),
      to: recipients.join(', '),
      subject: share(String(mail.subject)),
      tags,
      at,
      htmlBytes: Buffer.byteLength(html),
      textBytes: Buffer.byteLength(text),
      ...(options.keepBodies ? { html, text, headers: { ...(mail.headers as Record<string, string>) } } : {}),
    })
    if (tags.edition === undefined) return
    const counts = byEdition.get(tags.edition) ?? new Map<string, number>()
    byEdition.set(tags.edition, counts)
    for (const recipient of recipients) {
      const address = recipient.toLowerCase()
      const times = (counts.get(address) ?? 0) + 1
      counts.set(address, times)
      if (times === 2) doubled += 1
    }
  }

  /** Does the work of one send: replays, refuses or accepts, and writes on `request` which. */
  function settle(request: SeenRequest, body: string, mails: unknown, permissive: boolean, now: number): Answer {
    const hash = createHash('sha256').update(request.path).update('\n').update(body).digest('base64')
    const before = request.key === null ? undefined : kept.get(request.key)
    if (before && now - before.at < DAY_MS) {
      if (before.hash !== hash) {
        return failWith(
          409,
          'invalid_idempotent_request',
          'Same idempotency key used with a different request payload.',
        )
      }
      replays += 1
      Object.assign(request, { replay: true, first: before.first })
      return { status: 200, body: before.body }
    }
    const list = (request.path === '/emails' ? [mails] : mails) as Record<string, unknown>[]
    if (!Array.isArray(list) || list.length === 0 || list.length > 100) {
      return failWith(422, 'validation_error', 'The batch must contain between 1 and 100 emails.')
    }
    const errors = list.flatMap((mail, index) => {
      const message = problemOf(mail)
      return message === undefined ? [] : [{ index, message }]
    })
    if (errors[0] && !permissive) return failWith(422, 'validation_error', errors[0].message)
    const bad = new Set(errors.map(({ index }) => index))
    const good = list.filter((_mail, index) => !bad.has(index))
    const day = new Date(now).toISOString().slice(0, 10)
    const month = day.slice(0, 7)
    if ((spent.get(month) ?? 0) + good.length > options.monthlyQuota) {
      return failWith(429, 'monthly_quota_exceeded', 'You have reached your monthly email sending quota.')
    }
    if ((spent.get(day) ?? 0) + good.length > options.dailyQuota) {
      return failWith(429, 'daily_quota_exceeded', 'You have reached your daily email sending quota.')
    }
    Object.assign(request, { first: accepted.length, accepted: good.length })
    for (const mail of good) accept(mail, now)
    spend(day, good.length)
    spend(month, good.length)
    const answer = answerOf(request, permissive, errors)
    if (request.key !== null) {
      kept.set(request.key, { hash, at: now, first: request.first, accepted: good.length, body: answer })
    }
    return { status: 200, body: answer }
  }

  // The ids are worked out when the answer is written, so that a kept answer is a few numbers and
  // not a hundred ids.
  function answerOf({ path, first, accepted }: SeenRequest, permissive: boolean, errors: Errors): object {
    const ids = () => Array.from({ length: accepted }, (_, place) => ({ id: idOf(first + place) }))
    if (path === '/emails') return { id: idOf(first) }
    return { toJSON: () => ({ data: ids(), ...(permissive ? { errors } : {}) }) }
  }

  return {
    accepted: accepted as readonly AcceptedMail[],
    requests: requests as readonly SeenRequest[],
    arrive,
    settle,
    /** Returns undefined for an id that was never given. */
    find: (id: string) => (id.startsWith(run) ? accepted[Number.parseInt(id.slice(-12), 16)] : undefined),
    /** Lists what was accepted from the newest back, from behind the mail `after` on. */
    list: (limit: number, after: string | null) => {
      const end = after === null ? accepted.length : Number.parseInt(after.slice(-12), 16)
      return { mails: accepted.slice(Math.max(0, end - limit), end).reverse(), hasMore: end > limit }
    },
    /**
     * Lists who was accepted more than once for one edition tag: the number that must stay at none.
     */
    duplicates: () =>
      [...byEdition].flatMap(([edition, counts]) =>
        [...counts].filter(([, times]) => times > 1).map(([to, times]) => ({ edition, to, times })),
      ),
    /**
     * Counts. `maxPerSecond` is the most arrivals within any one second, refused ones among them.
     */
    summary: () => {
      const statuses: Record<string, number> = {}
      for (const { status } of requests) statuses[status ?? 'none'] = (statuses[status ?? 'none'] ?? 0) + 1
      return {
        requests: requests.length,
        accepted: accepted.length,
        replays,
        duplicates: doubled,
        maxPerSecond,
        statuses,
      }
    },
    /** Returns the request and its mails as one line of the log. */
    lineOf: (request: SeenRequest) =>
      `${JSON.stringify({ ...request, mails: accepted.slice(request.first, request.first + request.accepted) })}\n`,
  }
}

function tagsOf(mail: Record<string, unknown>): { name: string; value: string }[] {
  return (mail.tags ?? []) as { name: string; value: string }[]
}

// Returns the message for the first thing wrong with a mail, in the manner of Resend's; undefined
// when it is fine.
function problemOf(mail: Record<string, unknown> | null): string | undefined {
  if (typeof mail !== 'object' || mail === null) return 'The email must be an object.'
  const { from, subject, html, text, headers = {} } = mail
  const format = 'The email address needs to follow the `email@example.com` or `Name <email@example.com>` format.'
  const recipients = [mail.to ?? []].flat()
  if (from === undefined) return 'Missing `from` field.'
  if (!isMailbox(from)) return `Invalid \`from\` field. ${format}`
  if (recipients.length === 0 || recipients.length > 50) return 'The `to` field needs between 1 and 50 recipients.'
  const wrong = recipients.find((recipient) => !isMailbox(recipient))
  if (wrong !== undefined) return `Invalid \`to\` field (${wrong}). ${format}`
  if (typeof subject !== 'string' || subject === '') return 'Missing `subject` field.'
  if (html === undefined && text === undefined) return 'Missing `html` or `text` field.'
  if (typeof (html ?? '') !== 'string' || typeof (text ?? '') !== 'string') return 'Invalid `html` or `text` field.'
  if (!Array.isArray(mail.tags ?? [])) return 'The `tags` field must be a list.'
  for (const tag of tagsOf(mail)) {
    const sound = [tag.name, tag.value].every((part) => typeof part === 'string' && /^[A-Za-z0-9_-]{1,256}$/.test(part))
    if (!sound) return 'Tags should only contain ASCII letters, numbers, underscores, or dashes.'
  }
  for (const [name, value] of Object.entries(headers as object)) {
    if (!/^[!-9;-~]+$/.test(name) || typeof value !== 'string' || /[\r\n]/.test(value))
      return `Invalid \`headers\` field: ${name}.`
  }
  if (mail.attachments !== undefined || mail.scheduled_at !== undefined)
    return 'Attachments and scheduling are not supported here.'
  return undefined
}

function isMailbox(value: unknown): boolean {
  if (typeof value !== 'string' || /[\r\n]/.test(value)) return false
  return ADDRESS.test(/^[^<>]*<([^<>]+)>$/.exec(value)?.[1] ?? value)
}
