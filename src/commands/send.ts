// Sends one edition to everyone of its kind now, whatever their hour. Safe to repeat: who has a
// delivery of it gets no second one.
import { readConfig } from '../config.ts'
import { openConfiguredWishes, openRound, openRoundQueue } from '../context.ts'
import { getNow } from '../database/clock.ts'
import type { EditionKind } from '../database/states.ts'
import { getAccounts } from '../delivery/account/accounting.ts'
import type { Accounts } from '../delivery/delivery.ts'
import { settleAtStart } from '../delivery/sending/after-outage.ts'
import { tellStranded } from '../delivery/sending/stranded.ts'
import { grouped } from '../digest/text/words.ts'
import type { Edition } from '../edition/edition.ts'
import { type EditionKey, findStopReason } from '../edition/stop.ts'
import { findEdition } from '../edition/store.ts'
import { compileLate } from '../engine.ts'
import { keepHeapSmall } from '../heap.ts'
import { type DrainQueue, drainEdition, type Ending, handOn } from '../jobs/drain.ts'
import { openHeartbeat } from '../jobs/heartbeat.ts'
import { accountsOf, readOutlook } from '../jobs/outlook.ts'
import { openPipeline } from '../jobs/pipeline.ts'
import { planAll, rehearseAll } from '../jobs/plan.ts'
import { tellProgress } from '../jobs/progress.ts'
import { rankDay, rankWeek } from '../jobs/rank.ts'
import type { Round } from '../jobs/round.ts'
import type { EditionDate } from '../source/paper.ts'
import { findSubscriberByAddress } from '../subscriber/store.ts'
import type { Subscriber } from '../subscriber/subscriber.ts'
import {
  accountFields,
  accountLines,
  editionName,
  momentInWords,
  prunedInWords,
  stateInWords,
  unknownInWords,
} from './accounts.ts'
import { kindOf, parseAddress, parseAll, parseDate } from './arguments.ts'
import { withStores } from './session.ts'
import { untilSignal } from './signal.ts'
import { openTerminal, type Terminal } from './terminal.ts'

interface SendOptions {
  date?: string
  weekly?: boolean
  dryRun?: boolean
  only?: string
  json?: boolean
}

export async function sendCommand(options: SendOptions): Promise<void> {
  const kind = kindOf(options)
  const { date, only } = parseAll({
    date: () => parseDate(options.date),
    only: () => (options.only === undefined ? null : parseAddress(options.only)),
    settings: () => readConfig('mail'),
  })
  const terminal = openTerminal(options)
  compileLate()
  keepHeapSmall()
  // A rehearsal has nothing that must come to its end.
  const signal = options.dryRun ? new AbortController().signal : untilSignal()
  await withStores('mail', async (context) => {
    const round = await openRound(context)
    // A rehearsal must leave no trace, so it brings in no wishes, and does not freeze either.
    if (!options.dryRun) await openConfiguredWishes(context)
    if (only !== null) await getSubscriber(round, only)
    const edition = options.dryRun ? await findEdition(round.db, date, kind) : await frozenEdition(round, date, kind)
    if (options.dryRun && (edition?.state ?? 'open') === 'open')
      return rehearseOpen(round, terminal, { date, kind }, only)
    if (edition?.state !== 'frozen') {
      throw new Error(rehearsalNeeds(edition, { date, kind }, await getNow(round.db)))
    }
    if (edition.prunedAt !== null) throw new Error(prunedInWords(edition, 'send a newer one'))
    const stopped = options.dryRun ? null : await findStopReason(round.db, edition)
    if (stopped !== null) throw new Error(`nothing was sent: ${stopped}. Say "resume" first`)
    if (options.dryRun)
      return printAccounts(terminal, edition, await rehearseAll(round, edition, only), 0, wouldCome(edition))
    await tellStranded(round)
    await round.witness.compare()
    if (!context.stores.embedded) await settleAtStart(round.db, context.stores.outage)
    const queue = await openRoundQueue(context, round)
    const { dispatch, notify } = openPipeline(round, queue)
    context.keep(await openHeartbeat(round, queue, ['send']))
    if (signal.aborted) throw new Error(cutInWords(edition))
    // From here on a batch may be under way: its answer is waited for before anything is closed.
    const work = context.keep(await queue.work({ dispatch, notify }))
    const ending = { signal, work }
    const { accounts, submittedNow, ...left } = await sendEdition(round, queue, terminal, edition, only, ending)
    printAccounts(terminal, edition, accounts, submittedNow, `The accounts of ${editionName(edition)}`)
    if (left.standstill) throw new Error(`${editionName(edition)} is stuck: ${left.standstill}`)
    if (left.isCut) throw new Error(cutInWords(edition))
  })
}

function cutInWords(edition: EditionKey): string {
  return `ended before all of ${editionName(edition)} was sent: the next "send" goes on with what is left`
}

/**
 * Plans an edition for everyone (or one address) and follows it until nothing moves any more, or it
 * is told to end: whether that left anything to do is told by `isCut`. A worker must be running.
 */
export async function sendEdition(
  round: Round,
  queue: DrainQueue,
  terminal: Terminal,
  edition: Edition,
  only: string | null,
  ending?: Ending,
): Promise<{ accounts: Accounts; submittedNow: number; standstill: string | undefined; isCut: boolean }> {
  const subscriber = only === null ? undefined : await getSubscriber(round, only)
  const before = await getAccounts(round.db, edition.id)
  const working = { ...round, queue }
  let handedOn = 0
  let isCut = false
  await planAll(round, edition, only, async () => {
    handedOn = await handOn(working, edition.id, subscriber?.id ?? null, handedOn)
    ending?.signal.throwIfAborted()
  }).catch((error: unknown) => {
    // What is planned is accounted for; who is not, is found by the next one.
    if (!ending?.signal.aborted) throw error
    isCut = true
  })
  await tellProgress(round)
  const progress = terminal.follow(`Sending ${editionName(edition)}`)
  let most = 0
  const tell = (waiting: number) => {
    most = Math.max(most, waiting)
    progress.update(most - waiting, most)
  }
  const followed = await drainEdition(working, edition.id, subscriber?.id ?? null, tell, ending)
  const { accounts, standstill } = followed
  isCut ||= followed.isCut
  const submittedNow = accounts.submitted - before.submitted
  progress.end(`${editionName(edition)}: ${grouped(submittedNow)} submitted`)
  return { accounts, submittedNow, standstill, isCut }
}

/** Says what has to be done before an edition can be rehearsed. */
function rehearsalNeeds(edition: Edition | undefined, named: EditionKey, now: Date): string {
  if (!edition) return unknownInWords(named, now)
  return `${editionName(named)} cannot be rehearsed: it is ${stateInWords(edition)}`
}

/** Says what an edition would send that is not frozen: by current votes, and storing nothing. */
async function rehearseOpen(round: Round, terminal: Terminal, edition: EditionKey, only: string | null): Promise<void> {
  const outlook = await readOutlook(round, edition, { everyone: true, only })
  if (!outlook) throw new Error(unknownInWords(edition, await getNow(round.db)))
  const { state } = outlook.edition
  printAccounts(terminal, { ...edition, state }, accountsOf(outlook), 0, `${wouldCome(edition)}, by current votes`)
}

function wouldCome(edition: EditionKey): string {
  return `What would come of ${editionName(edition)}`
}

async function getSubscriber({ db }: Pick<Round, 'db'>, address: string): Promise<Subscriber> {
  const subscriber = await findSubscriberByAddress(db, address)
  if (!subscriber) throw new Error(`${address} is not a subscriber`)
  return subscriber
}

/**
 * Returns the edition, freezing it now if its clock allows. Throws with the reason when it cannot
 * be sent.
 */
async function frozenEdition(round: Round, date: EditionDate, kind: EditionKind): Promise<Edition> {
  const known = await findEdition(round.db, date, kind)
  if (known?.state === 'frozen') return known
  const edition = kind === 'daily' ? await rankDay(round, date) : await rankWeek(round, date)
  if (edition?.state === 'frozen') return edition
  if (!edition) throw new Error(unknownInWords({ date, kind }, await getNow(round.db)))
  if (edition.state === 'open') {
    const until = momentInWords(edition.cutoffAt)
    throw new Error(`${editionName(edition)} cannot be sent before ${until}: votes count until then. Try --dry-run`)
  }
  throw new Error(`${editionName(edition)} cannot be sent: it is ${stateInWords(edition)}`)
}

function printAccounts(
  terminal: Terminal,
  edition: Pick<Edition, 'date' | 'kind' | 'state'>,
  accounts: Accounts,
  submittedNow: number,
  heading: string,
): void {
  const { date, kind, state } = edition
  terminal.print({ date, kind, state, ...accountFields(accounts, submittedNow) }, [
    `${heading}${submittedNow > 0 ? ` (${grouped(submittedNow)} submitted now)` : ''}:`,
    ...accountLines(accounts),
  ])
}
