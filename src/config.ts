// The one reader of the environment: strings in, typed settings out, every problem reported at once in plain sentences.
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { z } from 'zod'
import { UsageError } from './errors.ts'

/**
 * How far a command goes: `stores` reads and writes our own rows; `pieces` also renders what mails are joined from, with the
 * host's name and address in it; `mail` also signs links and hands mails to a provider.
 */
export type Reach = 'stores' | 'pieces' | 'mail'

export type ProviderSettings =
  | { name: 'outbox'; directory: string }
  | { name: 'resend'; apiKey: string; baseUrl: string | undefined }

export interface Config {
  /** `postgres://…`; undefined means embedded PostgreSQL under `dataDir`. */
  databaseUrl: string | undefined
  /** `redis://…`; undefined means that the queue lives in PostgreSQL. */
  redisUrl: string | undefined
  dataDir: string
  /** PostgreSQL schema of our tables and prefix of the queue's keys. */
  schema: string
  /** Without a slash at the end. Every link in a mail begins with it. */
  publicUrl: string
  port: number
  /** Newest first; the first signs, all verify. Empty where `reach` is `stores`. */
  linkSecrets: string[]
  mailFrom: string
  provider: ProviderSettings
  /** Newest first; a report signed by any of them is taken. Empty: there is no route for reports. */
  webhookSecrets: string[]
  /** Opens /metrics; undefined where there is none. */
  operatorToken: string | undefined
  /** Requests a second to a provider that wants pacing. */
  sendRate: number
  postalAddress: string | null
  unsubscribeMailto: string | null
  /** The source's address or `file:DIRECTORY`. */
  source: string
  /** Minutes from the end of an edition's date (UTC) to its cut-off. */
  cutoffMinutes: number
  /** An edition that froze longer ago than this is withheld as late, in milliseconds. */
  latenessMs: number
  templatesDir: string | undefined
  /** Undefined where none is named: `start` then logs from info on, the other commands from warn on. */
  logLevel: string | undefined
}

const SECRET_NAMES = [
  'DATABASE_URL',
  'REDIS_URL',
  'LINK_SECRET',
  'RESEND_API_KEY',
  'RESEND_WEBHOOK_SECRET',
  'OPERATOR_TOKEN',
]
/** Below this a signature could be guessed; `openssl rand -hex 32` gives 64. */
const LINK_SECRET_MIN_CHARACTERS = 32
const SIGNING_SECRET = /^whsec_(?:[A-Za-z0-9+/]{4}){4,}(?:[A-Za-z0-9+/]{2}[A-Za-z0-9+/=]=)?$/
const DURATION_MS = { m: 60_000, h: 3_600_000, d: 86_400_000 }

const splitRing = (text: string) => text.split(',').map((secret) => secret.trim())

const url = (protocols: string[]) =>
  z.string().refine((text) => URL.canParse(text) && protocols.includes(new URL(text).protocol), {
    message: `is not an address that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`,
  })

const environment = z.object({
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
  MAIL_PROVIDER: z
    .enum(['outbox', 'resend'], { error: 'is not a provider of this version: outbox or resend' })
    .optional(),
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
  CUTOFF: z
    .string()
    .regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'is not a time HH:MM (UTC, the day after)')
    .default('00:30'),
  LATENESS: z
    .string()
    .regex(/^[1-9]\d{0,4}[mhd]$/, 'is not a duration such as 96h, 90m or 4d')
    .default('96h'),
  TEMPLATES_DIR: z.string().optional(),
  LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], {
      error: 'is not a level: debug, info, warn …',
    })
    .optional(),
})

/**
 * Reads the environment for a command that reaches as far as `reach`; `defaults` stand in for what it leaves open. Throws a UsageError with one line a problem: all of
 * them, not the first. Every secret may also be given as NAME_FILE.
 */
export function readConfig(
  reach: Reach,
  defaults: NodeJS.ProcessEnv = {},
  env: NodeJS.ProcessEnv = process.env,
): Config {
  const problems: string[] = []
  const isSet = ([, value]: [string, string | undefined]) => value !== undefined && value.trim() !== ''
  const named: NodeJS.ProcessEnv = Object.fromEntries(Object.entries(env).filter(isSet))
  for (const name of SECRET_NAMES) readSecretFile(named, name, problems)
  const given = { ...defaults, ...named }
  const parsed = environment.safeParse(given)
  const issues = parsed.error?.issues ?? []
  problems.push(...issues.map((issue) => `${issue.path.join('.')} ${issue.message}`))
  const linkSecrets = reach === 'mail' ? splitRing(given.LINK_SECRET ?? '') : []
  problems.push(...problemsBetween(given, reach, linkSecrets))
  if (!parsed.success || problems.length > 0) throw new UsageError(problems)
  const values = parsed.data
  const [cutoffHour = 0, cutoffMinute = 0] = values.CUTOFF.split(':').map(Number)
  return {
    databaseUrl: values.DATABASE_URL,
    redisUrl: values.REDIS_URL,
    dataDir: resolve(values.DATA_DIR),
    schema: 'public',
    publicUrl: (values.PUBLIC_URL ?? `http://localhost:${values.PORT}`).replace(/\/+$/, ''),
    port: values.PORT,
    linkSecrets,
    mailFrom: values.MAIL_FROM ?? 'Daily Papers <papers@example.org>',
    provider:
      values.MAIL_PROVIDER === 'resend'
        ? { name: 'resend', apiKey: values.RESEND_API_KEY ?? '', baseUrl: values.RESEND_BASE_URL }
        : { name: 'outbox', directory: resolve(values.OUTBOX_DIR) },
    webhookSecrets: values.RESEND_WEBHOOK_SECRET,
    operatorToken: values.OPERATOR_TOKEN,
    sendRate: values.SEND_RATE,
    postalAddress: values.POSTAL_ADDRESS ?? null,
    unsubscribeMailto: values.UNSUBSCRIBE_MAILTO ?? null,
    source: values.SOURCE,
    cutoffMinutes: cutoffHour * 60 + cutoffMinute,
    latenessMs:
      Number(values.LATENESS.slice(0, -1)) * DURATION_MS[values.LATENESS.slice(-1) as keyof typeof DURATION_MS],
    templatesDir: values.TEMPLATES_DIR,
    logLevel: values.LOG_LEVEL,
  }
}

/** The problems that only show when settings are held against each other. */
function problemsBetween(given: NodeJS.ProcessEnv, reach: Reach, linkSecrets: string[]): string[] {
  const problems: string[] = []
  if (given.REDIS_URL && !given.DATABASE_URL) {
    problems.push(
      'REDIS_URL is set without DATABASE_URL: Redis only carries jobs; name a PostgreSQL too, or leave both out',
    )
  }
  if (reach === 'stores') return problems
  if (given.MAIL_PROVIDER === 'resend') {
    if (!given.MAIL_FROM)
      problems.push('MAIL_FROM is missing: the sender that the provider has verified, "Name <address>"')
    if (!given.PUBLIC_URL)
      problems.push('PUBLIC_URL is missing: the address under which readers reach the links in their mails')
  }
  if (reach === 'pieces') return problems
  if (linkSecrets.some((secret) => secret.length < LINK_SECRET_MIN_CHARACTERS)) {
    problems.push(
      `LINK_SECRET must be ${LINK_SECRET_MIN_CHARACTERS} characters or more (a comma-separated ring, newest first): links in mails are signed with it; make one with "openssl rand -hex 32"`,
    )
  }
  if (!given.MAIL_PROVIDER && given.RESEND_API_KEY) {
    problems.push(
      'RESEND_API_KEY is set but MAIL_PROVIDER is not: say MAIL_PROVIDER=resend to send, or outbox to write files',
    )
  }
  if (given.MAIL_PROVIDER === 'resend' && !given.RESEND_API_KEY) {
    problems.push('RESEND_API_KEY is missing: MAIL_PROVIDER=resend needs one')
  }
  return problems
}

function readSecretFile(named: NodeJS.ProcessEnv, name: string, problems: string[]): void {
  const path = named[`${name}_FILE`]
  if (path === undefined) return
  if (named[name] !== undefined) {
    problems.push(`${name} and ${name}_FILE are both set: keep one`)
    return
  }
  try {
    named[name] = readFileSync(path, 'utf8').trim()
  } catch {
    problems.push(`${name}_FILE names a file that cannot be read: ${path}`)
  }
}
