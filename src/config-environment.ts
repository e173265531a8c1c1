// The variables of the environment: their shape, their defaults, and the sentence for each that is
// mistyped. It reads nothing by itself and holds no two of them against each other: that is
// config.ts.
import { createPrivateKey } from 'node:crypto'
import { isIP } from 'node:net'
import { z } from 'zod'

const PROVIDER_NAMES = ['outbox', 'resend', 'smtp'] as const
export type ProviderName = (typeof PROVIDER_NAMES)[number]

/**
 * How many mails a provider takes in a day and in a calendar month, both in UTC; null where no
 * number is known.
 */
export interface Quota {
  day: number | null
  month: number | null
}

/** A mail server to hand mails to. */
export interface SmtpServer {
  host: string
  port: number
  /** TLS from the first byte; otherwise it begins with STARTTLS where the server offers it. */
  secure: boolean
  login: { user: string; password: string } | null
  /** Most connections at the same time, and so the most mails of one request. */
  pool: number
}

/**
 * Whose word on a visitor's address is taken: a number of proxies in a row before us, or the
 * addresses that proxies have.
 */
export type TrustedProxy = { hops: number } | { addresses: string[] }

const SIGNING_SECRET = /^whsec_(?:[A-Za-z0-9+/]{4}){4,}(?:[A-Za-z0-9+/]{2}[A-Za-z0-9+/=]=)?$/
const POOL = { default: 5, max: 50 }
/** Receivers refuse shorter ones (RFC 8301). */
const RSA_MIN_BITS = 1024

const url = (protocols: string[]) =>
  z.string().refine((text) => URL.canParse(text) && protocols.includes(new URL(text).protocol), {
    message: `is not an address that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`,
  })

/** A text that `parse` reads; what it returns as a string is the problem. */
const parsed = <T>(parse: (text: string) => T | string) =>
  z.string().transform((text, context) => {
    const value = parse(text)
    if (typeof value !== 'string') return value
    context.addIssue({ code: 'custom', message: value })
    return z.NEVER
  })

export const environment = z.object({
  DATABASE_URL: url(['postgres:', 'postgresql:']).optional(),
  REDIS_URL: url(['redis:', 'rediss:']).optional(),
  DATA_DIR: z.string().default('.data'),
  PUBLIC_URL: url(['http:', 'https:']).optional(),
  PORT: z.coerce
    .number({ error: 'is not a port number' })
    .int('is not a port number')
    .min(0, 'is not a port number')
    .max(65_535, 'is not a port number')
    .default(3000),
  LINK_SECRET: z.string().optional(),
  MAIL_FROM: z
    .string()
    .regex(/^([^<>"\r\n]+ <[^@\s<>]+@[^@\s<>]+>|[^@\s<>]+@[^@\s<>]+)$/, 'is not "Name <address>" or an address')
    .optional(),
  MAIL_PROVIDER: parsed(readProviders).optional(),
  RESEND_API_KEY: z.string().optional(),
  RESEND_BASE_URL: url(['http:', 'https:']).optional(),
  RESEND_WEBHOOK_SECRET: z
    .string()
    .transform(splitRing)
    .refine((ring) => ring.every((secret) => SIGNING_SECRET.test(secret)), {
      message: 'is not a signing secret (whsec_…) or a comma-separated ring of them, newest first',
    })
    .default([]),
  OPERATOR_TOKEN: z
    .string()
    .regex(/^[!-~]{32,}$/, 'must be 32 characters or more, without spaces: make one with "openssl rand -hex 32"')
    .optional(),
  SMTP_URL: parsed(readSmtpUrl).optional(),
  DKIM_PRIVATE_KEY: parsed(readDkimKey).optional(),
  DKIM_SELECTOR: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/i, 'is not a name such as papers2026')
    .optional(),
  OUTBOX_DIR: z.string().default('outbox'),
  UNSUBSCRIBE_MAILTO: z
    .string()
    .regex(/^[^@\s<>,]+@[^@\s<>,]+$/, 'is not an address')
    .optional(),
  POSTAL_ADDRESS: z.string().optional(),
  SOURCE: z
    .string()
    .refine((text) => /^file:./.test(text) || url(['http:', 'https:']).safeParse(text).success, {
      message: 'is neither an https:// address nor file:DIRECTORY',
    })
    .default('https://huggingface.co/api/daily_papers'),
  SEND_RATE: z.coerce
    .number({ error: 'is not a number of requests a second' })
    .positive('must be above 0')
    .max(10_000, 'must be at most 10000')
    .default(5),
  SEND_QUOTA: parsed(readQuotas).optional(),
  CUTOFF: z
    .string()
    .regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'is not a time HH:MM (UTC, the day after)')
    .default('00:30'),
  LATENESS: z
    .string()
    .regex(/^[1-9]\d{0,4}[mhd]$/, 'is not a duration such as 96h, 90m or 4d')
    .default('96h'),
  TEMPLATES_DIR: z.string().optional(),
  TRUSTED_PROXY: parsed(readTrustedProxy).optional(),
  LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], {
      error: 'is not a level: debug, info, warn …',
    })
    .optional(),
})

/** Returns the secrets of a comma-separated ring, newest first. */
export function splitRing(text: string): string[] {
  return text.split(',').map((secret) => secret.trim())
}

function readProviders(text: string): ProviderName[] | string {
  const names = text.split(',').map((name) => name.trim())
  const known = names.filter((name): name is ProviderName => PROVIDER_NAMES.some((each) => each === name))
  if (known.length < names.length) return 'names a provider that this version does not know: outbox, resend or smtp'
  return new Set(known).size < known.length ? 'names a provider twice' : known
}

// Nothing of the address may stand in a problem: a password is part of it.
function readSmtpUrl(text: string): SmtpServer | string {
  const shape = 'is not an address such as smtps://USER:PASSWORD@HOST:465?pool=5'
  if (!URL.canParse(text)) return shape
  const { protocol, hostname, port, username, password, pathname, searchParams } = new URL(text)
  const secure = protocol === 'smtps:'
  if ((!secure && protocol !== 'smtp:') || hostname === '' || !/^\/?$/.test(pathname)) return shape
  if ((username === '') !== (password === '')) return 'names a user without a password, or the reverse'
  if ([...searchParams.keys()].some((name) => name !== 'pool')) return 'has an option besides pool'
  const pool = searchParams.get('pool') ?? String(POOL.default)
  if (!/^[1-9]\d?$/.test(pool) || Number(pool) > POOL.max) return `has a pool that is no number from 1 to ${POOL.max}`
  try {
    const login =
      username === '' ? null : { user: decodeURIComponent(username), password: decodeURIComponent(password) }
    const host = hostname.replace(/^\[|\]$/g, '')
    return { host, port: port === '' ? (secure ? 465 : 587) : Number(port), secure, login, pool: Number(pool) }
  } catch {
    return 'has a user or password with a % that is not written as %25'
  }
}

/** Returns the key itself in an object, so that its text is not taken for a problem. */
function readDkimKey(text: string): { pem: string } | string {
  // Some tools keep a variable on one line.
  const pem = text.replaceAll('\\n', '\n')
  try {
    const key = createPrivateKey(pem)
    if (key.asymmetricKeyType === 'ed25519') return { pem }
    if (key.asymmetricKeyType !== 'rsa') return 'is neither an RSA nor an Ed25519 key'
    const bits = key.asymmetricKeyDetails?.modulusLength ?? 0
    return bits < RSA_MIN_BITS ? `is an RSA key of ${bits} bits: receivers want 2048` : { pem }
  } catch {
    return 'is not a private key in PEM: make one with "openssl genrsa 2048"'
  }
}

/** Of each entry the provider, null for the first of the list. */
function readQuotas(text: string): { provider: ProviderName | null; per: keyof Quota; mails: number }[] | string {
  const entries = text.split(',').map((entry) => {
    const [, provider, mails, per] = /^(?:(outbox|resend|smtp):)?([1-9]\d{0,8})\/(day|month)$/.exec(entry.trim()) ?? []
    return { provider: (provider as ProviderName) ?? null, per: per as keyof Quota, mails: Number(mails) }
  })
  if (entries.some(({ per }) => per === undefined)) {
    return 'is not a list such as 100/day,3000/month, each with the provider in front where it is not the first: smtp:500/day'
  }
  const names = entries.map(({ provider, per }) => `${provider} ${per}`)
  return new Set(names).size < names.length ? 'names a quota twice' : entries
}

/** Reads a small number, or a list of addresses and networks. */
function readTrustedProxy(text: string): TrustedProxy | string {
  if (/^\d$/.test(text.trim())) return { hops: Number(text) }
  const addresses = text.split(',').map((part) => part.trim())
  if (addresses.every(isAddressOrNetwork)) return { addresses }
  return 'is neither a number of proxies nor a list of addresses and networks such as 10.0.0.0/8,fd00::/8'
}

function isAddressOrNetwork(text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/')
  const family = isIP(address)
  if (family === 0 || rest.length > 0) return false
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128))
}
