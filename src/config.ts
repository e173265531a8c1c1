// The one reader of the environment: strings in, typed settings out, every problem reported at once
// in plain sentences.
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { z } from 'zod'
import {
  environment,
  type ProviderName,
  type Quota,
  type SmtpServer,
  splitRing,
  type TrustedProxy,
} from './config-environment.ts'
import { UsageError } from './errors.ts'
import { DAY_MS, HOUR_MS, SECOND_MS } from './time.ts'

/**
 * How far a command goes: `stores` reads and writes our own rows; `pieces` also renders what mails
 * are joined from, with the host's name and address in it; `mail` also signs links and hands mails
 * to a provider.
 */
export type Reach = 'stores' | 'pieces' | 'mail'

export type ProviderSettings = { quota: Quota } & (
  | { name: 'outbox'; directory: string }
  | { name: 'resend'; apiKey: string; baseUrl: string | undefined }
  | { name: 'smtp'; server: SmtpServer; dkim: DkimSettings | null }
)

/** With what mails are signed on the way to a mail server. */
export interface DkimSettings {
  /** PEM. */
  privateKey: string
  selector: string
}

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
  /** In order: the next one takes over what a provider cannot take. */
  providers: [ProviderSettings, ...ProviderSettings[]]
  /**
   * Newest first; a report signed by any of them is taken. Empty: there is no route for reports.
   */
  webhookSecrets: string[]
  /** Opens /metrics; undefined where there is none. */
  operatorToken: string | undefined
  /** Requests a second to each provider that wants pacing. */
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
  /** Nobody's unless set: X-Forwarded-For is then not read. */
  trustedProxy: TrustedProxy
  /**
   * Undefined where none is named: `start` then logs from info on, the other commands from warn on.
   */
  logLevel: string | undefined
}

/** Each may be named by a file instead, as NAME_FILE. */
export const SECRET_NAMES = [
  'DATABASE_URL',
  'REDIS_URL',
  'LINK_SECRET',
  'RESEND_API_KEY',
  'RESEND_WEBHOOK_SECRET',
  'SMTP_URL',
  'DKIM_PRIVATE_KEY',
  'OPERATOR_TOKEN',
]
/** Below this a signature could be guessed; `openssl rand -hex 32` gives 64. */
const LINK_SECRET_MIN_CHARACTERS = 32
/** Stands where a command that sends nothing needs no server. */
const NO_SERVER: SmtpServer = { host: 'localhost', port: 587, secure: false, login: null, pool: 1 }
const DURATION_MS = { m: 60 * SECOND_MS, h: HOUR_MS, d: DAY_MS }

/**
 * Reads the environment for a command that reaches as far as `reach`; `defaults` stand in for what
 * it leaves open. Throws a UsageError with one line a problem: all of them, not the first. Every
 * secret may also be given as NAME_FILE.
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
    providers: providersOf(values),
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
    trustedProxy: values.TRUSTED_PROXY ?? { hops: 0 },
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
  const providers = (given.MAIL_PROVIDER ?? 'outbox').split(',').map((name) => name.trim())
  if (providers.includes('resend') || providers.includes('smtp')) {
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
  for (const [provider, name] of [
    ['resend', 'RESEND_API_KEY'],
    ['smtp', 'SMTP_URL'],
  ] as const) {
    if (!given.MAIL_PROVIDER && given[name]) {
      problems.push(
        `${name} is set but MAIL_PROVIDER is not: say MAIL_PROVIDER=${provider} to send, or outbox to write files`,
      )
    }
    if (providers.includes(provider) && !given[name]) {
      problems.push(`${name} is missing: MAIL_PROVIDER=${provider} needs one`)
    }
  }
  if (given.DKIM_PRIVATE_KEY && !given.DKIM_SELECTOR) {
    problems.push('DKIM_SELECTOR is missing: the name under which the key of DKIM_PRIVATE_KEY stands in the DNS')
  }
  if (given.DKIM_SELECTOR && !given.DKIM_PRIVATE_KEY) {
    problems.push('DKIM_PRIVATE_KEY is missing: DKIM_SELECTOR names a key, in PEM or as DKIM_PRIVATE_KEY_FILE')
  }
  for (const [, name = ''] of (given.SEND_QUOTA ?? '').matchAll(/(?:^|,)\s*([a-z]+):/g)) {
    if (!providers.includes(name)) problems.push(`SEND_QUOTA names ${name}, which MAIL_PROVIDER does not`)
  }
  return problems
}

function providersOf(values: z.infer<typeof environment>): Config['providers'] {
  const settingsOf = (name: ProviderName, quota: Quota): ProviderSettings => {
    switch (name) {
      case 'outbox':
        return { name, quota, directory: resolve(values.OUTBOX_DIR) }
      case 'resend':
        return { name, quota, apiKey: values.RESEND_API_KEY ?? '', baseUrl: values.RESEND_BASE_URL }
      case 'smtp':
        return { name, quota, server: values.SMTP_URL ?? NO_SERVER, dkim: dkimOf(values) }
    }
  }
  const [first = 'outbox', ...others] = values.MAIL_PROVIDER ?? []
  const quotaOf = (name: ProviderName): Quota => {
    const own = values.SEND_QUOTA?.filter(({ provider }) => (provider ?? first) === name) ?? []
    const find = (per: keyof Quota) => own.find((each) => each.per === per)?.mails ?? null
    return { day: find('day'), month: find('month') }
  }
  return [settingsOf(first, quotaOf(first)), ...others.map((name) => settingsOf(name, quotaOf(name)))]
}

function dkimOf({ DKIM_PRIVATE_KEY: key, DKIM_SELECTOR: selector }: z.infer<typeof environment>): DkimSettings | null {
  return key && selector ? { privateKey: key.pem, selector } : null
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
