// How alarms are told: the words of one email a look, the body of one post an alarm, and the
// requests that carry them. A post is signed as Standard Webhooks say, so that its receiver can
// tell that it is ours, is recent and came only once.
import { Webhook } from 'standardwebhooks'
import { describeError } from '../../errors.ts'
import { SECOND_MS } from '../../time.ts'
import { ALARMS } from './judging.ts'
import type { Limits } from './limits.ts'
import type { News, Post, ToldAlarm } from './store.ts'

/** Where alarms go; null where nobody said. */
export interface AlarmSettings {
  operatorEmail: string | null
  /** Takes one signed POST an alarm and one when it is over. */
  alarmUrl: string | null
  /** `whsec_…`, newest first; a post carries a signature by each. */
  alarmSecrets: readonly string[]
  /** Gets one GET a day while all is well. */
  heartbeatUrl: string | null
  /** From when on something is wrong. */
  limits: Limits
}

/** Nothing of the round may wait for a receiver. */
const REQUEST_MS = 5 * SECOND_MS

/** Returns the email that tells what is news; `told` is never empty. */
export function wordNews({ opened, ended }: News): { subject: string; title: string; paragraphs: string[] } {
  const [first = ''] = [...opened.map(({ name }) => ALARMS[name].open), ...ended.map(({ name }) => ALARMS[name].over)]
  const others = opened.length + ended.length - 1
  return {
    subject: `${opened.length > 0 ? 'Alarm' : 'Resolved'}: ${first}${others > 0 ? `, and ${others} more` : ''}`,
    title: opened.length > 0 ? 'Something needs you' : 'Resolved',
    paragraphs: [
      ...opened.map(({ sentence }) => sentence),
      ...ended.map((alarm) => `${sayEnd(alarm)} The alarm was open since ${minuteOf(alarm.since)}.`),
      ...(opened.length > 0 ? ['Each alarm comes once, and once more when it is over.'] : []),
    ],
  }
}

/** Returns the JSON of one post. `site` is PUBLIC_URL: one receiver may serve several hosts. */
export function bodyOf(type: 'alarm.opened' | 'alarm.ended', alarm: ToldAlarm, site: string, at: Date): string {
  const { name, subject, sentence, since } = alarm
  const text = type === 'alarm.opened' ? `Alarm: ${sentence}` : sayEnd(alarm)
  const data = { name, subject, sentence, since: since.toISOString(), site }
  return JSON.stringify({ type, timestamp: at.toISOString(), text, data })
}

/** Makes a post. Returns why it was not taken, null when it was. */
export async function sendPost(url: string, secrets: readonly string[], { id, body }: Post): Promise<string | null> {
  const at = new Date()
  const name = `alarm_${id}`
  const headers = {
    'content-type': 'application/json',
    'webhook-id': name,
    'webhook-timestamp': `${Math.floor(at.getTime() / 1_000)}`,
    'webhook-signature': secrets.map((secret) => new Webhook(secret).sign(name, at, body)).join(' '),
  }
  return request(url, { method: 'POST', headers, body })
}

/** Says that all is well. Returns why that was not taken, null when it was. */
export async function sendBeat(url: string): Promise<string | null> {
  return request(url, { method: 'GET' })
}

// A redirect would lead a signed body to somebody else. Never the address in what is returned: it
// may hold a secret.
async function request(url: string, init: RequestInit): Promise<string | null> {
  try {
    const { address, login } = partLogin(url)
    const headers = new Headers(init.headers)
    if (login !== undefined) headers.set('authorization', login)
    const signal = AbortSignal.timeout(REQUEST_MS)
    const response = await fetch(address, { ...init, headers, redirect: 'manual', signal })
    await response.body?.cancel()
    return response.ok ? null : `it answered ${response.status}`
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
    return describeError(cause)
  }
}

/** Takes a user and password out of an address, where fetch refuses them, for their header. */
function partLogin(url: string): { address: URL; login: string | undefined } {
  const address = new URL(url)
  const { username, password } = address
  if (username === '' && password === '') return { address, login: undefined }
  address.username = ''
  address.password = ''
  const words = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`)
  return { address, login: `Basic ${words.toString('base64')}` }
}

function sayEnd(alarm: Pick<ToldAlarm, 'name' | 'subject'>): string {
  return `Resolved: ${ALARMS[alarm.name].over}${ofSubject(alarm)}.`
}

function ofSubject({ subject }: Pick<ToldAlarm, 'subject'>): string {
  return subject === '' ? '' : ` (${subject})`
}

function minuteOf(at: Date): string {
  return `${at.toISOString().slice(0, 16).replace('T', ' ')} UTC`
}
