// One reader's file: how they consented, what they chose, whether they may be written to, and their
// last thirty days, one by one.
import type { Kysely } from 'kysely'
import { readConfig } from '../../config.ts'
import type { Database } from '../../database/schema.ts'
import { type Day, listDays } from '../../delivery/account/history.ts'
import { counted } from '../../digest/text/words.ts'
import { readTopics } from '../../digest/topics/topics.ts'
import { rhythmInWords } from '../../subscriber/preferences.ts'
import { findSubscriberByAddress, getAddressKey } from '../../subscriber/store.ts'
import { hashAddress, type Subscriber } from '../../subscriber/subscriber.ts'
import { momentInWords, sentInWords } from '../accounts.ts'
import { parseAddress, parseAll } from '../arguments.ts'
import { demoHint, withStores } from '../session.ts'
import { openTerminal } from '../terminal.ts'
import { choicesInWords } from './subscribers.ts'

const DAYS = 30

interface ConsentFacts {
  source: string
  /** The page's words that were agreed to, or the operator's command. */
  page: string | null
  note: string | null
  createdAt: Date
  askedAt: Date | null
  confirmedAt: Date | null
  leftAt: Date | null
  leftReason: string | null
}

interface Suppressed {
  reason: string
  note: string | null
  since: Date
}

export async function showSubscriberCommand(email: string, options: { json?: boolean }): Promise<void> {
  const { address } = parseAll({ address: () => parseAddress(email), settings: () => readConfig('stores') })
  await withStores('stores', async ({ config, stores: { db } }) => {
    const subscriber = await findSubscriberByAddress(db, address)
    const suppression = await findSuppressed(db, address)
    if (!subscriber) {
      if (!suppression) throw new Error(`${address} is not a subscriber${demoHint(config)}`)
      return openTerminal(options).print({ address, subscriber: null, suppression }, [
        `${address} is not a subscriber. ${suppressedInWords(suppression)}`,
      ])
    }
    const { cutoffMinutes, templatesDir } = config
    const days = await listDays(db, subscriber, { days: DAYS, cutoffMinutes, topics: readTopics(templatesDir) })
    const consent = await getConsentFacts(db, subscriber.id)
    openTerminal(options).print(
      fieldsOf(subscriber, consent, suppression, days),
      linesOf(subscriber, consent, suppression, days),
    )
  })
}

function fieldsOf(
  subscriber: Subscriber,
  { createdAt, ...facts }: ConsentFacts,
  suppression: Suppressed | undefined,
  days: readonly Day[],
) {
  const { address, consent, cadence, weekday, hour, zone, silence, pausedUntil, choices, nextDueAt } = subscriber
  return {
    ...{ address, consent, createdAt, consentFacts: facts, suppression: suppression ?? null },
    preferences: { cadence, weekday, hour, zone, silence, pausedUntil, ...choices },
    nextDueAt,
    days: days.map(({ date, kind, outcome, sent }) => ({
      ...{ date, kind, outcome: outcome.kind, reason: outcome.kind === 'silence' ? outcome.reason : null },
      sentence: outcome.sentence,
      sent: sent ?? null,
    })),
  }
}

function linesOf(
  subscriber: Subscriber,
  consent: ConsentFacts,
  suppression: Suppressed | undefined,
  days: readonly Day[],
): string[] {
  const { address, choices, pausedUntil, silence, nextDueAt } = subscriber
  return [
    `${address}: ${subscriber.consent}`,
    ...consentLines(consent),
    ...(suppression ? [suppressedInWords(suppression)] : []),
    `Wants: ${[rhythmInWords(subscriber), choicesInWords(choices), ...(silence === 'note' ? ['a note on days without a digest'] : []), ...(pausedUntil === null ? [] : [`paused until ${pausedUntil}`])].join(', ')}`,
    ...(nextDueAt === null ? [] : [`Next hour: ${momentInWords(nextDueAt)}`]),
    ...(days.length > 0 ? [`Last ${DAYS} days:`] : ['Nothing has become of any edition for them yet.']),
    ...days.map((day) => `  ${day.date}${day.kind === 'weekly' ? ' (week)' : ''}  ${dayInWords(day)}`),
  ]
}

function consentLines({
  source,
  page,
  note,
  createdAt,
  askedAt,
  confirmedAt,
  leftAt,
  leftReason,
}: ConsentFacts): string[] {
  const when = (what: string, at: Date | null) => (at === null ? [] : [`${what} ${momentInWords(at)}`])
  const trail = [
    ...when('added', createdAt),
    ...when('asked', askedAt),
    ...when('confirmed', confirmedAt),
    ...when('left', leftAt),
    ...(leftReason === null ? [] : [`said why: ${leftReason}`]),
  ]
  const by = page === null ? source : `${source} (${page})`
  return [`Consent by ${by}: ${trail.join(', ')}`, ...(note === null ? [] : [`Note: ${note}`])]
}

function suppressedInWords({ reason, note, since }: Suppressed): string {
  return `Suppressed since ${momentInWords(since)} (${reason}${note === null ? '' : `: ${note}`}): lift it with "subscribers lift".`
}

function dayInWords({ outcome, sent }: Day): string {
  if (outcome.kind !== 'mail' || !sent) return outcome.sentence
  return `${counted(sent.papers, 'paper')}, ${sentInWords(sent)}`
}

async function getConsentFacts(db: Kysely<Database>, id: number): Promise<ConsentFacts> {
  return db
    .selectFrom('subscribers')
    .select([
      'consent_source as source',
      'consent_page as page',
      'consent_note as note',
      'created_at as createdAt',
      'asked_at as askedAt',
      'confirmed_at as confirmedAt',
      'left_at as leftAt',
      'left_reason as leftReason',
    ])
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
}

async function findSuppressed(db: Kysely<Database>, address: string): Promise<Suppressed | undefined> {
  return db
    .selectFrom('suppressions')
    .select(['reason', 'note', 'since'])
    .where('address_hash', '=', hashAddress(await getAddressKey(db), address))
    .executeTakeFirst()
}
