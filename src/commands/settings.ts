// What can be told of the settings by themselves: nothing is asked, so a start says the same. Pure.
import type { Config } from '../config.ts'
import { isLoopback } from '../delivery/provider/outside.ts'
import type { Finding } from '../errors.ts'

/** What a name of ours begins with: others in the environment are not our affair. */
const OURS =
  /^(ALARM|BOUNCE|CUTOFF|DATA|DATABASE|DKIM|DNS|DOMAIN|HEARTBEAT|LATENESS|LINK|LOG|MAIL|METRICS|OPERATOR|OUTBOX|POSTAL|PUBLIC|REDIS|RESEND|RETENTION|SEND|SMTP|SOURCE|STATE|TEMPLATES|TRUSTED|UNSUBSCRIBE|WARM)_/
/** Mistyped in so many letters at most. */
const NEAR = 3
/** Fewer different characters in a secret were typed by hand, or repeat. */
const SECRET_MIN_VARIETY = 12
const WORDS_OF_EXAMPLES = /change.?me|secret|password|example|paper.?round|qwert|1234567/i

/**
 * Judges the settings `config` was read from, and `names`, all that the environment sets.
 * `known`: every setting that there is.
 */
export function judgeSettings(config: Config, names: readonly string[], known: readonly string[]): Finding[] {
  const findings = [
    ...judgeNames(names, known),
    ...judgePublicUrl(config),
    ...config.linkSecrets.flatMap((secret, at) => judgeSecret(secret, at)),
  ]
  if (names.includes('RESEND_DEBUG')) {
    findings.push({
      state: 'warning',
      says: 'RESEND_DEBUG is set: the client of Resend prints what it sends, addresses and links of readers among it',
      remedy: 'take it out of the environment',
    })
  }
  return findings.length > 0 ? findings : [{ state: 'ok', says: 'every setting is known and sound' }]
}

/** Tells names that look like settings of ours and are none. */
function judgeNames(names: readonly string[], known: readonly string[]): Finding[] {
  const all = new Set(known.flatMap((name) => [name, `${name}_FILE`]))
  return names
    .filter((name) => !all.has(name) && name !== 'RESEND_DEBUG' && (OURS.test(name) || isNear(name, known)))
    .map((name) => {
      const [nearest] = known.toSorted((a, b) => distance(name, a) - distance(name, b))
      const isClose = nearest !== undefined && distance(name, nearest) <= NEAR
      return {
        state: 'warning',
        says: `${name} is no setting`,
        remedy: isClose ? `write ${nearest}` : 'take it out, or look its name up in .env.example',
      }
    })
}

/** Short names are near to anything: `POST` is not a mistyped `PORT`. */
function isNear(name: string, known: readonly string[]): boolean {
  return name.length > 5 && known.some((each) => each.length > 5 && distance(name, each) <= 1)
}

function judgePublicUrl({ publicUrl, providers }: Config): Finding[] {
  const reaching = providers.filter((provider) => reachesPeople(provider)).map(({ name }) => name)
  if (reaching.length === 0) return []
  const { hostname, protocol } = new URL(publicUrl)
  const remedy = 'set PUBLIC_URL to the https:// address under which readers reach this website'
  if (isLoopback(hostname)) {
    return [{ state: 'error', says: `links in emails by ${reaching.join(' and ')} lead to ${publicUrl}`, remedy }]
  }
  if (protocol === 'https:') return []
  return [
    {
      state: 'warning',
      says: `links in emails lead to ${publicUrl}, without TLS: mail programs then refuse to unsubscribe with one click`,
      remedy,
    },
  ]
}

/** Whether emails that a provider takes can get to people. */
export function reachesPeople(provider: Config['providers'][number]): boolean {
  switch (provider.name) {
    case 'outbox':
      return false
    case 'resend':
      return provider.baseUrl === undefined || !isLoopback(new URL(provider.baseUrl).hostname)
    case 'smtp':
      return !isLoopback(provider.server.host)
  }
}

function judgeSecret(secret: string, at: number): Finding[] {
  if (new Set(secret).size >= SECRET_MIN_VARIETY && !WORDS_OF_EXAMPLES.test(secret)) return []
  return [
    {
      state: 'warning',
      says: `LINK_SECRET${at === 0 ? '' : `, number ${at + 1} of its ring,`} is easy to guess, and whoever guesses it can change any reader's subscription`,
      remedy: 'put a new one in front of it, separated by a comma: openssl rand -hex 32',
    },
  ]
}

/** Returns how many letters differ, by Levenshtein; neighbours that changed places count as one. */
export function distance(a: string, b: string): number {
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      const costs = [(row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + same]
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) costs.push((before[j - 2] ?? 0) + 1)
      next.push(Math.min(...costs))
    }
    before = row
    row = next
  }
  return row[b.length] ?? 0
}
