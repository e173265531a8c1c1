// Whether a mailbox is gone (hard) or did not take this mail (soft), from a server's code and
// words. In doubt it is soft: who is barred comes back by the operator's hand alone, and a mailbox
// that is gone will say so again. Pure.

/** A mailbox that is full, or too small for this mail: the reader's own affair, and it passes. */
export const FULL =
  /\b(over ?quota|is full|full mailbox|mailbox full|(mailbox|inbox|disk|storage|folder) (is )?(nearly )?full|exceed(s|ed)? (its |the |their )?(storage|mailbox|size)|storage (allocation |space )?(limit|quota)|out of (storage|space)|too large|size limit|insufficient (system )?storage|not enough (disk )?space)\b/i
/** Gets more than it takes, of anything: that passes too. */
const TOO_MUCH = /\bquota\b|\breceiv(es|ing) \w+ (at a rate|too (quickly|fast|much|many))\b/i
/**
 * About the server that we are to it, its name, place and right to send, or the address that it
 * writes from: the same for every reader.
 */
export const OURS = new RegExp(
  [
    String.raw`\b(helo|ehlo|ptr|rdns|reverse (dns|lookup)|spf|starttls|rbl|spamhaus|blocked using|not owned by user)\b`,
    String.raw`\bclient (host|ip|address)\b|\b(sending|connecting) (domain|host|server|ip)\b`,
    String.raw`\byour (ip|host|hostname|domain|server|mail server)\b`,
    String.raw`\bsender (verify|address rejected|(is |was )?(rejected|refused|denied))\b`,
  ].join('|'),
  'i',
)

/** Who or what is not there, and how that is said; not across a sentence's end. */
const WHO = String.raw`user|recipient|mailbox|(?<!\bip )address|account|person|addressee|name|destination`
const GAP = String.raw`(?:[^;:.]|\.(?! )){0,40}`
const IS_GONE = [
  'unknown|disabled|deactivated|inactive|suspended|closed|invalid|unavailable',
  '(?<!may )not (be )?(found|exist|known|listed|recogni[sz]ed|valid|present|active)',
  "(does|did) ?n[o']t (exist|have an? .{0,30}account)",
  'no longer (exists|valid|available|in use|active|on server)',
].join('|')
/** Nobody is there. */
const GONE = new RegExp(
  [
    String.raw`\b(${WHO})\b${GAP}\b(${IS_GONE})\b`,
    String.raw`\b(unknown|no such|invalid|non-?existent|inactive|unrouteable)( [\w-]+){0,2}[ -](${WHO}|host|domain)\b`,
    String.raw`\b(host|domain)\b${GAP}\b(not found(?!, try again)|unknown|not exist)\b`,
    String.raw`\bno (mailbox|account|user)\b.{0,30}\b(here|by|with|of)\b|\bnot our (user|customer)\b|\brecip(ient)?not(found|exist)`,
    String.raw`\bno mx\b|\bnullmx\b|not a valid mailbox|no longer accept|couldn't find any host`,
  ].join('|'),
  'i',
)
/** About the address that we write from. */
const SENDER = /\b(senders?|mail from|from address|from: header)\b/i
/** About what we sent or where from, or before anybody was named. */
const REFUSED =
  /\b(spam|junk|blocked|block ?list(ed)?|black ?list(ed)?|reputation|policy|policies|prohibit\w*|dmarc|dkim|virus|malware|content|\w*authenticat\w*|not (authori[sz]ed|allowed)|rate limit\w*|too many|greylist\w*|throttl\w*|relay\w*|invalid ip|mismatch\w*|banned|suspicious|end of data|initial connection|text command)\b/i

/** Of which enhanced codes (RFC 3463, behind the class) nobody is there. */
const GONE_CODES = /^(1\.[1-6]|1\.10|4\.4|4\.310|4\.312)$/
/** General ones say nothing, and the server's words count. */
const GENERAL_CODES = /^(0\.0|1\.0|5\.0|2\.0|4\.0|3\.0)$/

/** Of an enhanced code that is no part of an address, a version or a longer number. */
const ENHANCED = /(?<![\d.])([245])\.(\d{1,3}\.\d{1,3})(?![\d]|\.\d)/g

/** Addresses, what Amazon puts in front of any refusal, and where a relay looked. */
const NOISE = /[^\s<>()]+@[^\s<>()]+|\bunknown address error\b|\brelay(=\S+| recipient table)/gi

/** What a server says beyond this is not about why. */
const WORDS_MAX = 4_000

export interface Refusal {
  /** The field Status, `5.1.1`, where there is one. */
  status?: string | undefined
  /** The server's words. */
  words: string
}

export function judgeRefusal({ status, words: given }: Refusal): 'hard-bounce' | 'soft-bounce' {
  const words = given.slice(0, WORDS_MAX).replace(NOISE, '').replace(/\s+/g, ' ')
  const codes = [...(status ?? '').matchAll(ENHANCED), ...words.matchAll(ENHANCED)].map(([, kind = '', code = '']) => ({
    kind,
    code,
  }))
  const [first] = codes
  // Whoever gives up on what may pass says so with a code of class 4.
  if (first?.kind === '4') return 'soft-bounce'
  const code = codes.find((each) => each.kind === '5' && !GENERAL_CODES.test(each.code))?.code
  if (/^(2\.2|2\.3|3\.4)$/.test(code ?? '') || FULL.test(words) || TOO_MUCH.test(words)) return 'soft-bounce'
  // Said of us, "host not found" is nobody's mailbox.
  if (SENDER.test(words) || OURS.test(words) || /^1\.[789]$/.test(code ?? '')) return 'soft-bounce'
  const isGoneByCode = code !== undefined && GONE_CODES.test(code)
  if (REFUSED.test(words)) return isGoneByCode && GONE.test(words) ? 'hard-bounce' : 'soft-bounce'
  return isGoneByCode || GONE.test(words) ? 'hard-bounce' : 'soft-bounce'
}
