// Whether the domain of MAIL_FROM lets receivers believe that its emails are its own: SPF (RFC
// 7208), DKIM (RFC 6376) and DMARC (RFC 9989), as they stand in the DNS now. What is asked is told
// apart from what is made of it.
import { createPublicKey } from 'node:crypto'
import { Resolver } from 'node:dns/promises'
import type { Config } from '../../config.ts'
import type { Finding } from '../../errors.ts'

/** Each rejects when nobody answers. */
export interface Dns {
  /** Returns the texts under a name, each in one piece. */
  texts(name: string): Promise<string[]>
  /** Returns the servers that take mail to a domain; an empty name is one that takes none. */
  mailServers(domain: string): Promise<string[]>
}
type AskTexts = Dns['texts']

const ANSWER_MS = 3_000
const TRIES = 2
/** Mechanisms that ask the DNS in turn; receivers stop at more than ten. */
const SPF_ASKS = /^[+?~-]?(include:|a([:/]|$)|mx([:/]|$)|ptr|exists:|redirect=)/i
const SPF_MOST_ASKS = 10
/** How far up a name is looked for a policy (RFC 9989, section 4.10). */
const DMARC_MOST_LABELS = 8
/** Where Resend has its key put. */
const RESEND_SELECTOR = 'resend'

/** Asks the DNS by `server` (address, or address:port), or as the machine does. */
export function openDns(server: string | undefined): Dns {
  const resolver = new Resolver({ timeout: ANSWER_MS, tries: TRIES })
  if (server !== undefined) resolver.setServers([server])
  const ask = async <T>(name: string, asking: Promise<T[]>): Promise<T[]> => {
    try {
      return await asking
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOTFOUND' || code === 'ENODATA') return []
      throw new Error(`the DNS does not answer for ${name}`, { cause: error })
    }
  }
  return {
    texts: async (name) => (await ask(name, resolver.resolveTxt(name))).map((parts) => parts.join('')),
    mailServers: async (domain) => (await ask(domain, resolver.resolveMx(domain))).map(({ exchange }) => exchange),
  }
}

/**
 * Judges the sender's domain for a provider that reaches people. `bounceDomain`: whose addresses
 * stand in the envelope, where that is not the sender's own. Rejects when nobody answers.
 */
export async function judgeSender(
  ask: AskTexts,
  mailFrom: string,
  provider: Config['providers'][number],
  bounceDomain?: string,
): Promise<Finding[]> {
  const domain = domainOf(mailFrom)
  const findings: Finding[] = []
  if (provider.name === 'smtp') {
    // Receivers ask for the record of the envelope's domain.
    const envelope = bounceDomain ?? domain
    findings.push(judgeSpf(envelope, await ask(envelope)))
    if (provider.dkim === null) {
      findings.push({
        state: 'warning',
        says: 'emails to the mail server are not signed here: whether it signs them as this domain is not known',
        remedy: `have the server sign as ${domain}, or set DKIM_PRIVATE_KEY and DKIM_SELECTOR`,
      })
    } else {
      const { selector, privateKey } = provider.dkim
      findings.push(
        judgeDkim(`${selector}._domainkey.${domain}`, await ask(`${selector}._domainkey.${domain}`), privateKey),
      )
    }
  }
  if (provider.name === 'resend') {
    const name = `${RESEND_SELECTOR}._domainkey.${domain}`
    findings.push(judgeDkim(name, await ask(name)))
  }
  findings.push(await judgeDmarc(domain, ask))
  return findings
}

/** Returns the domain of `Name <address>`. */
export function domainOf(mailFrom: string): string {
  return (/@([^@>\s]+)>?$/.exec(mailFrom)?.[1] ?? '').toLowerCase()
}

function judgeSpf(domain: string, texts: readonly string[]): Finding {
  const records = texts.filter((text) => /^v=spf1(\s|$)/i.test(text))
  const says = (what: string) => `SPF of ${domain}: ${what}`
  const [record, ...more] = records
  if (record === undefined) {
    return {
      state: 'warning',
      says: says('there is no record'),
      remedy: `put a text record at ${domain}: "v=spf1 ip4:ADDRESS -all", with the address of the mail server`,
    }
  }
  if (more.length > 0) {
    return {
      state: 'error',
      says: says(`there are ${records.length} records, and receivers then read none`),
      remedy: 'make them one',
    }
  }
  const terms = record.split(/\s+/).slice(1)
  const asks = terms.filter((term) => SPF_ASKS.test(term)).length
  if (asks > SPF_MOST_ASKS) {
    return {
      state: 'error',
      says: says(`it asks the DNS ${asks} times, and receivers stop at ${SPF_MOST_ASKS}`),
      remedy: 'name addresses (ip4:, ip6:) instead of other names',
    }
  }
  if (terms.some((term) => /^\+?all$/i.test(term))) {
    return { state: 'error', says: says('it lets everybody send as this domain'), remedy: 'end it with -all' }
  }
  if (!terms.some((term) => /^[~-]all$/i.test(term) || /^redirect=/i.test(term))) {
    return { state: 'warning', says: says('it refuses nobody'), remedy: 'end it with -all (or ~all at first)' }
  }
  return { state: 'ok', says: says(record) }
}

/** `privateKey`: what we sign with, in PEM; another party's key is only looked for. */
function judgeDkim(name: string, texts: readonly string[], privateKey?: string): Finding {
  const says = (what: string) => `DKIM at ${name}: ${what}`
  const tags = texts.map(readTags).find((found) => found.has('p'))
  const key = tags?.get('p')?.replaceAll(/\s/g, '')
  if (key === undefined) {
    const own = privateKey === undefined ? undefined : publicKeyOf(privateKey)
    const remedy =
      own === undefined
        ? 'add the records that Resend lists for this domain, then verify it there'
        : `put a text record there: "v=DKIM1; k=${own.type}; p=${own.base64}"`
    return { state: 'error', says: says('there is no key'), remedy }
  }
  if (key === '') return { state: 'error', says: says('the key was withdrawn'), remedy: 'sign with another selector' }
  if (privateKey !== undefined && key !== publicKeyOf(privateKey).base64) {
    return {
      state: 'error',
      says: says('another key than ours stands there, so no signature holds'),
      remedy: `put this one there, or set the DKIM_PRIVATE_KEY that belongs to it: "v=DKIM1; k=${publicKeyOf(privateKey).type}; p=${publicKeyOf(privateKey).base64}"`,
    }
  }
  return { state: 'ok', says: says('the key is there') }
}

async function judgeDmarc(domain: string, ask: AskTexts): Promise<Finding> {
  const labels = domain.split('.')
  // From the domain itself up to its last label; of a long one, only its end (RFC 9989, 4.10).
  const names = labels.map((_, at) => labels.slice(at).join('.'))
  const walked = names.filter((name, at) => at === 0 || name.split('.').length < DMARC_MOST_LABELS)
  for (const name of walked) {
    const records = (await ask(`_dmarc.${name}`)).filter((text) => /^v=DMARC1\s*(;|$)/i.test(text))
    // More than one counts as none.
    const [record] = records
    if (record === undefined || records.length > 1) continue
    const tags = readTags(record)
    const policy = (name === domain ? undefined : tags.get('sp')) ?? tags.get('p')
    const says = `DMARC of ${domain}${name === domain ? '' : `, by ${name}`}: ${record}`
    if (policy === undefined || !/^(none|quarantine|reject)$/i.test(policy)) {
      return { state: 'warning', says: `${says} names no policy`, remedy: 'add p=none, p=quarantine or p=reject' }
    }
    // Ours are aligned either way: the signature and the envelope are of the sender's own domain.
    return { state: 'ok', says }
  }
  return {
    state: 'warning',
    says: `DMARC of ${domain}: there is no record, and Gmail and Yahoo ask for one`,
    remedy: `put a text record at _dmarc.${domain}: "v=DMARC1; p=none; rua=mailto:YOUR ADDRESS"`,
  }
}

function readTags(text: string): Map<string, string> {
  return new Map(
    text.split(';').flatMap((part) => {
      const [, name, value] = /^\s*(\w+)\s*=\s*(.*?)\s*$/s.exec(part) ?? []
      return name === undefined || value === undefined ? [] : [[name.toLowerCase(), value] as const]
    }),
  )
}

/** Returns the key as it stands in the DNS: an Ed25519 key bare (RFC 8463), an RSA one as SPKI. */
function publicKeyOf(pem: string): { type: 'rsa' | 'ed25519'; base64: string } {
  const key = createPublicKey(pem)
  const der = key.export({ type: 'spki', format: 'der' })
  return key.asymmetricKeyType === 'ed25519'
    ? { type: 'ed25519', base64: der.subarray(-32).toString('base64') }
    : { type: 'rsa', base64: der.toString('base64') }
}
