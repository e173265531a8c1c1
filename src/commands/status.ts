// The accounts of an edition, from one snapshot of the ledger, and whatever else is not done with.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import { readConfig } from '../config.ts'
import type { Context } from '../context.ts'
import { getNow } from '../database/clock.ts'
import { READ_ONLY_WORDS, tryWriting } from '../database/inspecting.ts'
import type { Database } from '../database/schema.ts'
import type { EditionKind } from '../database/states.ts'
import { findPutOffUntil, getAccounts, getFates, listWaitingReasons, NO_FATES } from '../delivery/account/accounting.ts'
import { listBehind } from '../delivery/account/behind.ts'
import { getHeldLeavers } from '../delivery/account/receipt.ts'
import { listAlarms } from '../delivery/alarm/store.ts'
import { findMailbox, type MailboxState } from '../delivery/bounce/store.ts'
import { type Accounts, addsUp } from '../delivery/delivery.ts'
import { listSlowHosts } from '../delivery/provider/host-paces.ts'
import { listOutProviders } from '../delivery/provider/out.ts'
import { findRampDay } from '../delivery/provider/ramp.ts'
import { readShares } from '../delivery/sending/good-name.ts'
import { listApart, sayApart } from '../delivery/sending/heartbeats.ts'
import { getUnresolved } from '../delivery/sending/unknown.ts'
import { openConfiguredWitnesses } from '../delivery/witness/open.ts'
import { counted, grouped } from '../digest/text/words.ts'
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
  unknownInWords,
} from './accounts.ts'
import { kindOf, parseAll, parseDate } from './arguments.ts'
import { rampLines, shareLines, slowHostLines } from './good-name.ts'
import { openPace } from './pace.ts'
import { restoredInWords } from './restored.ts'
import { demoHint, withLook } from './session.ts'
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
  await withLook(async (context) => {
    const {
      config,
      stores: { db },
    } = context
    const edition = date ? await findEdition(db, date, kind) : await findNewestEdition(db, kind)
    if (!edition && date) {
      throw new Error(unknownInWords({ date, kind }, await getNow(db)) + demoHint(config))
    }
    const terminal = openTerminal(options)
    if (options.growth) return printGrowth(terminal, await listGrowth(db, await getNow(db), GROWTH_EDITIONS))
    if (options.watch && edition) await watch(db, edition, terminal)
    const shown = edition && (await getEdition(db, edition.id))
    await printStatus(context, shown ?? { kind }, terminal, date === undefined)
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

/** What is told of a host who has no edition yet: what is stopped or wrong counts all the same. */
interface NoEdition {
  kind: EditionKind
}

/**
 * `whole`: no edition was asked for, so that every other one that is not done with is named too.
 */
async function printStatus(
  { config, stores: { db }, logger, keep }: Context,
  edition: Edition | NoEdition,
  terminal: Terminal,
  whole: boolean,
): Promise<void> {
  const own = 'id' in edition ? await tellEdition(db, edition) : tellNone(edition, demoHint(config))
  const out = [...(await listOutProviders(db))].map(([name, each]) => ({ name, ...each }))
  const { ramp: settings } = config.providers[0].quota
  const ramp = (settings && (await findRampDay(db, settings))) ?? null
  const domainRate = config.providers.find((each) => each.name === 'smtp')?.domainRate ?? null
  const slowHosts = await listSlowHosts(db, domainRate)
  const shares = await readShares(db)
  const stops = await listStops(db)
  const restored = await findRestoredHold(db)
  const cause = await tryWriting(db)
  const readOnly = cause && READ_ONLY_WORDS[cause]
  const witnesses = await keep(openConfiguredWitnesses(config, logger)).check()
  const apart = await listApart(db)
  const behind = whole ? await listBehind(db) : []
  const alarms = whole ? await listAlarms(db) : []
  const mailbox = whole ? await findMailbox(db) : undefined
  terminal.print(
    {
      ...own.fields,
      ramp,
      slowHosts,
      shares,
      providersOut: out,
      stops: stops.map(stopFields),
      restored: restored ?? null,
      readOnly,
      witnesses,
      apart,
      behind,
      alarms,
      bounces: mailbox ?? null,
    },
    [
      ...own.lines,
      ...(readOnly ? [`${readOnly.says}, so nothing is planned or sent: ${readOnly.remedy}.`] : []),
      ...rampLines(ramp),
      ...slowHostLines(slowHosts),
      ...shareLines(shares),
      ...out.map((each) => `${each.name} is out ${whenBack(each.waitMs)}: ${each.reason}`),
      ...behindLines(stops, behind, 'id' in edition ? edition : undefined),
      ...(restored ? [`${restoredInWords(restored)} Lift it with "resume --restored".`] : []),
      ...(mailbox === undefined ? [] : [mailboxInWords(mailbox)]),
      ...apart.map((each) => `${sayApart(each)}.`),
      ...alarms.map(({ sentence }) => `Alarm: ${sentence}`),
      ...witnesses.flatMap(({ name, failure }) =>
        failure === null ? [] : [`${name} keeps no witness of what is sent, which tells a restored backup: ${failure}`],
      ),
    ],
  )
  own.check()
}

/** `check` comes last: whoever asks sees the accounts, also where they do not add up. */
interface Told {
  fields: object
  lines: string[]
  check(): void
}

async function tellEdition(db: Kysely<Database>, edition: Edition): Promise<Told> {
  const accounts = await getAccounts(db, edition.id)
  const waitingFor = await listWaitingReasons(db, edition.id)
  const putOffUntil = await findPutOffUntil(db, edition.id)
  const fates = await getFates(db, edition.id)
  const unresolved = await getUnresolved(db, edition.id)
  const leaversHeld = await getHeldLeavers(db, edition.id)
  const now = await getNow(db)
  const { date, kind, state, reason, incomplete, stoppedReason } = edition
  const setAside = kind === 'daily' ? (await listSetAside(db, date)).length : 0
  return {
    fields: {
      ...{ date, kind, state, reason, incomplete, stoppedReason, setAside },
      reasons: reasonsOf(edition, accounts, now),
      ...accountFields(accounts, 0),
      ...{ waitingFor, putOffUntil, fates, unresolved, leaversHeld },
    },
    lines: [
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
        ([why, count]) => `  ${grouped(count)} ${count === 1 ? 'waits' : 'wait'} because of: ${why}`,
      ),
      ...(putOffUntil === null
        ? []
        : [
            `  put off to the readers' own hours, the first to ${momentInWords(putOffUntil)} unless they change theirs`,
          ]),
    ],
    check: () => checkSum(edition, accounts),
  }
}

/** The fields are those of an edition, so that whoever reads them needs no other shape. */
function tellNone({ kind }: NoEdition, hint: string): Told {
  const nothing = { due: 0, submitted: 0, withheld: {}, rejected: 0, unknown: 0, waiting: 0 }
  return {
    fields: {
      ...{ date: null, kind, state: null, reason: null, incomplete: false, stoppedReason: null, setAside: 0 },
      reasons: {},
      ...accountFields(nothing, 0),
      ...{ waitingFor: {}, putOffUntil: null, fates: NO_FATES, unresolved: 0, leaversHeld: 0 },
    },
    lines: [`No ${kind} edition was frozen yet: "start" collects and freezes, "collect" looks at one date${hint}.`],
    check: () => {},
  }
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
