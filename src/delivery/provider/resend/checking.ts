// Asks Resend about the account before anything is sent: whether the key is let in and whether the
// sender's domain is verified.
import type { Resend } from 'resend'
import * as z from 'zod'
import { describeError, type Finding } from '../../../errors.ts'
import { toReason } from '../outside.ts'
import type { Checkup } from '../provider.ts'

const DEADLINE_MS = 10_000
const DOMAINS = 'https://resend.com/domains'
const KEYS = 'https://resend.com/api-keys'

const domains = z.object({ data: z.array(z.object({ name: z.string(), status: z.string() })) })
const failure = z.object({ statusCode: z.number().nullish(), name: z.string(), message: z.string() })

export async function checkResend(client: Resend, from: string): Promise<Checkup> {
  try {
    const { data, error, headers } = await client.domains.list({}, { signal: AbortSignal.timeout(DEADLINE_MS) })
    const at = new Date(headers?.date ?? '')
    return {
      findings: [error === null ? judgeDomains(data, from) : judgeRefusal(error)],
      at: Number.isNaN(at.getTime()) ? null : at,
    }
  } catch (error) {
    return { findings: [unreachable(describeError(error))], at: null }
  }
}

function judgeDomains(answer: unknown, from: string): Finding {
  const parsed = domains.safeParse(answer)
  if (!parsed.success) return unreachable('its answer has another shape than documented')
  const domain = (/@([^@>\s]+)>?$/.exec(from)?.[1] ?? '').toLowerCase()
  const found = parsed.data.data.find(({ name }) => name.toLowerCase() === domain)
  if (found?.status === 'verified') return { state: 'ok', says: `Resend lets the key in, and ${domain} is verified` }
  return {
    state: 'error',
    says: found
      ? `Resend has not verified ${domain}: it is ${toReason(found.status.replaceAll('_', ' '))}`
      : `Resend does not know ${domain}, the domain of MAIL_FROM`,
    remedy: `${found ? 'finish' : 'add and verify it'} at ${DOMAINS}`,
  }
}

function judgeRefusal(error: unknown): Finding {
  const parsed = failure.safeParse(error)
  if (!parsed.success || !parsed.data.statusCode) return unreachable('no readable answer')
  const { statusCode, name, message } = parsed.data
  if (name === 'restricted_api_key') {
    return {
      state: 'warning',
      says: 'Resend lets the key in, but it may only send: whether the domain is verified, and what became of an unknown email, cannot be asked',
      remedy: `give RESEND_API_KEY a key with full access, from ${KEYS}`,
    }
  }
  if (statusCode === 401 || statusCode === 403) {
    return {
      state: 'error',
      says: `Resend refuses the key: ${toReason(message)}`,
      remedy: `set RESEND_API_KEY to one from ${KEYS}`,
    }
  }
  return unreachable(toReason(`${statusCode} ${name}: ${message}`))
}

function unreachable(reason: string): Finding {
  return {
    state: 'error',
    says: `Resend did not answer as documented: ${reason}`,
    remedy: 'see whether this machine reaches https://api.resend.com, and https://resend-status.com',
  }
}
