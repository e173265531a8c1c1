// What is wrong enough to tell the host, judged from facts alone: the same facts give the same
// alarms. Each says what is wrong and what to do; none names a reader.
import { counted, grouped } from '../../digest/text/words.ts'
import type { EditionKey } from '../../edition/stop.ts'
import { BOUNCES, COMPLAINTS, isReached } from '../sending/good-name.ts'
import type { Facts } from './facts.ts'
import { type Limits, limitInWords } from './limits.ts'

/**
 * Each alarm's name, and the few words that stand for it in a subject: while it is open, and once
 * it is over.
 */
export const ALARMS = {
  unfrozen: { open: 'an edition is not frozen', over: 'the edition is no longer overdue' },
  unsent: { open: 'nothing is being sent', over: 'no unsent emails are overdue' },
  slow: { open: 'emails wait too long', over: 'emails no longer wait too long' },
  provider: { open: 'a provider is out', over: 'the provider is used again' },
  stopped: { open: 'digests are stopped', over: 'digests are no longer stopped' },
  unknown: { open: 'emails stay unknown', over: 'few or no emails are unknown' },
  // Rejections are final: what ends is the time in which they are news.
  rejected: { open: 'emails are rejected', over: 'the edition with rejected emails is more than a day old' },
  'good-name': { open: "the sender's reputation suffers", over: 'bounces and complaints are few again' },
  source: { open: 'the source is silent', over: 'the source answers again' },
  queue: { open: 'the queue takes no jobs', over: 'the queue takes jobs again' },
  disk: { open: 'a disk is nearly full', over: 'the disk has room again' },
  'sign-ups': { open: 'sign-ups are refused or challenged', over: 'few or no sign-ups are refused or challenged' },
  bounces: { open: 'bounces cannot be read', over: 'the mailbox of bounces is read again' },
  restored: { open: 'the database is a restored copy', over: 'the restored copy is no longer held' },
  database: { open: 'PostgreSQL does not serve', over: 'PostgreSQL answers and takes writes again' },
} as const
export type AlarmName = keyof typeof ALARMS

export interface Alarm {
  name: AlarmName
  /** Sets alarms of one name apart: an edition, a provider, a machine. Empty where there is one. */
  subject: string
  /** What is wrong, and what to do. */
  sentence: string
}

/** What the database does not know: it is as this process finds it. */
export interface Surroundings {
  /** Since how many milliseconds the queue has taken no jobs, and why; null while it does. */
  queue: { forMs: number; reason: string } | null
  /** The folder with the least room, in bytes. */
  disk: { host: string; folder: string; freeBytes: number } | null
}

const MEGABYTE = 1024 * 1024
/** As many times more sign-ups may be asked for a proof than be refused: good news brings many. */
const ASKED_TO_REFUSED = 5

/**
 * Lists everything that is wrong by these limits, in the order of `ALARMS`; each name and subject
 * once.
 */
export function judge(facts: Facts, { queue, disk }: Surroundings, limits: Limits): Alarm[] {
  const ageMs = (at: Date | null) => (at === null ? 0 : facts.now.getTime() - at.getTime())
  const alarms: Alarm[] = []
  const raise = (name: AlarmName, subject: string, sentence: string) => alarms.push({ name, subject, sentence })
  for (const { cutoffAt, reason, ...edition } of facts.unfrozen) {
    if (ageMs(cutoffAt) < limits.unfrozen) continue
    const why = reason === null ? 'nothing has ranked it' : `it is held: ${reason}`
    raise(
      'unfrozen',
      nameOf(edition),
      `${the(edition)} is not frozen ${limitInWords(limits.unfrozen)} after its cut-off: ${why}. See "status ${flags(edition)}".`,
    )
  }
  const unsent = facts.waiting.filter(({ since, anySettled }) => !anySettled && ageMs(since) >= limits.unsent)
  for (const edition of unsent) {
    raise(
      'unsent',
      nameOf(edition),
      `Nothing of ${the(edition, 'lower')} has been sent ${limitInWords(limits.unsent)} after its first readers were due. See "status ${flags(edition)}", and whether a worker runs.`,
    )
  }
  if (ageMs(facts.unplannedSince) >= limits.unsent) {
    raise(
      'unsent',
      'planning',
      `Readers have been due for ${limitInWords(limits.unsent)} and nothing has been planned for them. See whether a worker runs.`,
    )
  }
  for (const { since, ...edition } of facts.waiting) {
    if (ageMs(since) < limits.slow) continue
    raise(
      'slow',
      nameOf(edition),
      `Emails of ${the(edition, 'lower')} have waited for more than ${limitInWords(limits.slow)} since their readers were due. See "status --watch ${flags(edition)}".`,
    )
  }
  for (const { provider, since, until, reason } of facts.out) {
    if (ageMs(since) < limits.provider) continue
    const whenBack = until === null ? 'until you say "resume"' : `until ${minuteOf(until)}`
    raise('provider', provider, `${provider} takes no emails ${whenBack}: ${reason}.`)
  }
  for (const { edition, reason } of facts.stopped) {
    const because = reason === null ? '' : `: ${reason}`
    const what = edition === null ? 'All digests are' : `${the(edition)} is`
    const how = edition === null ? 'resume' : `resume ${flags(edition)}`
    raise(
      'stopped',
      edition === null ? 'all' : nameOf(edition),
      `${what} stopped${because}. Once the cause is gone, say "${how}".`,
    )
  }
  for (const { count, ...edition } of facts.unknown) {
    if (count <= limits.unknown) continue
    raise(
      'unknown',
      nameOf(edition),
      `${counted(count, 'email')} of ${the(edition, 'lower')} may or may not have been accepted. Decide with "resolve ${flags(edition)}".`,
    )
  }
  for (const { count, ...edition } of facts.rejected) {
    if (count <= limits.rejected) continue
    raise(
      'rejected',
      nameOf(edition),
      `${counted(count, 'email')} of ${the(edition, 'lower')} ${count === 1 ? 'was' : 'were'} refused by the provider. See "status ${flags(edition)}".`,
    )
  }
  for (const { days, sent, complaints, complaintShare, bounces, bounceShare } of facts.shares) {
    const of = `${days} days`
    if (isReached(COMPLAINTS.warn, complaintShare, complaints)) {
      raise(
        'good-name',
        `complaints ${of}`,
        `${counted(complaints, 'reader')} of ${grouped(sent)} emails within ${of} complained, 0.1 % or more: at 0.3 % providers take everything for spam, and the brake stops it. See where those readers came from.`,
      )
    }
    if (isReached(BOUNCES.harm, bounceShare, bounces)) {
      raise(
        'good-name',
        `bounces ${of}`,
        `${counted(bounces, 'email')} of ${grouped(sent)} within ${of} bounced for good, 2 % or more: providers close accounts for it, and the brake stops what is under way. See where those addresses came from.`,
      )
    }
  }
  if (facts.lookedAt !== null && ageMs(facts.answeredAt ?? facts.lookedAt) >= limits.source) {
    const why =
      ageMs(facts.lookedAt) >= limits.source ? 'nobody has asked it: see whether a worker runs' : facts.lookReason
    raise(
      'source',
      '',
      `The source has not answered for ${limitInWords(limits.source)}: ${why ?? 'no reason was given'}.`,
    )
  }
  if (queue !== null && queue.forMs >= limits.queue) {
    raise('queue', '', `The queue has taken no jobs for ${limitInWords(limits.queue)}: ${queue.reason}. See "doctor".`)
  }
  if (disk !== null && disk.freeBytes < limits.disk * MEGABYTE) {
    const megabytes = Math.floor(disk.freeBytes / MEGABYTE)
    raise('disk', disk.host, `The disk of ${disk.folder} on ${disk.host} has ${megabytes} MB left: make room there.`)
  }
  const { refusedSignUps, challengedSignUps } = facts
  if (refusedSignUps > limits['sign-ups'] || challengedSignUps > limits['sign-ups'] * ASKED_TO_REFUSED) {
    raise(
      'sign-ups',
      '',
      `Within the last two hours ${counted(refusedSignUps, 'sign-up')} ${refusedSignUps === 1 ? 'was' : 'were'} refused by the limits and ${counted(challengedSignUps, 'sign-up')} asked for a proof: somebody abuses the form, or TRUSTED_PROXY is not set.`,
    )
  }
  if (facts.mailbox !== null && ageMs(facts.mailbox.failedSince) >= limits.bounces) {
    raise(
      'bounces',
      '',
      `The mailbox of BOUNCE_ADDRESS has not been read for ${limitInWords(limits.bounces)}: ${facts.mailbox.failure}. See "doctor".`,
    )
  }
  if (facts.restored !== null) {
    raise('restored', '', `The database is a restored copy and held: ${facts.restored.why}. See "resume --restored".`)
  }
  return alarms
}

function nameOf({ date, kind }: EditionKey): string {
  return `${date} ${kind}`
}

function the({ date, kind }: EditionKey, begin: 'upper' | 'lower' = 'upper'): string {
  return `${begin === 'upper' ? 'The' : 'the'} ${kind} edition of ${date}`
}

function flags({ date, kind }: EditionKey): string {
  return `--date ${date}${kind === 'weekly' ? ' --weekly' : ''}`
}

function minuteOf(at: Date): string {
  return `${at.toISOString().slice(0, 16).replace('T', ' ')} UTC`
}
