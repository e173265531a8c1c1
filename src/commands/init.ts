// A new host's settings: asks for what sending takes and writes it to .env, which only its owner
// may read. What stands there stays: a link secret is made once, as old links die with it.
import { randomBytes } from 'node:crypto'
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isCancel, password, select, text } from '@clack/prompts'
import { ENV_FILE, readConfig, readEnvFile, readEnvText } from '../config.ts'
import type { ProviderName } from '../delivery/provider/provider.ts'
import { describeError, UsageError } from '../errors.ts'
import { CALL } from './calling.ts'
import { openTerminal } from './terminal.ts'

export interface InitOptions {
  publicUrl?: string
  mailFrom?: string
  provider?: string
  json?: boolean
}

/** Asks one question; stands in for the terminal in tests. Undefined where nobody can be asked. */
export type AskHost = (question: Question) => Promise<string>

interface Question {
  name: string
  message: string
  secret: boolean
  initial: string
  /** Says what is wrong with an answer, undefined where nothing is. */
  problemWith(answer: string): string | undefined
}

/** The secret that each provider takes, in the order in which they are offered. */
const KEYS: Record<ProviderName, { name: string; message: string } | undefined> = {
  resend: { name: 'RESEND_API_KEY', message: 'Resend API key' },
  smtp: { name: 'SMTP_URL', message: 'Mail server, smtps://USER:PASSWORD@HOST:465' },
  outbox: undefined,
}
const PROVIDERS = Object.keys(KEYS) as ProviderName[]
const OPTIONS: Record<string, string> = { PUBLIC_URL: '--public-url', MAIL_FROM: '--mail-from' }
const SECRET_BYTES = 32
/** Only the owner reads and writes it. */
const OWNERS_MODE = 0o600

export async function initCommand(
  options: InitOptions,
  { directory = process.cwd(), ask = askInTerminal() }: { directory?: string; ask?: AskHost | undefined } = {},
): Promise<void> {
  const path = join(directory, ENV_FILE)
  const known = readEnvFile(path) ?? {}
  const answers = await collectAnswers(options, known, ask)
  const isNew = known.LINK_SECRET === undefined || known.LINK_SECRET === ''
  const settings = { ...answers, ...(isNew ? { LINK_SECRET: randomBytes(SECRET_BYTES).toString('hex') } : {}) }
  const problems = problemsOf({ ...known, ...settings })
  writeSettings(path, settings)
  openTerminal(options).print(
    { file: path, written: Object.keys(settings), linkSecret: isNew ? 'made' : 'kept', problems },
    [
      `Wrote ${path}, which only you can read; LINK_SECRET was ${isNew ? 'made: keep it, as links in emails are signed with it' : 'kept'}.`,
      ...(problems.length > 0 ? ['Before you start:', ...problems.map((problem) => `  ${problem}`)] : []),
      ...(problems.length > 0 ? [] : [`Next: ${CALL} test-mail YOUR-ADDRESS, then ${CALL} start`]),
    ],
  )
}

/** What a call names counts; the rest is asked, with what stands in the file as the answer. */
async function collectAnswers(
  options: InitOptions,
  known: Record<string, string>,
  ask: AskHost | undefined,
): Promise<Record<string, string>> {
  const open = judgeOptions(options, known)
  // Nobody answers questions for a call that is refused anyway.
  if (ask && open.length > 0) throw new UsageError(open)
  const asked: Record<string, string> = {}
  const answer = async (name: string, option: string, given: string | undefined, message: string, secret = false) => {
    if (given !== undefined) return given.trim()
    const problemWith = (text: string) => problemsOf({ ...known, ...asked, [name]: text.trim() }).find(isAbout(name))
    if (ask) {
      asked[name] = (await ask({ name, message, secret, initial: known[name] ?? '', problemWith })).trim()
      return asked[name]
    }
    if (known[name] === undefined && !secret) open.push(`${option} is missing: nobody can be asked here`)
    return known[name] ?? ''
  }
  const provider = await answer('MAIL_PROVIDER', '--provider', options.provider, 'Who sends the emails?')
  const publicUrl = await answer('PUBLIC_URL', '--public-url', options.publicUrl, 'Where do readers reach the website?')
  const mailFrom =
    provider === 'outbox' && options.mailFrom === undefined
      ? (known.MAIL_FROM ?? '')
      : await answer('MAIL_FROM', '--mail-from', options.mailFrom, 'Who are the emails from? "Name <address>"')
  if (options.provider === undefined) open.push(...judgeProvider(provider))
  if (open.length > 0) throw new UsageError(open)
  const key = KEYS[provider as ProviderName]
  const secret = key && (await answer(key.name, '', undefined, key.message, true))
  const all = {
    MAIL_PROVIDER: provider,
    PUBLIC_URL: publicUrl,
    MAIL_FROM: mailFrom,
    ...(key && { [key.name]: secret ?? '' }),
  }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ''))
}

/** What is wrong with what a call names, before anything is asked or written. */
function judgeOptions({ provider, publicUrl, mailFrom }: InitOptions, known: Record<string, string>): string[] {
  const judged = Object.entries({ PUBLIC_URL: publicUrl, MAIL_FROM: mailFrom }).flatMap(([name, given]) => {
    if (given === undefined) return []
    const problems = problemsOf({ ...known, [name]: given.trim() }).filter(isAbout(name))
    return problems.map((problem) => `${OPTIONS[name]} ${given}${problem.slice(name.length)}`)
  })
  return [...judgeProvider(provider ?? ''), ...judged]
}

function judgeProvider(provider: string): string[] {
  if (provider === '' || PROVIDERS.some((name) => name === provider.trim())) return []
  return [`--provider ${provider} is none of ${PROVIDERS.join(', ')}`]
}

const isAbout = (name: string) => (problem: string) => problem.startsWith(`${name} `)

/** What would keep the program from starting with these settings, in the words of a start. */
function problemsOf(settings: Record<string, string>): string[] {
  try {
    readConfig('mail', {}, settings)
    return []
  } catch (error) {
    if (error instanceof UsageError) return [...error.problems]
    throw error
  }
}

/**
 * Replaces the lines of these settings, adds those that are new, and leaves all others as they
 * are.
 */
function writeSettings(path: string, settings: Record<string, string>): void {
  const lines = readLines(path)
  for (const [name, value] of Object.entries(settings)) {
    const line = `${name}=${quote(name, value)}`
    const at = lines.findIndex((each) => each.replace(/^\s*(export\s+)?/, '').startsWith(`${name}=`))
    if (at < 0) lines.push(line)
    else lines[at] = line
  }
  const beside = `${path}.${process.pid}.new`
  try {
    writeFileSync(beside, `${lines.join('\n')}\n`, { mode: OWNERS_MODE })
    renameSync(beside, path)
  } catch (error) {
    throw new Error(`${path} cannot be written: ${describeError(error)}`)
  }
}

function readLines(path: string): string[] {
  const text = readEnvText(path)
  if (text === undefined) return ['# Settings of paper-round: see .env.example for all of them. Keep it to yourself.']
  return text.replace(/\n+$/, '').split('\n')
}

/** Plain where no reader of such files could take it for something else. */
function quote(name: string, value: string): string {
  if (/^[\w:/.,@%+=~-]*$/.test(value)) return value
  const mark = ["'", '"', '`'].find((each) => !value.includes(each))
  if (mark === undefined || /[\r\n]/.test(value)) throw new UsageError(`${name} cannot be written to one line`)
  return `${mark}${value}${mark}`
}

/** Undefined where there is no terminal to ask in. */
function askInTerminal(): AskHost | undefined {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined
  const output = process.stderr
  return async ({ name, message, secret, initial, problemWith }) => {
    const validate = (text = '') => problemWith(text || initial)
    const answer =
      name === 'MAIL_PROVIDER'
        ? await select({ message, options: PROVIDERS.map((value) => ({ value })), initialValue: initial, output })
        : secret
          ? await password({ message: initial === '' ? message : `${message} (empty: as it is)`, validate, output })
          : await text({ message, initialValue: initial, validate, output })
    if (isCancel(answer)) throw new Error('nothing was written')
    return answer || initial
  }
}
