// The accounts of an edition, from one snapshot of the ledger, and whatever else is not done with.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import { readConfig } from '../config.ts'
import type { Context } from '../context.ts'
import { getNow } from '../database/clock.ts'
import type { Database } from '../database/schema.ts'
import { getAccounts, getFates, listWaitingReasons } from '../delivery/account/accounting.ts'
import { listBehind } from '../delivery/account/behind.ts'
import { getHeldLeavers } from '../delivery/account/receipt.ts'
import { listAlarms } from '../delivery/alarm/store.ts'
import { findMailbox, type MailboxState } from '../delivery/bounce/store.ts'
import { type Accounts, addsUp } from '../delivery/delivery.ts'
import { listSlowHosts } from '../delivery/provider/host-paces.ts'
import { listOutProviders } from '../delivery/provider/out.ts'
import { findRampDay } from '../delivery/provider/ramp.ts'
import { readShares } from '../delivery/sending/good-name.ts'
import { getUnresolved } from '../delivery/sending/unknown.ts'
import { openConfiguredWitnesses } from '../delivery/witness/open.ts'
import { counted } from '../digest/words.ts'
import type { Edition } from '../edition/edition.ts'
import { type Growth, listGrowth } from '../edition/growth.ts'
import { findRestoredHold } from '../edition/restored.ts'
import { findStopReason, listStops } from '../edition/stop.ts'
import { findEdition, findNewestEdition, getEdition } from '../edition/store.ts'
import { listSetAside } from '../source/store.ts'
import {
  accountFields,
  accountLines,
  editionName,
  feedbackLines,
  momentInWords,
  reasonLines,
  reasonsOf,
  stateInWords,
} from './accounts.ts'
import { kindOf, parseAll, parseDate } from './arguments.ts'
import { rampLines, shareLines, slowHostLines } from './good-name.ts'
import { openPace } from './pace.ts'
import { restoredInWords } from './restored.ts'
import { demoHint, withStores } from './session.ts'
import { untilSignal } from './signal.ts'
import { behindLines, stopFields } from './stopped.ts'
import { openTerminal, type Terminal } from './terminal.ts'

interface StatusOptions {
  date?: string
  weekly?: boolean
  watch?: boolean
  growth?: boolean
  json?: boolean
}

/** Editions whose growth is told: about a month. */
const GROWTH_EDITIONS = 20
/** A bar that moves once a second is live; counting a million deliveries takes one. */
const LOOK_EVERY_MS = 1_000

export async function statusCommand(options: StatusOptions): Promise<void> {
  const kind = kindOf(options)
  const { date } = parseAll({
    date: () => (options.date === undefined ? undefined : parseDate(options.date)),
    settings: () => readConfig('stores'),
  })
  await withStores('stores', async (context) => {
    const {
      config,
      stores: { db },
    } = context
    const edition = date ? await findEdition(db, date, kind) : await findNewestEdition(db, kind)
    if (!edition && date) {
      throw new Error(`nothing is known of ${editionName({ date, kind })}: collect it first${demoHint(config)}`)
    }
    if (!edition)
      throw new Error(
        `no ${kind} edition was frozen yet: name one with --date, or run collect first${demoHint(config)}`,
      )
    const terminal = openTerminal(options)
    if (options.growth) return printGrowth(terminal, await listGrowth(db, await getNow(db), GROWTH_EDITIONS))
    if (options.watch) await watch(db, edition, terminal)
    await printStatus(context, await getEdition(db, edition.id), terminal, date === undefined)
  })
}

/**
 * Follows an edition until nothing of it waits, something stops it, or Ctrl-C ends the watching.
 */
async function watch(db: Kysely<Database>, edition: Edition, terminal: Terminal): Promise<void> {
  const signal = untilSignal()
  const pace = openPace()
  const bar = terminal.follow(`Sending ${editionName(edition)}`)
  for (;;) {
    const { due, waiting } = await getAccounts(db, edition.id)
    bar.update(due - waiting, due, pace(due - waiting, waiting, performance.now()))
    if (waiting === 0 || signal.aborted || (await findStopReason(db, edition)) !== null) break
    await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => {})
  }
  bar.end(`${editionName(edition)}, as it stands:`)
}

/**
 * `whole`: no edition was asked for, so that every other one that is not done with is named too.
 */
async function printStatus(
  { config, stores: { db }, logger, keep }: Context,
  edition: Edition,
  terminal: Terminal,
  whole: boolean,
): Promise<void> {
  const accounts = await getAccounts(db, edition.id)
  const waitingFor = await listWaitingReasons(db, edition.id)
  const out = [...(await listOutProviders(db))].map(([name, each]) => ({ name, ...each }))
  const { ramp: settings } = config.providers[0].quota
  const ramp = (settings && (await findRampDay(db, settings))) ?? null
  const domainRate = config.providers.find((each) => each.name === 'smtp')?.domainRate ?? null
  const slowHosts = await listSlowHosts(db, domainRate)
  const shares = await readShares(db)
  const fates = await getFates(db, edition.id)
  const unresolved = await getUnresolved(db, edition.id)
  const leaversHeld = await getHeldLeavers(db, edition.id)
  const stops = await listStops(db)
  const restored = await findRestoredHold(db)
  const witnesses = await keep(openConfiguredWitnesses(config, logger)).check()
  const behind = whole ? await listBehind(db) : []
  const alarms = whole ? await listAlarms(db) : []
  const mailbox = whole ? await findMailbox(db) : undefined
  const now = await getNow(db)
  const { date, kind, state, reason, incomplete, stoppedReason } = edition
  const setAside = kind === 'daily' ? (await listSetAside(db, date)).length : 0
  terminal.print(
    {
      ...{ date, kind, state, reason, incomplete, stoppedReason, setAside },
      reasons: reasonsOf(edition, accounts, now),
      ...accountFields(accounts, 0),
      waitingFor,
      ramp,
      slowHosts,
      shares,
      fates,
      unresolved,
      leaversHeld,
      providersOut: out,
      stops: stops.map(stopFields),
      restored: restored ?? null,
      witnesses,
      behind,
      alarms,
      bounces: mailbox ?? null,
    },
    [
      `${editionName(edition)}: ${stateInWords(edition)}`,
      ...(setAside > 0
        ? [`  ${counted(setAside, 'row')} could not be read and ${setAside === 1 ? 'was' : 'were'} set aside`]
        : []),
      ...accountLines(accounts),
      ...reasonLines(edition, accounts, now),
      ...feedbackLines(accounts.submitted, fates, unresolved),
      ...(leaversHeld > 0
        ? [`  ${counted(leaversHeld, 'reader')} left after the mark and may still get that one email`]
        : []),
      ...Object.entries(waitingFor).map(
        ([why, count]) => `  ${count.toLocaleString('en')} ${count === 1 ? 'waits' : 'wait'} because of: ${why}`,
      ),
      ...rampLines(ramp),
      ...slowHostLines(slowHosts),
      ...shareLines(shares),
      ...out.map((each) => `${each.name} is out ${whenBack(each.waitMs)}: ${each.reason}`),
      ...behindLines(stops, behind, edition),
      ...(restored ? [`${restoredInWords(restored)} Lift it with "resume --restored".`] : []),
      ...(mailbox === undefined ? [] : [mailboxInWords(mailbox)]),
      ...alarms.map(({ sentence }) => `Alarm: ${sentence}`),
      ...witnesses.flatMap(({ name, failure }) =>
        failure === null ? [] : [`${name} keeps no witness of what is sent, which tells a restored backup: ${failure}`],
      ),
    ],
  )
  checkSum(edition, accounts)
}

function mailboxInWords({ readAt, failedSince, failure, applied, passedOver }: MailboxState): string {
  const when = readAt === null ? 'has never been read' : `was last read at ${momentInWords(readAt)}`
  const fault = failedSince === null ? '' : `; since ${momentInWords(failedSince)} it cannot be: ${failure}`
  return `The mailbox of bounces ${when}${fault} (${counted(applied, 'report')} applied, ${counted(passedOver, 'message')} passed over)`
}

function checkSum(edition: Edition, accounts: Accounts): void {
  if (!addsUp(accounts)) throw new Error(`the accounts of ${editionName(edition)} do not add up: please report it`)
}

function whenBack(waitMs: number | null): string {
  return waitMs === null ? 'until you say "resume"' : `for ${counted(Math.ceil(waitMs / 60_000), 'minute')} more`
}

function printGrowth(terminal: Terminal, growth: readonly Growth[]): void {
  const percent = (share: number | null) => (share === null ? '–' : `${Math.round(100 * share)} %`).padStart(6)
  const mean = (of: 'share' | 'top', day: number) => {
    const known = growth.flatMap((each) => each[of][day] ?? [])
    return known.length === 0 ? null : known.reduce((sum, share) => sum + share, 0) / known.length
  }
  const line = (name: string, { share, top }: Pick<Growth, 'share' | 'top'>) =>
    `${name.padEnd(12)}${[...share, ...top].map(percent).join('')}`
  const all = { share: [0, 1, 2].map((day) => mean('share', day)), top: [0, 1, 2].map((day) => mean('top', day)) }
  terminal.print(
    { editions: growth, mean: all },
    growth.length === 0
      ? ['No edition froze two days ago or earlier: there is nothing to measure yet.']
      : [
          'Share of the votes known now, and of the final five papers within the first ten, at the freeze and one and two days later:',
          ...growth.map((each) => line(each.date, each)),
          line('all', all),
        ],
  )
}
