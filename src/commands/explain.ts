// Says why a subscriber got these papers of an edition, or why no mail: the same words that status
// counts. Reads only.

import type { Kysely } from 'kysely'
import { readConfig } from '../config.ts'
import type { Database } from '../database/schema.ts'
import type { EditionKind } from '../database/states.ts'
import { type Explained, explainEdition } from '../delivery/account/explaining.ts'
import { findTheirWeek } from '../delivery/account/history.ts'
import { getReceipt, receiptInWords } from '../delivery/account/receipt.ts'
import { findDeliveryKind } from '../delivery/store.ts'
import { counted } from '../digest/text/words.ts'
import { readTopics } from '../digest/topics/topics.ts'
import { findEdition, findNewestEdition } from '../edition/store.ts'
import type { EditionDate } from '../source/paper.ts'
import { rhythmInWords } from '../subscriber/preferences.ts'
import { findSubscriberByAddress } from '../subscriber/store.ts'
import type { Subscriber } from '../subscriber/subscriber.ts'
import { editionName, sentInWords, stateInWords } from './accounts.ts'
import { parseAddress, parseAll, parseDate } from './arguments.ts'
import { demoHint, withLook } from './session.ts'
import { openTerminal } from './terminal.ts'

/** A week holds hundreds of papers, and most are left out for the same reason: their place. */
const WEEKLY_LEFT_OUT = 10

export async function explainCommand(
  email: string,
  options: { date?: string; weekly?: boolean; json?: boolean },
): Promise<void> {
  const { address, date } = parseAll({
    address: () => parseAddress(email),
    date: () => (options.date === undefined ? undefined : parseDate(options.date)),
    settings: () => readConfig('stores'),
  })
  await withLook(async ({ config, stores }) => {
    const subscriber = await findSubscriberByAddress(stores.db, address)
    if (!subscriber) {
      throw new Error(`${address} is not a subscriber${demoHint(config)}`)
    }
    const own: EditionKind = options.weekly || subscriber.cadence === 'weekly' ? 'weekly' : 'daily'
    // What was sent before a change of cadence is of the other kind.
    const kind = options.weekly || !date ? own : ((await findDeliveryKind(stores.db, subscriber.id, date, own)) ?? own)
    const asked = date ?? (await findTheirs(stores.db, subscriber, kind, config.cutoffMinutes))
    if (!asked) throw new Error(`no ${kind} edition was frozen yet: name a date with --date${demoHint(config)}`)
    const { cutoffMinutes } = config
    const explained = await explainEdition(stores.db, subscriber, {
      date: asked,
      kind,
      cutoffMinutes,
      topics: readTopics(config.templatesDir),
    })
    const hasLeft = subscriber.consent === 'unsubscribed'
    const receipt = hasLeft ? await getReceipt(stores.db, subscriber.id) : null
    openTerminal(options).print({ ...fieldsOf(subscriber, explained, asked, kind), receipt }, [
      ...linesOf(subscriber, explained, { date: asked, kind }),
      ...(receipt ? [`To a reader who has left: ${receiptInWords(receipt, subscriber.zone)}`] : []),
    ])
  })
}

/** The newest edition; of weeks the newest that is the reader's own, where it is made. */
async function findTheirs(
  db: Kysely<Database>,
  { id, cadence }: Subscriber,
  kind: EditionKind,
  cutoffMinutes: number,
): Promise<EditionDate | undefined> {
  const week = kind === 'weekly' && cadence === 'weekly' ? await findTheirWeek(db, id, cutoffMinutes) : undefined
  if (week !== undefined && (await findEdition(db, week, kind))) return week
  return (await findNewestEdition(db, kind))?.date
}

function fieldsOf({ address }: Subscriber, explained: Explained, date: EditionDate, kind: EditionKind) {
  const { edition, outcome } = explained
  const papers = explained.papers.filter(({ selected }) => selected)
  const leftOut = explained.papers.filter(({ selected }) => !selected)
  const paper = ({ paperId, title, upvotes, sentence }: Explained['papers'][number]) => ({
    id: paperId,
    title,
    upvotes,
    reason: sentence,
  })
  return {
    address,
    date,
    kind,
    edition: edition?.state ?? null,
    outcome: outcome.kind,
    whose: outcome.kind === 'silence' ? outcome.whose : null,
    reason: outcome.kind === 'silence' ? outcome.reason : null,
    sentence: outcome.sentence,
    choicesChanged: explained.choicesChanged,
    sent: explained.sent ?? null,
    papers: papers.map(paper),
    leftOut: leftOut.map(paper),
  }
}

function linesOf(
  subscriber: Subscriber,
  explained: Explained,
  named: { date: EditionDate; kind: EditionKind },
): string[] {
  const { edition, outcome, papers } = explained
  const line = ({ title, sentence }: Explained['papers'][number]) => [
    `  ${title}`,
    `    ${sentence.replace(/^Left out: /, '')}`,
  ]
  const selected = papers.filter((paper) => paper.selected)
  const leftOut = papers.filter((paper) => !paper.selected)
  const shown = named.kind === 'weekly' ? WEEKLY_LEFT_OUT : leftOut.length
  return [
    `${subscriber.address} (${rhythmInWords(subscriber)}), ${editionName(named)}${edition ? `: ${stateInWords(edition)}` : ''}`,
    outcome.kind === 'silence' ? `No email: ${outcome.sentence}` : outcome.sentence,
    ...(explained.sent && outcome.kind === 'mail' ? [`${capital(sentInWords(explained.sent))}.`] : []),
    ...(explained.choicesChanged ? ['The settings have changed since: the reasons are by the current ones.'] : []),
    ...(selected.length > 0 ? ['', 'In the digest:', ...selected.flatMap(line)] : []),
    ...(leftOut.length > 0 ? ['', 'Left out:', ...leftOut.slice(0, shown).flatMap(line)] : []),
    ...(leftOut.length > shown
      ? [`  and ${counted(leftOut.length - shown, 'more paper')}: --json lists them all`]
      : []),
  ]
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
