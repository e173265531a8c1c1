// Accounts as people read them.

import type { Fates } from '../delivery/account/accounting.ts'
import type { Sent } from '../delivery/account/explaining.ts'
import { editionSilence, withheldSilence } from '../delivery/account/silence.ts'
import type { Accounts } from '../delivery/delivery.ts'
import { grouped } from '../digest/text/words.ts'
import type { Edition } from '../edition/edition.ts'

/** The fields that `status`, `send` and `demo` print as JSON. */
export function accountFields(accounts: Accounts, submittedNow: number): Accounts & { submittedNow: number } {
  const { due, submitted, withheld, rejected, unknown, waiting } = accounts
  return { due, submitted, withheld, rejected, unknown, waiting, submittedNow }
}

/** Returns the accounts as aligned lines, zeros left out except for the sum. */
export function accountLines(accounts: Accounts): string[] {
  const rows: [string, number][] = [
    ['due', accounts.due],
    ['submitted', accounts.submitted],
    ...Object.entries(accounts.withheld).map(([reason, count]): [string, number] => [`withheld (${reason})`, count]),
    ['rejected', accounts.rejected],
    ['unknown', accounts.unknown],
    ['waiting', accounts.waiting],
  ]
  const shown = rows.filter(([name, count]) => count > 0 || name === 'due' || name === 'submitted')
  const width = Math.max(...shown.map(([name]) => name.length))
  return shown.map(([name, count]) => `  ${name.padEnd(width)}  ${grouped(count)}`)
}

/**
 * Returns the reasons of mails that did not go, by their short names: the edition's own, and those
 * of withheld deliveries.
 */
export function reasonsOf(
  edition: Edition,
  { withheld }: Pick<Accounts, 'withheld'>,
  now: Date,
): Record<string, string> {
  const own = editionSilence(edition, { ...edition, now })
  return Object.fromEntries(
    [...(own ? [own] : []), ...Object.keys(withheld).map((reason) => withheldSilence(reason))].map(
      ({ reason, sentence }) => [reason, sentence],
    ),
  )
}

/** Returns the same as lines, nothing where there is nothing to say. */
export function reasonLines(edition: Edition, accounts: Pick<Accounts, 'withheld'>, now: Date): string[] {
  const own = editionSilence(edition, { ...edition, now })
  return [
    ...(own ? [own.sentence] : []),
    ...Object.keys(accounts.withheld).map((reason) => `${reason}: ${withheldSilence(reason).sentence}`),
  ]
}

/**
 * Returns what the provider reported as one line, and what to do about the unknown as another;
 * nothing where there is nothing to say.
 */
export function feedbackLines(submitted: number, fates: Fates, unresolved: number): string[] {
  const counts = Object.entries(fates).filter(([, count]) => count > 0)
  const reported = counts.reduce((sum, [, count]) => sum + count, 0)
  const words = counts.map(([fate, count]) => `${grouped(count)} ${fate}`)
  if (reported > 0 && submitted > reported) words.push(`${grouped(submitted - reported)} not reported yet`)
  return [
    ...(words.length > 0 ? [`Of the submitted, by the provider's reports: ${words.join(', ')}.`] : []),
    ...(unresolved > 0
      ? [`${grouped(unresolved)} unknown may or may not have been accepted: decide with "resolve".`]
      : []),
  ]
}

/** Returns `the edition of 2026-03-05` or `the week to 2026-03-08`. */
export function editionName({ date, kind }: Pick<Edition, 'date' | 'kind'>): string {
  return kind === 'weekly' ? `the week to ${date}` : `the edition of ${date}`
}

/**
 * Says that nothing is known of an edition, and `so` of a day that has come: what to do, as a rule.
 */
export function unknownInWords(edition: Pick<Edition, 'date' | 'kind'>, now: Date, so = 'collect it first'): string {
  const isAhead = edition.date > now.toISOString().slice(0, 10)
  return `nothing is known of ${editionName(edition)}: ${isAhead ? 'its day has not come' : so}`
}

/** Says that an edition can be sent to nobody any more, and `so` what to do. */
export function prunedInWords(edition: Pick<Edition, 'date' | 'kind'>, so: string): string {
  return `${editionName(edition)} can no longer be sent, because RETENTION has removed its text: ${so}`
}

/** Returns the state in words, with its reason. */
export function stateInWords(edition: Edition): string {
  const words = edition.reason ? `${edition.state} (${edition.reason})` : edition.state
  const incomplete = edition.incomplete ? ', incomplete' : ''
  const stopped = edition.stoppedReason ? `, stopped: ${edition.stoppedReason}` : ''
  return `${words}${incomplete}${stopped}`
}

/** Returns `2026-03-05 07:04 UTC`. */
export function momentInWords(at: Date): string {
  return `${at.toISOString().slice(0, 16).replace('T', ' ')} UTC`
}

/** Returns `sent 2026-03-05 07:04 UTC through resend, delivered (id …)`. */
export function sentInWords({ at, provider, providerId, fate }: Sent): string {
  const through = provider === null ? '' : ` through ${provider}`
  const reported = fate === 'none' ? 'not reported yet' : fate
  return `sent ${momentInWords(at)}${through}, ${reported}${providerId === null ? '' : ` (id ${providerId})`}`
}
