// Looks up what Resend accepted: its list of sent mails, page by page from the newest back, then
// each candidate by itself, since the list carries no tags. A key that may only send cannot ask:
// the refusal is the reason given.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Resend } from 'resend'
import { z } from 'zod'
import { toReason } from '../outside.ts'
import type { FoundMail, LookUp } from '../provider.ts'

/** The most that a page holds, by Resend's documentation. */
const PAGE_SIZE = 100
const SECOND_MS = 1_000
const DEADLINE_MS = 30_000
/** Too many requests are waited out so often. */
const MOST_WAITS = 10

interface Answer {
  data: unknown
  error: { statusCode?: number | null; name: string; message: string } | null
  headers: Record<string, string> | null
}

const page = z.object({
  data: z.array(z.object({ id: z.string().min(1), to: z.array(z.string()), created_at: z.string() })),
  has_more: z.boolean(),
})
const mail = z.object({ tags: z.array(z.object({ name: z.string(), value: z.string() })).default([]) })

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
  let after: string | undefined
  for (;;) {
    const cursor = { limit: PAGE_SIZE, ...(after === undefined ? {} : { after }) }
    const { data, has_more } = read(page, await ask((signal) => client.emails.list(cursor, { signal })))
    const fresh = data.filter(({ created_at }) => Date.parse(created_at) >= since.getTime())
    for (const { id, to, created_at } of fresh) {
      if (!to.some((address) => wanted.has(address.toLowerCase()))) continue
      const { tags } = read(mail, await ask((signal) => client.emails.get(id, { signal })))
      const publicId = tags.find(({ name }) => name === 'delivery')?.value
      if (publicId !== undefined) found.push({ publicId, providerId: id, at: new Date(created_at) })
    }
    after = data.at(-1)?.id
    if (!has_more || fresh.length === 0 || after === undefined) return found
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
function openAsking(pauseMs: number) {
  return async (question: (signal: AbortSignal) => Promise<Answer>): Promise<unknown> => {
    for (let waits = 0; ; waits++) {
      await sleep(pauseMs)
      const { data, error, headers } = await question(AbortSignal.timeout(DEADLINE_MS))
      if (error === null) return data
      if (error.statusCode !== 429 || waits === MOST_WAITS) {
        throw new Error(toReason(`${error.statusCode ?? ''} ${error.name}: ${error.message}`))
      }
      await sleep(Math.max(1, Number(headers?.['retry-after']) || 1) * SECOND_MS)
    }
  }
}
