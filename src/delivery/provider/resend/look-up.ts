// Looks up what Resend accepted: its list of sent mails, page by page from the newest back, then
// each candidate by itself, since the list carries no tags. A key that may only send cannot ask:
// the refusal is the reason given.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Resend } from 'resend'
import * as z from 'zod'
import { SECOND_MS } from '../../../time.ts'
import { toReason } from '../outside.ts'
import { type FoundMail, type ListedMail, type LookUp, MayNotListError } from '../provider.ts'

/** The most that a page holds, by Resend's documentation. */
const PAGE_SIZE = 100
const DEADLINE_MS = 30_000
/** Too many requests are waited out so often. */
const MOST_WAITS = 10

interface Answer {
  data: unknown
  error: { statusCode?: number | null; name: string; message: string } | null
  headers: Record<string, string> | null
}

type Asking = (question: (signal: AbortSignal) => Promise<Answer>) => Promise<unknown>

const page = z.object({
  data: z.array(
    z.object({ id: z.string().min(1), to: z.array(z.string()), subject: z.string().nullish(), created_at: z.string() }),
  ),
  has_more: z.boolean(),
})
const mail = z.object({ tags: z.array(z.object({ name: z.string(), value: z.string() })).default([]) })
const content = z.object({ html: z.string().min(1) })

/**
 * Returns the mails to these recipients since a moment that carry a delivery's tag. Rejects when
 * Resend does not tell to the end.
 */
export async function lookUpResend(
  client: Resend,
  { recipients, since }: LookUp,
  requestsPerSecond: number,
): Promise<FoundMail[]> {
  const ask = openAsking(SECOND_MS / requestsPerSecond)
  const wanted = new Set([...recipients].map((address) => address.toLowerCase()))
  const found: FoundMail[] = []
  for await (const { id, to, created_at } of eachListed(client, ask, since)) {
    if (!to.some((address) => wanted.has(address.toLowerCase()))) continue
    const { tags } = read(mail, await ask((signal) => client.emails.get(id, { signal })))
    const publicId = tags.find(({ name }) => name === 'delivery')?.value
    if (publicId !== undefined) found.push({ publicId, providerId: id, at: new Date(created_at) })
  }
  return found
}

/**
 * Lists all mails since a moment, a hundred a request. Rejects when Resend does not tell to the
 * end.
 */
export async function listResend(client: Resend, since: Date, requestsPerSecond: number): Promise<ListedMail[]> {
  const listed: ListedMail[] = []
  for await (const { id, to, subject, created_at } of eachListed(
    client,
    openAsking(SECOND_MS / requestsPerSecond),
    since,
  )) {
    listed.push({ providerId: id, to, subject: subject ?? '', at: new Date(created_at) })
  }
  return listed
}

/** Returns the HTML of one mail. Rejects when Resend does not tell, or has none of it any more. */
export async function fetchResend(client: Resend, id: string, requestsPerSecond: number): Promise<string> {
  const ask = openAsking(SECOND_MS / requestsPerSecond)
  return read(content, await ask((signal) => client.emails.get(id, { signal }))).html
}

async function* eachListed(client: Resend, ask: Asking, since: Date) {
  let after: string | undefined
  for (;;) {
    const cursor = { limit: PAGE_SIZE, ...(after === undefined ? {} : { after }) }
    const { data, has_more } = read(page, await ask((signal) => client.emails.list(cursor, { signal })))
    const fresh = data.filter(({ created_at }) => Date.parse(created_at) >= since.getTime())
    yield* fresh
    after = data.at(-1)?.id
    if (!has_more || fresh.length === 0 || after === undefined) return
  }
}

function read<T>(shape: z.ZodType<T>, answer: unknown): T {
  const parsed = shape.safeParse(answer)
  if (!parsed.success) throw new Error('the answer has another shape than documented')
  return parsed.data
}

/**
 * Asks one question after the other, at a pace that leaves the account's limit to those who send.
 */
function openAsking(pauseMs: number): Asking {
  return async (question) => {
    for (let waits = 0; ; waits++) {
      await sleep(pauseMs)
      const { data, error, headers } = await question(AbortSignal.timeout(DEADLINE_MS))
      if (error === null) return data
      if (error.statusCode !== 429 || waits === MOST_WAITS) {
        const reason = toReason(`${error.statusCode ?? ''} ${error.name}: ${error.message}`)
        throw error.statusCode === 401 || error.statusCode === 403 ? new MayNotListError(reason) : new Error(reason)
      }
      await sleep(Math.max(1, Number(headers?.['retry-after']) || 1) * SECOND_MS)
    }
  }
}
