// The one reader of the environment: strings in, typed settings out, every problem reported at once
// in plain sentences. First what leaves here and how it is read, then the variables one by one.
// Long because each setting's shape, default and sentence are looked for together.
import { isUtf8 } from 'node:buffer'
import { createPrivateKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { join, resolve, sep } from 'node:path'
import { parseEnv } from 'node:util'
import * as z from 'zod'
import { DEFAULT_LIMITS, readLimits } from './delivery/alarm/limits.ts'
import type { AlarmSettings } from './delivery/alarm/telling.ts'
import type { MailboxSettings } from './delivery/bounce/mailbox.ts'
import { PROVIDER_NAMES, type ProviderName, type Quota, type Ramp } from './delivery/provider/provider.ts'
import type { DkimSettings } from './delivery/provider/smtp/dkim.ts'
import type { SmtpServer } from './delivery/provider/smtp/smtp.ts'
import type { ProviderSettings } from './delivery/providers.ts'
import { describeError, UsageError } from './errors.ts'
import { BOUNCE_LOCAL_MAX, type BounceHome } from './subscriber/bounce-address.ts'
import { DAY_MS, HOUR_MS, SECOND_MS } from './time.ts'
import type { TrustedProxy } from './web/visit/client-address.ts'

/**
 * How far a command goes: `stores` reads and writes our own rows; `pieces` also renders what mails
 * are joined from, with the host's name and address in it; `links` also signs links; `mail` also
 * hands mails to a provider.
 */
export type Reach = 'stores' | 'pieces' | 'links' | 'mail'

export interface Config {
  /** `postgres://…`; undefined means embedded PostgreSQL under `dataDir`. */
  databaseUrl: string | undefined
  /** `redis://…`; undefined means that the queue lives in PostgreSQL. */
  redisUrl: string | undefined
  dataDir: string
  /**
   * What stands beside the database, never inside a backup of it: it knows what came after a dump.
   */
  stateDir: string
  /** PostgreSQL schema of our tables and prefix of the queue's keys. */
  schema: string
  /** Without a slash at the end. Every link in a mail begins with it. */
  publicUrl: string
  port: number
  /** Where the website listens; undefined means on all interfaces, because nobody said. */
  host: string | undefined
  /** Newest first; the first signs, all verify. Empty where no links are signed. */
  linkSecrets: string[]
  mailFrom: string
  /** In order: the next one takes over what a provider cannot take. */
  providers: [ProviderSettings, ...ProviderSettings[]]
  /**
   * Newest first; a report signed by any of them is taken. Empty: there is no route for reports.
   */
  webhookSecrets: string[]
  /**
   * Where bounces of mails by SMTP come back to, and the mailbox that takes them. Null: they go to
   * the sender of the mail, and are not read.
   */
  bounces: { home: BounceHome; mailbox: MailboxSettings } | null
  /** Each opens /metrics; empty: there is none. */
  metricsTokens: string[]
  /** Where every role answers /metrics and /healthz besides; undefined: nowhere. */
  metricsPort: number | undefined
  /** Where alarms go; each channel only where it is named. */
  alarms: AlarmSettings
  /** Of the morning report and the heartbeat, in UTC. */
  reportHour: number
  /** Requests a second to each provider; undefined: as each of them is taken to allow. */
  sendRate: number | undefined
  postalAddress: string | null
  unsubscribeMailto: string | null
  /** The source's address or `file:DIRECTORY`. */
  source: string
  /** Minutes from the end of an edition's date (UTC) to its cut-off. */
  cutoffMinutes: number
  /** An edition that froze longer ago than this is withheld as late, in milliseconds. */
  latenessMs: number
  /** How long what was mailed is kept; null: for good. */
  retentionMs: number | null
  templatesDir: string | undefined
  /** Whom to ask for DNS records, `ADDRESS` or `ADDRESS:PORT`; undefined: as the machine does. */
  dnsServer: string | undefined
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
  'METRICS_TOKEN',
  'ALARM_SECRET',
  'BOUNCE_IMAP_URL',
]
/** In the working directory: what a host's settings are kept in. */
export const ENV_FILE = '.env'
/** A setting as parseEnv takes it, several lines long where it is quoted, a comment or nothing. */
const ENV_FORM =
  /(?:(?<before>\s*)(?:export\s+)?[A-Za-z_]\w*[ \t]*=[ \t]*(?<quoted>'[^']*'|"[^"]*"|`[^`]*`)?(?<rest>[^\n]*)|[ \t\r]*(?:#[^\n]*|(?=\n|$)))(?:\n|$)/y
/** Behind one word at most, and spaces on both sides: no value of ours goes on like this. */
const ENV_COMMENT = /^(?:[^\s#]+ +)?#(?:\s|$)/
/** A key that somebody pasted without quotes has dozens. */
const LINES_TOLD = 5
/** Below this a signature could be guessed; `openssl rand -hex 32` gives 64. */
const LINK_SECRET_MIN_CHARACTERS = 32
/** The setting without which a provider cannot be opened. */
const NEEDED: Record<ProviderName, 'RESEND_API_KEY' | 'SMTP_URL' | null> = {
  outbox: null,
  resend: 'RESEND_API_KEY',
  smtp: 'SMTP_URL',
}
/** Stands where a command that sends nothing needs no server. */
const NO_SERVER: SmtpServer = { host: 'localhost', port: 587, secure: false, login: null, pool: 1 }
const DATA_DIR = '.data'
/** Until then a provider's report, a link or a reader's question may still be about an email. */
const RETENTION_MIN_DAYS = 60
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
  const linkSecrets = reach === 'links' || reach === 'mail' ? splitRing(given.LINK_SECRET ?? '') : []
  problems.push(...problemsBetween(given, reach, linkSecrets))
  if (!parsed.success || problems.length > 0) throw new UsageError(problems)
  const values = parsed.data
  const [cutoffHour = 0, cutoffMinute = 0] = values.CUTOFF.split(':').map(Number)
  return {
    databaseUrl: values.DATABASE_URL === undefined ? undefined : sayVerified(values.DATABASE_URL),
    redisUrl: values.REDIS_URL,
    dataDir: resolve(values.DATA_DIR),
    stateDir: values.STATE_DIR === undefined ? stateBeside(values.DATA_DIR) : resolve(values.STATE_DIR),
    schema: 'public',
    publicUrl: (values.PUBLIC_URL ?? `http://localhost:${values.PORT}`).replace(/\/+$/, ''),
    port: values.PORT,
    host: values.HOST ?? loopbackBehind(values.TRUSTED_PROXY),
    linkSecrets,
    mailFrom: values.MAIL_FROM ?? 'Daily Papers <papers@example.org>',
    providers: providersOf(values),
    webhookSecrets: values.RESEND_WEBHOOK_SECRET,
    bounces:
      values.BOUNCE_ADDRESS === undefined || values.BOUNCE_IMAP_URL === undefined
        ? null
        : { home: values.BOUNCE_ADDRESS, mailbox: values.BOUNCE_IMAP_URL },
    metricsTokens: [values.METRICS_TOKEN, values.OPERATOR_TOKEN].filter((token) => token !== undefined),
    metricsPort: values.METRICS_PORT,
    alarms: {
      operatorEmail: values.OPERATOR_EMAIL ?? null,
      alarmUrl: values.ALARM_URL ?? null,
      alarmSecrets: values.ALARM_SECRET,
      heartbeatUrl: values.HEARTBEAT_URL ?? null,
      limits: values.ALARM_LIMITS ?? DEFAULT_LIMITS,
    },
    reportHour: values.REPORT_HOUR,
    sendRate: values.SEND_RATE,
    postalAddress: values.POSTAL_ADDRESS ?? null,
    unsubscribeMailto: values.UNSUBSCRIBE_MAILTO ?? null,
    source: values.SOURCE,
    cutoffMinutes: cutoffHour * 60 + cutoffMinute,
    latenessMs:
      Number(values.LATENESS.slice(0, -1)) * DURATION_MS[values.LATENESS.slice(-1) as keyof typeof DURATION_MS],
    retentionMs: values.RETENTION ?? null,
    templatesDir: values.TEMPLATES_DIR,
    dnsServer: values.DNS_SERVER?.server,
    trustedProxy: values.TRUSTED_PROXY ?? { hops: 0 },
    logLevel: values.LOG_LEVEL,
  }
}

/** Returns the names of everything that the environment sets. */
export function listSet(env: NodeJS.ProcessEnv = process.env): string[] {
  return Object.keys(env).filter((name) => env[name]?.trim())
}

/** Returns the STATE_DIR of a DATA_DIR that names none: beside it, so that no copy takes it. */
export function stateBeside(dataDir: string): string {
  return `${resolve(dataDir)}-state`
}

/**
 * Takes over what the `.env` of a folder sets and the environment leaves open: a real variable
 * wins, an empty one too, and NAME and NAME_FILE count as one. Returns the names taken, undefined
 * where there is no file. Throws a UsageError for a file that cannot be read.
 */
export function loadEnvFile(
  directory = process.cwd(),
  env: NodeJS.ProcessEnv = process.env,
): readonly string[] | undefined {
  const given = readEnvFile(join(directory, ENV_FILE))
  if (given === undefined) return undefined
  const isOpen = (name: string) => env[name] === undefined && env[otherName(name)] === undefined
  const taken = Object.entries(given).filter(([name]) => isOpen(name))
  Object.assign(env, Object.fromEntries(taken))
  return taken.map(([name]) => name)
}

/**
 * Returns what a file of settings holds, undefined where there is none. Throws a UsageError for one
 * that cannot be read as such: nothing that stands there may be lost in silence.
 */
export function readEnvFile(path: string): Record<string, string> | undefined {
  const text = readEnvText(path)
  if (text === undefined) return undefined
  const settings: Record<string, string> = {}
  const formless: number[] = []
  const cut: number[] = []
  for (let at = 0, line = 1; at < text.length; ) {
    ENV_FORM.lastIndex = at
    const found = ENV_FORM.exec(text)
    const form = found?.[0]
    if (form === undefined) formless.push(line)
    else if (isCut(found?.groups)) cut.push(line + countLines(found?.groups?.before))
    // One by one: what parseEnv does not know as a comment it takes for the name of what follows.
    else Object.assign(settings, parseEnv(form.trim()))
    const end = form === undefined ? text.indexOf('\n', at) + 1 || text.length : at + form.length
    line += countLines(text.slice(at, end))
    at = end
  }
  // What stands there may be part of a secret.
  const problems = [
    sayLines(
      formless,
      'not of the form NAME=value, where a name has letters, digits and _ alone; a value of several lines stands in quotes',
    ),
    sayLines(
      cut,
      'what stands behind a # or a closing quote would be lost: put the whole value in quotes, and a comment on a line of its own',
    ),
  ].filter((problem) => problem !== undefined)
  if (problems.length > 0) throw new UsageError(problems.map((problem) => `${path} ${problem}`))
  return settings
}

/** Whether parseEnv would drop the end of a value that may be meant. */
function isCut({ quoted, rest = '' }: Record<string, string | undefined> = {}): boolean {
  if (quoted !== undefined) return !/^\s*(?:#|$)/.test(rest)
  return rest.includes('#') && !ENV_COMMENT.test(rest)
}

function countLines(text = ''): number {
  return text.split('\n').length - 1
}

/** Says something of these lines, undefined of none. */
function sayLines(lines: readonly number[], words: string): string | undefined {
  if (lines.length === 0) return undefined
  const more = lines.length > LINES_TOLD ? ` and ${lines.length - LINES_TOLD} more` : ''
  return `line${lines.length > 1 ? 's' : ''} ${lines.slice(0, LINES_TOLD).join(', ')}${more}: ${words}`
}

/** Returns the text of a file of settings without its byte order mark, undefined without a file. */
export function readEnvText(path: string): string | undefined {
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ENOENT') return undefined
    throw new UsageError(
      code === 'EISDIR'
        ? `${path} is a folder: settings are read from a file of this name, so move it aside`
        : `${path} cannot be read: ${describeError(error)}`,
    )
  }
  // UTF-16 without its mark is UTF-8 by form, with a NUL at every other place.
  if (!isUtf8(bytes) || bytes.includes(0)) {
    // No byte of a longer character is a line's end.
    const lines = bytes.toString('latin1').split('\n')
    const at = lines.findIndex((line) => line.includes('\0') || !isUtf8(Buffer.from(line, 'latin1')))
    throw new UsageError(`${path} line ${at + 1} is not UTF-8: save the file as UTF-8`)
  }
  return bytes.toString('utf8').replace(/^\ufeff/, '')
}

function otherName(name: string): string {
  return name.endsWith('_FILE') ? name.slice(0, -'_FILE'.length) : `${name}_FILE`
}

/**
 * Says outright what the driver takes other modes of TLS for: to verify the server in full. By
 * another name it warns of a version to come on every command.
 */
function sayVerified(databaseUrl: string): string {
  // As libpq takes them they mean less, and the driver warns of nothing.
  if (/[?&]uselibpqcompat=true(?=&|$)/.test(databaseUrl)) return databaseUrl
  return databaseUrl.replace(/(?<=[?&]sslmode=)(?:prefer|require|verify-ca)(?=&|$)/g, 'verify-full')
}

/** The problems that only show when settings are held against each other. */
function problemsBetween(given: NodeJS.ProcessEnv, reach: Reach, linkSecrets: string[]): string[] {
  const problems: string[] = []
  if (given.REDIS_URL && !given.DATABASE_URL) {
    problems.push(
      'REDIS_URL is set without DATABASE_URL: Redis only carries jobs; name a PostgreSQL too, or leave both out',
    )
  }
  if (isWithin(given.STATE_DIR, given.DATA_DIR ?? DATA_DIR)) {
    problems.push('STATE_DIR lies inside DATA_DIR: a copy of the data must not hold it; name a folder beside it')
  }
  if (given.METRICS_PORT && !given.METRICS_TOKEN && !given.OPERATOR_TOKEN) {
    problems.push('METRICS_TOKEN is missing: METRICS_PORT answers to who has it; make one with "openssl rand -hex 32"')
  }
  if (given.METRICS_PORT && given.METRICS_PORT !== '0' && given.METRICS_PORT === (given.PORT ?? '3000')) {
    problems.push('METRICS_PORT is the same as PORT: name another, or leave it out, where the website answers /metrics')
  }
  if (given.ALARM_URL && !given.ALARM_SECRET) {
    problems.push(
      'ALARM_SECRET is missing: posts to ALARM_URL are signed with it; make one with "echo whsec_$(openssl rand -base64 32)"',
    )
  }
  if (given.BOUNCE_ADDRESS && !given.BOUNCE_IMAP_URL) {
    problems.push(
      'BOUNCE_IMAP_URL is missing: reports to BOUNCE_ADDRESS are read from a mailbox, imaps://USER:PASSWORD@HOST/INBOX',
    )
  }
  if (given.BOUNCE_IMAP_URL && !given.BOUNCE_ADDRESS) {
    problems.push('BOUNCE_ADDRESS is missing: the address whose mailbox BOUNCE_IMAP_URL names, bounces@example.org')
  }
  if (reach === 'stores') return problems
  const providers = (given.MAIL_PROVIDER ?? 'outbox').split(',').map((name) => name.trim())
  const isReal = providers.some((name) => name !== 'outbox')
  if (isReal) {
    if (!given.MAIL_FROM)
      problems.push('MAIL_FROM is missing: the sender that the provider has verified, "Name <address>"')
    if (!given.PUBLIC_URL)
      problems.push('PUBLIC_URL is missing: the address under which readers reach the links in their emails')
  }
  if (reach === 'pieces') return problems
  if (linkSecrets.some((secret) => secret.length < LINK_SECRET_MIN_CHARACTERS)) {
    problems.push(
      `LINK_SECRET must be ${LINK_SECRET_MIN_CHARACTERS} characters or more (a comma-separated ring, newest first): links in emails are signed with it; make one with "openssl rand -hex 32"`,
    )
  }
  if (reach === 'links') return problems
  for (const [provider, name] of Object.entries(NEEDED)) {
    if (name === null) continue
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
  if (given.WARM_UP && !given.MAIL_FROM && !isReal) {
    problems.push('MAIL_FROM is missing: WARM_UP is the ramp of its domain')
  }
  if (given.DOMAIN_RATE && !providers.includes('smtp')) {
    problems.push(
      'DOMAIN_RATE is the pace of a mail server, which MAIL_PROVIDER does not name: other providers see to it',
    )
  }
  for (const [, name = ''] of (given.SEND_QUOTA ?? '').matchAll(/(?:^|,)\s*([a-z]+):/g)) {
    if (!providers.includes(name)) problems.push(`SEND_QUOTA names ${name}, which MAIL_PROVIDER does not`)
  }
  return problems
}

function isWithin(path: string | undefined, folder: string): boolean {
  return path !== undefined && `${resolve(path)}${sep}`.startsWith(`${resolve(folder)}${sep}`)
}

function providersOf(values: z.infer<typeof environment>): Config['providers'] {
  const settingsOf = (name: ProviderName, quota: Quota): ProviderSettings => {
    switch (name) {
      case 'outbox':
        return { name, quota, directory: resolve(values.OUTBOX_DIR) }
      case 'resend':
        return { name, quota, apiKey: values.RESEND_API_KEY ?? '', baseUrl: values.RESEND_BASE_URL }
      case 'smtp':
        return {
          ...{ name, quota, server: values.SMTP_URL ?? NO_SERVER, dkim: dkimOf(values) },
          domainRate: values.DOMAIN_RATE?.perMinute,
        }
    }
  }
  const [first = 'outbox', ...others] = values.MAIL_PROVIDER ?? []
  const quotaOf = (name: ProviderName): Quota => {
    const own = values.SEND_QUOTA?.filter(({ provider }) => (provider ?? first) === name) ?? []
    const find = (per: QuotaPer) => own.find((each) => each.per === per)?.mails ?? null
    return { day: find('day'), month: find('month'), ramp: rampOf(values) }
  }
  return [settingsOf(first, quotaOf(first)), ...others.map((name) => settingsOf(name, quotaOf(name)))]
}

/** Another domain of MAIL_FROM begins a ramp of its own. */
function rampOf({ WARM_UP: days, MAIL_FROM: from }: z.infer<typeof environment>): Ramp | undefined {
  return days && from ? { domain: from.replace(/^.*@|>$/g, '').toLowerCase(), days } : undefined
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

const SIGNING_SECRET = /^whsec_(?:[A-Za-z0-9+/]{4}){4,}(?:[A-Za-z0-9+/]{2}[A-Za-z0-9+/=]=)?$/
const SIGNING_RING = { message: 'is not a signing secret (whsec_…) or a comma-separated ring of them, newest first' }
/** From so many readers a day on, a ramp limits nobody; one that rises less would take months. */
const RAMP = { most: 1_000_000, minFactor: 1.1 }
const BOUNCE_FOLDERS = { applied: 'Applied', others: 'Others' }
const POOL = { default: 12, max: 50 }
/** Receivers refuse shorter ones (RFC 8301). */
const RSA_MIN_BITS = 1024

const WEB = ['http:', 'https:']
const FOLDER = /^file:./

const url = (protocols: string[]) =>
  z.string().refine((text) => isUrl(text, protocols), {
    message: `is not an address that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`,
    abort: true,
  })

/** An address that paths are put behind. */
const base = url(WEB).superRefine(demandBare)

/** A text that `parse` reads; what it returns as a string is the problem. */
const parsed = <T>(parse: (text: string) => T | string) =>
  z.string().transform((text, context) => {
    const value = parse(text)
    if (typeof value !== 'string') return value
    context.addIssue({ code: 'custom', message: value })
    return z.NEVER
  })

const port = z.coerce
  .number({ error: 'is not a port number' })
  .int('is not a port number')
  .min(0, 'is not a port number')
  .max(65_535, 'is not a port number')

const token = z
  .string()
  .regex(/^[!-~]{32,}$/, 'must be 32 characters or more, without spaces: make one with "openssl rand -hex 32"')

const environment = z.object({
  DATABASE_URL: url(['postgres:', 'postgresql:']).optional(),
  REDIS_URL: url(['redis:', 'rediss:']).optional(),
  DATA_DIR: z.string().default(DATA_DIR),
  STATE_DIR: z.string().optional(),
  PUBLIC_URL: base.optional(),
  PORT: port.default(3000),
  HOST: z
    .string()
    .refine((text) => isIP(text) !== 0 || /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(text), {
      message: 'is not an address or name of this machine, such as 127.0.0.1 or 0.0.0.0',
    })
    .optional(),
  LINK_SECRET: z.string().optional(),
  MAIL_FROM: z
    .string()
    .regex(/^([^<>"\r\n]+ <[^@\s<>]+@[^@\s<>]+>|[^@\s<>]+@[^@\s<>]+)$/, 'is not "Name <address>" or an address')
    .optional(),
  MAIL_PROVIDER: parsed(readProviders).optional(),
  RESEND_API_KEY: z.string().optional(),
  RESEND_BASE_URL: base.optional(),
  RESEND_WEBHOOK_SECRET: z.string().transform(splitRing).refine(isSigningRing, SIGNING_RING).default([]),
  OPERATOR_TOKEN: token.optional(),
  METRICS_TOKEN: token.optional(),
  METRICS_PORT: port.optional(),
  OPERATOR_EMAIL: z
    .string()
    .regex(/^[^@\s<>,]+@[^@\s<>,]+$/, 'is not an address')
    .optional(),
  ALARM_URL: url(WEB).optional(),
  ALARM_SECRET: z.string().transform(splitRing).refine(isSigningRing, SIGNING_RING).default([]),
  HEARTBEAT_URL: url(WEB).optional(),
  ALARM_LIMITS: parsed(readLimits).optional(),
  REPORT_HOUR: z.coerce
    .number({ error: 'is not an hour of the day (UTC), 0 to 23' })
    .int('is not a whole hour')
    .min(0, 'is not an hour of the day (UTC), 0 to 23')
    .max(23, 'is not an hour of the day (UTC), 0 to 23')
    .default(8),
  SMTP_URL: parsed(readSmtpUrl).optional(),
  DKIM_PRIVATE_KEY: parsed(readDkimKey).optional(),
  DKIM_SELECTOR: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/i, 'is not a name such as papers2026')
    .optional(),
  BOUNCE_ADDRESS: parsed(readBounceAddress).optional(),
  BOUNCE_IMAP_URL: parsed(readImapUrl).optional(),
  OUTBOX_DIR: z.string().default('outbox'),
  UNSUBSCRIBE_MAILTO: z
    .string()
    .regex(/^[^@\s<>,]+@[^@\s<>,]+$/, 'is not an address')
    .optional(),
  POSTAL_ADDRESS: z.string().optional(),
  SOURCE: z
    .string()
    .refine((text) => FOLDER.test(text) || isUrl(text, WEB), {
      message: 'is neither an https:// address nor file:DIRECTORY',
      abort: true,
    })
    .superRefine((text, context) => {
      if (!FOLDER.test(text)) demandBare(text, context)
    })
    .default('https://huggingface.co/api/daily_papers'),
  SEND_RATE: z.coerce
    .number({ error: 'is not a number of requests a second' })
    .positive('must be above 0')
    .max(10_000, 'must be at most 10000')
    .optional(),
  SEND_QUOTA: parsed(readQuotas).optional(),
  WARM_UP: parsed(readRamp).optional(),
  DOMAIN_RATE: parsed(readPace).optional(),
  CUTOFF: z
    .string()
    .regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'is not a time HH:MM (UTC, the day after)')
    .default('00:30'),
  LATENESS: z
    .string()
    .regex(/^[1-9]\d{0,4}[mhd]$/, 'is not a duration such as 96h, 90m or 4d')
    .default('96h'),
  RETENTION: parsed(readRetention).optional(),
  TEMPLATES_DIR: z.string().optional(),
  DNS_SERVER: parsed(readDnsServer).optional(),
  TRUSTED_PROXY: parsed(readTrustedProxy).optional(),
  LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], {
      error: 'is not a level: debug, info, warn …',
    })
    .optional(),
})

/** Every setting that there is, without the `_FILE` of the secrets. */
export const SETTING_NAMES: readonly string[] = Object.keys(environment.shape)

function isUrl(text: string, protocols: readonly string[]): boolean {
  return URL.canParse(text) && protocols.includes(new URL(text).protocol)
}

/** Demands that what is put behind an address is its path, and that it shows nobody a password. */
function demandBare(text: string, context: z.RefinementCtx): void {
  const { username, password } = new URL(text)
  const tell = (part: string) =>
    context.addIssue({ code: 'custom', message: `has a ${part}: paths are put behind it, so name the address alone` })
  if (/^[^#]*\?/.test(text)) tell('query (from ? on)')
  if (text.includes('#')) tell('fragment (from # on)')
  if (username !== '') tell('user (before the @)')
  if (password !== '') tell('password (before the @)')
}

/** Returns the secrets of a comma-separated ring, newest first. */
function splitRing(text: string): string[] {
  return text.split(',').map((secret) => secret.trim())
}

/** Returns milliseconds. */
function readRetention(text: string): number | string {
  const [, days] = /^([1-9]\d{0,4})d$/.exec(text) ?? []
  if (days === undefined) return 'is not a number of days such as 180d'
  return Number(days) >= RETENTION_MIN_DAYS ? Number(days) * DAY_MS : `must be ${RETENTION_MIN_DAYS}d or more`
}

function readDnsServer(text: string): { server: string } | string {
  const [, address = '', port] = /^(\[[^\]]+\]|[^:]+)(?::(\d{1,5}))?$/.exec(text) ?? [undefined, text]
  const isSound = isIP(address.replace(/^\[|\]$/g, '')) !== 0 && (port === undefined || Number(port) <= 65_535)
  return isSound ? { server: text } : 'is not the address of a DNS server, such as 192.0.2.53 or 192.0.2.53:5353'
}

function isSigningRing(ring: readonly string[]): boolean {
  return ring.every((secret) => SIGNING_SECRET.test(secret))
}

function readProviders(text: string): ProviderName[] | string {
  const names = text.split(',').map((name) => name.trim())
  const known = names.filter((name): name is ProviderName => PROVIDER_NAMES.some((each) => each === name))
  if (known.length < names.length)
    return `names a provider that this version does not know: ${PROVIDER_NAMES.join(', ')}`
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

function readBounceAddress(text: string): BounceHome | string {
  const [, local = '', domain = ''] =
    /^([a-z0-9](?:[a-z0-9._-]*[a-z0-9])?)?@([a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+)$/i.exec(
      text.trim(),
    ) ?? []
  if (domain === '')
    return 'is neither an address such as bounces@example.org nor a domain such as @bounces.example.org'
  if (local.length > BOUNCE_LOCAL_MAX) {
    return `has more than ${BOUNCE_LOCAL_MAX} characters before the @: 64 is the most, and what is put behind takes the rest`
  }
  return { local: local === '' ? null : local.toLowerCase(), domain: domain.toLowerCase() }
}

// As above: a password is part of it.
function readImapUrl(text: string): MailboxSettings | string {
  const shape = 'is not an address such as imaps://USER:PASSWORD@HOST:993/INBOX'
  if (!URL.canParse(text)) return shape
  const { protocol, hostname, port, username, password, pathname, searchParams } = new URL(text)
  const secure = protocol === 'imaps:'
  if ((!secure && protocol !== 'imap:') || hostname === '') return shape
  if (username === '' || password === '') return 'names no user with a password'
  const folders = { applied: BOUNCE_FOLDERS.applied, others: BOUNCE_FOLDERS.others }
  for (const [name, value] of searchParams) {
    if (!(name in folders) || value === '') return 'has an option besides applied and others, or an empty one'
    folders[name as keyof typeof folders] = value
  }
  try {
    const login = { user: decodeURIComponent(username), password: decodeURIComponent(password) }
    const inbox = decodeURIComponent(pathname.slice(1)) || 'INBOX'
    if (new Set([inbox, ...Object.values(folders)]).size < 3) return 'names one folder twice'
    const host = hostname.replace(/^\[|\]$/g, '')
    return { host, port: port === '' ? (secure ? 993 : 143) : Number(port), secure, login, inbox, ...folders }
  } catch {
    return 'has a user, password or folder with a % that is not written as %25'
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

type QuotaPer = 'day' | 'month'

const QUOTA_ENTRY = new RegExp(`^(?:(${PROVIDER_NAMES.join('|')}):)?([1-9]\\d{0,8})/(day|month)$`)

/** Of each entry the provider, null for the first of the list. */
function readQuotas(text: string): { provider: ProviderName | null; per: QuotaPer; mails: number }[] | string {
  const entries = text.split(',').map((entry) => {
    const [, provider, mails, per] = QUOTA_ENTRY.exec(entry.trim()) ?? []
    return { provider: (provider as ProviderName) ?? null, per: per as QuotaPer, mails: Number(mails) }
  })
  if (entries.some(({ per }) => per === undefined)) {
    return 'is not a list such as 100/day,3000/month, each with the provider in front where it is not the first: smtp:500/day'
  }
  const names = entries.map(({ provider, per }) => `${provider} ${per}`)
  return new Set(names).size < names.length ? 'names a quota twice' : entries
}

/** Returns the readers of each day, from a list or a first day and a factor. */
function readRamp(text: string): number[] | string {
  const [, first, factor] = /^([1-9]\d{0,6})x(\d(?:\.\d{1,2})?)$/.exec(text.trim()) ?? []
  const days = first === undefined ? text.split(',').map((day) => day.trim()) : []
  if (first !== undefined && Number(factor) >= RAMP.minFactor) {
    let readers = Number(first)
    for (; readers < RAMP.most; readers *= Number(factor)) days.push(String(Math.round(readers)))
  }
  const rises = days.every((day, index) => index === 0 || Number(day) >= Number(days[index - 1]))
  if (days.length > 0 && days.every((day) => /^[1-9]\d{0,6}$/.test(day)) && rises) return days.map(Number)
  return 'is neither a list of readers a day that rises, such as 200,500,1000, nor a first day and a factor such as 200x2'
}

/** In an object, as a string would be a problem. */
function readPace(text: string): { perMinute: number } | string {
  const [, emails, per] = /^([1-9]\d{0,5})\/(minute|hour)$/.exec(text.trim()) ?? []
  if (emails === undefined) return 'is not a pace such as 60/minute or 500/hour'
  return { perMinute: Number(emails) / (per === 'hour' ? 60 : 1) }
}

/** Reads a small number, or a list of addresses and networks. */
function readTrustedProxy(text: string): TrustedProxy | string {
  if (/^\d$/.test(text.trim())) return { hops: Number(text) }
  const addresses = text.split(',').map((part) => part.trim())
  if (addresses.every(isAddressOrNetwork)) return { addresses }
  return 'is neither a number of proxies nor a list of addresses and networks such as 10.0.0.0/8,fd00::/8'
}

/**
 * Returns where to listen when every proxy that is trusted is on this machine: nobody else need
 * reach the port. Undefined where that is not known.
 */
function loopbackBehind(proxy: TrustedProxy | undefined): string | undefined {
  if (proxy === undefined || !('addresses' in proxy)) return undefined
  const isSixth = (address: string) => /^(::1|(0+:){7}0*1)(\/128)?$/.test(address)
  const isLocal = (address: string) => isSixth(address) || /^127\.\d+\.\d+\.\d+(\/([89]|[12]\d|3[0-2]))?$/.test(address)
  if (!proxy.addresses.every(isLocal)) return undefined
  return proxy.addresses.every(isSixth) ? '::1' : '127.0.0.1'
}

function isAddressOrNetwork(text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/')
  const family = isIP(address)
  if (family === 0 || rest.length > 0) return false
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128))
}
