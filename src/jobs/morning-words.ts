// The morning report in words: what went out, who came and left, what comes next, and first of all
// what needs a hand. The same facts give the same words.
import type { EditionFigures } from '../delivery/account/accounting.ts'
import type { Morning } from '../delivery/account/morning.ts'
import type { ToldAlarm } from '../delivery/alarm/store.ts'
import { SUBMITTED_MIN } from '../delivery/sending/brake.ts'
import type { Report, ReportSection } from '../digest/report.ts'
import { cleanLine } from '../digest/text/text.ts'
import { briefDate, counted, grouped } from '../digest/text/words.ts'
import type { EditionKey } from '../edition/stop.ts'
import { LEAVING_REASONS } from '../subscriber/leaving.ts'
import { HOUR_MS, MINUTE_MS } from '../time.ts'
import type { DigestOutlook } from './outlook.ts'

/** An edition that is still to come; without an outlook nothing is known of it yet. */
export interface Coming extends EditionKey {
  outlook: DigestOutlook | undefined
  /** Why nothing of it will go. */
  stopped: string | null
}

/** From these shares on mailbox providers hold it against a sender. */
const MOST = 'Keep bounces below 2 % and complaints below 0.1 %.'
const LEADS_SHOWN = 3

/** Returns the report of one morning. */
export function wordReport(morning: Morning, alarms: readonly ToldAlarm[], coming: readonly Coming[]): Report {
  const submitted = sumOf(morning.editions, ({ accounts }) => accounts.submitted)
  const sent = morning.editions.length === 0 ? 'nothing was due' : `${grouped(submitted)} sent`
  const state = alarms.length === 0 ? 'all is well' : `${counted(alarms.length, 'alarm')} open`
  const first = alarms[0]
  return {
    subject: `Morning report: ${sent}, ${state}`,
    title: capital(`${sent}, ${state}`),
    preheader:
      first?.sentence ?? `${counted(morning.reading, 'reader')}, ${morning.joined} joined, ${morning.left} left.`,
    day: `${briefDate(morning.now.toISOString().slice(0, 10))}, ${hourOf(morning.now)}`,
    sections: [
      ...(alarms.length === 0 ? [] : [needsYou(alarms)]),
      ...(morning.editions.length === 0 ? [] : [sentSection(morning)]),
      ...harmSections(morning),
      readersSection(morning),
      ...coming.map(comingSection),
    ],
  }
}

function needsYou(alarms: readonly ToldAlarm[]): ReportSection {
  return { heading: 'Needs you', rows: [], sentences: alarms.map(({ sentence }) => sentence) }
}

function sentSection({ editions, slowestSeconds }: Morning): ReportSection {
  return {
    heading: 'Sent',
    rows: [
      ...editions.map((edition) => ({
        label: nameOf(edition),
        figure: `${grouped(edition.accounts.submitted)} of ${grouped(edition.accounts.due)}`,
      })),
      ...(slowestSeconds === null
        ? []
        : [{ label: 'Slowest after its hour', figure: durationInWords(slowestSeconds * 1_000) }]),
    ],
    sentences: editions.flatMap(accountInWords),
  }
}

/**
 * What came back: of the editions above, and of 7 and 30 days. Nothing where nothing was sent, and
 * one line less while all that was sent is of the last week.
 */
function harmSections({ editions, shares }: Morning): ReportSection[] {
  const sent = sumOf(editions, ({ accounts }) => accounts.submitted)
  const spans = [
    ...(sent === 0 ? [] : [{ name: 'these editions', sent, ...fatesOf(editions) }]),
    ...shares
      .filter((each, at) => each.sent > 0 && each.sent !== shares[at - 1]?.sent)
      .map((each) => ({ name: `${each.days} days`, ...each })),
  ]
  if (spans.length === 0) return []
  return [
    {
      heading: 'Bounces and complaints',
      rows: [
        ...spans.map((each) => ({ label: `Bounced, ${each.name}`, figure: shareInWords(each.bounces, each.sent) })),
        ...spans.map((each) => ({ label: `Spam, ${each.name}`, figure: shareInWords(each.complaints, each.sent) })),
      ],
      sentences: [MOST],
    },
  ]
}

function fatesOf(editions: readonly EditionFigures[]) {
  return {
    bounces: sumOf(editions, ({ fates }) => fates.bounced),
    complaints: sumOf(editions, ({ fates }) => fates.complained),
  }
}

/** Says where the others are; nothing where every email was sent. */
function accountInWords({ accounts, stopped, unresolved, ...edition }: EditionFigures): string[] {
  const { due, submitted, withheld, rejected, unknown, waiting } = accounts
  const terms = [
    `${grouped(submitted)} sent`,
    ...Object.entries(withheld).map(([reason, count]) => `${grouped(count)} withheld (${reason})`),
    ...(rejected > 0 ? [`${grouped(rejected)} rejected`] : []),
    ...(unknown > 0 ? [`${grouped(unknown)} unknown${unresolved > 0 ? ' (decide with "resolve")' : ''}`] : []),
    ...(waiting > 0 ? [`${grouped(waiting)} waiting${stopped ? ' (stopped)' : ''}`] : []),
  ]
  return terms.length === 1 ? [] : [`${nameOf(edition)}: ${grouped(due)} due = ${terms.join(' + ')}.`]
}

function readersSection({ reading, joined, left, reasons }: Morning): ReportSection {
  const labels = new Map(LEAVING_REASONS.map(({ reason, label }) => [reason, label]))
  const said = reasons.map(({ reason, count }) => `${labels.get(reason)?.toLowerCase() ?? reason} (${count})`)
  return {
    heading: 'Readers',
    rows: [
      { label: 'Reading', figure: grouped(reading) },
      { label: 'Joined in 24 hours', figure: grouped(joined) },
      { label: 'Left in 24 hours', figure: grouped(left) },
    ],
    sentences: said.length === 0 ? [] : [`Why they left: ${said.join(', ')}.`],
  }
}

function comingSection({ outlook, stopped, ...edition }: Coming): ReportSection {
  const heading = `Next: ${nameOf(edition)}`
  if (outlook === undefined || outlook.edition.places.length === 0) {
    return { heading, rows: [], sentences: ['The source lists no papers for it so far.'] }
  }
  const { emails, hours, filtered, paused, merged, leads, cutoffAt } = outlook
  const [first, last] = [hours[0], hours.at(-1)]
  return {
    heading,
    rows: [
      { label: 'Emails, by current votes', figure: grouped(emails) },
      ...(first && last ? [{ label: 'Hours', figure: spanInWords(first.at, last.at) }] : []),
      ...(filtered > 0 ? [{ label: 'No paper matches their settings', figure: grouped(filtered) }] : []),
      ...(paused > 0 ? [{ label: 'Paused', figure: grouped(paused) }] : []),
      ...(merged > 0 ? [{ label: 'Older digests merged into it', figure: grouped(merged) }] : []),
      { label: 'Votes count until', figure: hourOf(cutoffAt) },
    ],
    sentences: [
      ...(stopped === null ? [] : [`Nothing of it will go: ${stopped}.`]),
      ...leads
        .slice(0, LEADS_SHOWN)
        .map(
          ({ place, emails: count }) =>
            `Leads ${counted(count, 'email')}: ${cleanLine(place.paper.title)} (${counted(place.upvotes, 'vote')})`,
        ),
    ],
  }
}

function nameOf({ date, kind }: EditionKey): string {
  return kind === 'weekly' ? `week to ${briefDate(date)}` : briefDate(date)
}

/** Returns `05:00–23:00 UTC`, or the one hour. */
function spanInWords(first: Date, last: Date): string {
  const [from, to] = [hourOf(first), hourOf(last)]
  return from === to ? from : `${from.slice(0, 5)}–${to}`
}

/** Returns `12 (0.25 %)`, `1 of 300` where a share would say little, and `none`. */
function shareInWords(count: number, of: number): string {
  if (count === 0) return 'none'
  return of < SUBMITTED_MIN
    ? `${grouped(count)} of ${grouped(of)}`
    : `${grouped(count)} (${((count / of) * 100).toFixed(2)} %)`
}

function durationInWords(ms: number): string {
  if (ms < MINUTE_MS) return 'under a minute'
  return ms < 2 * HOUR_MS ? counted(Math.round(ms / MINUTE_MS), 'minute') : counted(Math.round(ms / HOUR_MS), 'hour')
}

/** Returns `07:04 UTC`. */
function hourOf(at: Date): string {
  return `${at.toISOString().slice(11, 16)} UTC`
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

function sumOf<Item>(list: readonly Item[], count: (item: Item) => number): number {
  return list.reduce((sum, item) => sum + count(item), 0)
}
