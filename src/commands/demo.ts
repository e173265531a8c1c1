// One whole round on sample data, for everyone to look at: collect, rank, plan, dispatch, and the
// mails on the website.
import { relative } from 'node:path'
import { type Config, readConfig, stateBeside } from '../config.ts'
import { type Context, openConfiguredSource, openRound, openRoundQueue, untilAborted, withContext } from '../context.ts'
import { type Accounts, sumAccounts } from '../delivery/delivery.ts'
import { counted } from '../digest/text/words.ts'
import type { Edition } from '../edition/edition.ts'
import { findEdition } from '../edition/store.ts'
import { UsageError } from '../errors.ts'
import { collect } from '../jobs/collect.ts'
import { openHeartbeat } from '../jobs/heartbeat.ts'
import { handingOn, openPipeline } from '../jobs/pipeline.ts'
import type { Queue } from '../jobs/queue/queue.ts'
import { rankDay, rankWeek } from '../jobs/rank.ts'
import type { Round } from '../jobs/round.ts'
import { type Logger, openLogger } from '../logger.ts'
import type { EditionDate, Source } from '../source/paper.ts'
import { openSampleSource, SAMPLE_DATES } from '../source/sample.ts'
import { findSubscriberByAddress, insertSubscribers, markPaused } from '../subscriber/store.ts'
import { createApp } from '../web/app.ts'
import { listen } from '../web/server.ts'
import { accountFields, accountLines, editionName } from './accounts.ts'
import { parseAll, parseDate, parseSource, parseWhole } from './arguments.ts'
import { CALL } from './calling.ts'
import { PAUSED, SAMPLE_COUNT, sampleSubscribers } from './sample-subscribers.ts'
import { sendEdition } from './send.ts'
import { demoDirectory } from './session.ts'
import { untilSignal } from './signal.ts'
import { openTerminal, type Terminal } from './terminal.ts'

interface DemoOptions {
  date?: string
  source?: string
  subscribers?: string
  exit?: boolean
  json?: boolean
}

/** Everybody may know it: the demo's links open nothing but the demo. */
const DEMO_SECRET = 'the demo of paper-round signs its links with this sentence'
const SUBSCRIBERS_MAX = 1_000_000
const SUBSCRIBERS_A_STEP = 2_000

/** What the demo looks at, in order: a date as a source has it at that point. */
interface Step {
  date: EditionDate
  source: Source
  /** Makes the week that ends here too. */
  weekly: boolean
}

/**
 * What stands in for this process's signals, port and terminal while somebody works on the program.
 */
export interface DemoSurroundings {
  signal?: AbortSignal
  listen?: typeof listen
  terminal?: Terminal
}

export async function demoCommand(options: DemoOptions, around: DemoSurroundings = {}): Promise<void> {
  const { subscribers = String(SAMPLE_COUNT) } = options
  const { count, config } = parseAll({
    count: () => parseWhole('--subscribers', subscribers, 1, SUBSCRIBERS_MAX),
    date: () => options.date === undefined || parseDemoDate(options.date, options.source),
    source: () => parseSource(options.source),
    config: demoConfig,
  })
  const logger = openLogger(config.logLevel ?? 'warn')
  const terminal = around.terminal ?? openTerminal(options)
  const steps = stepsOf(options, config, logger)
  const signal = around.signal ?? untilSignal()
  terminal.say(
    `Opening ${config.databaseUrl ? 'the named stores, in the schema demo' : `embedded stores in ${show(config.dataDir)}`} …`,
  )
  await withContext(config, logger, async (context) => {
    const round = await openRound(context, steps[0].source)
    const outside = round.providers.find((provider) => provider.reachesRealWorld)
    if (outside) {
      throw new UsageError(
        `the demo does not send through ${outside.name} to the real world: leave MAIL_PROVIDER out, or name a stand-in on loopback`,
      )
    }
    const queue = await openRoundQueue(context, round)
    // Its worker stays: whoever signs up on the page gets the mails of it, in the outbox.
    const { dispatch, notify, plan } = openPipeline(round, queue)
    context.keep(await openHeartbeat(round, queue, ['send']))
    context.keep(await queue.work({ dispatch, notify }))
    const handing = { ...handingOn(queue), queueWelcome: () => plan({ name: 'plan' }) }
    // Opened before the round, so that a port in use costs nobody a round.
    const url = options.exit ? undefined : await openWeb(context, round, handing, around.listen ?? listen)
    await addSubscribers(round, count, terminal)
    summarize(terminal, config, await runRound(round, queue, steps, terminal), url)
    if (url) await untilAborted(signal)
  })
}

async function openWeb(
  { config, stores, keep }: Context,
  round: Round,
  handing: ReturnType<typeof handingOn>,
  open: typeof listen,
): Promise<string> {
  const { publicUrl, trustedProxy, templatesDir } = config
  const outboxDirectory = outboxOf(config)
  const outbox = outboxDirectory === undefined ? {} : { outboxDirectory }
  const app = createApp({ ...round, ...handing, publicUrl, trustedProxy, templatesDir, ...outbox, db: stores.pageDb })
  return keep(await open(app, { port: config.port, hostname: 'localhost' })).url
}

/** The folder that mails are written to, if they are. */
function outboxOf({ providers }: Config): string | undefined {
  const outbox = providers.find((settings) => settings.name === 'outbox')
  return outbox?.directory
}

/**
 * On named stores the demo keeps to a schema and prefix of its own; embedded ones get a folder of
 * their own.
 */
function demoConfig(): Config {
  const config = readConfig('mail', { LINK_SECRET: DEMO_SECRET })
  const dataDir = demoDirectory(config)
  return config.databaseUrl ? { ...config, schema: 'demo' } : { ...config, dataDir, stateDir: stateBeside(dataDir) }
}

/** Throws a UsageError for a day of which the demo could show nothing. */
function parseDemoDate(text: string, source: string | undefined): EditionDate {
  const date = parseDate(text)
  if (source !== undefined || SAMPLE_DATES.includes(date)) return date
  throw new UsageError(`--date ${date}: the sample has ${SAMPLE_DATES.join(' and ')} alone; name another --source`)
}

/**
 * The two sample days, the first looked at again before the second is ranked: so votes have moved
 * and papers have come.
 */
function stepsOf(options: DemoOptions, config: Config, logger: Logger): [Step, ...Step[]] {
  if (options.date === undefined && options.source === undefined) {
    const [first, second] = SAMPLE_DATES
    const later = openSampleSource({ later: true })
    return [
      { date: first, source: openSampleSource({ later: false }), weekly: false },
      { date: second, source: later, weekly: true },
    ]
  }
  const date = options.date === undefined ? SAMPLE_DATES[1] : parseDate(options.date)
  const source =
    options.source === undefined
      ? openSampleSource({ later: true })
      : openConfiguredSource({ config, logger }, options.source)
  return [{ date, source, weekly: true }]
}

async function addSubscribers(round: Round, count: number, terminal: Terminal): Promise<void> {
  const progress = terminal.follow('Adding sample subscribers')
  for (let from = 1; from <= count; from += SUBSCRIBERS_A_STEP) {
    const to = Math.min(count, from + SUBSCRIBERS_A_STEP - 1)
    await insertSubscribers(round.db, sampleSubscribers(from, to))
    progress.update(to, count)
  }
  for (const { address, until } of PAUSED) {
    const subscriber = await findSubscriberByAddress(round.db, address)
    if (subscriber && subscriber.pausedUntil === null) await markPaused(round.db, subscriber.id, until)
  }
  progress.end(counted(count, 'sample subscriber'))
}

interface Sent {
  editions: { edition: Edition; accounts: Accounts; submittedNow: number }[]
}

async function runRound(round: Round, queue: Queue, steps: readonly Step[], terminal: Terminal): Promise<Sent> {
  const editions: Sent['editions'] = []
  const seen: EditionDate[] = []
  for (const { date, source, weekly } of steps) {
    // Earlier dates are read again before each freeze: that is where late risers come from.
    const known = await findEdition(round.db, date, 'daily')
    if (known?.state === 'frozen') terminal.say(`${editionName(known)} is frozen already`)
    else for (const earlier of [...seen, date]) await look(round, source, earlier, terminal)
    seen.push(date)
    const frozen = [await rankDay(round, date), weekly ? await rankWeek(round, date) : undefined]
    for (const edition of frozen) {
      if (edition?.state !== 'frozen') {
        if (edition)
          terminal.say(`${editionName(edition)} is ${edition.state}: ${edition.reason ?? 'votes still count'}`)
        continue
      }
      editions.push({ edition, ...(await sendEdition(round, queue, terminal, edition, null)) })
    }
  }
  return { editions }
}

async function look(round: Round, source: Source, date: EditionDate, terminal: Terminal): Promise<void> {
  const known = await findEdition(round.db, date, 'daily')
  const { verdict, listed } = await collect({ ...round, source }, date)
  const why = verdict.kind === 'complete' ? '' : ` (${verdict.reason})`
  terminal.say(`${known ? 'Looked again at' : 'Collected'} ${date}: ${counted(listed, 'paper')}, ${verdict.kind}${why}`)
}

function summarize(terminal: Terminal, config: Config, { editions }: Sent, url: string | undefined): void {
  const accounts = sumAccounts(editions.map((each) => each.accounts))
  const submittedNow = editions.reduce((sum, each) => sum + each.submittedNow, 0)
  const outbox = outboxOf(config)
  const lines = [
    '',
    ...editions.map(
      (each) =>
        `${editionName(each.edition)}: ${each.accounts.submitted} of ${each.accounts.due} due submitted, ${each.submittedNow} of them now`,
    ),
    'All together:',
    ...accountLines(accounts),
    ...(submittedNow === 0 && accounts.submitted > 0 ? ['Everything was already submitted: nothing was sent.'] : []),
    '',
    ...(outbox ? [`The emails are in ${show(outbox)}/<date>-<kind>/, one .eml each.`] : []),
    ...(config.databaseUrl
      ? []
      : [
          `Ask more with DATA_DIR=${show(config.dataDir)} ${CALL} status --date ${editions.at(-1)?.edition.date ?? SAMPLE_DATES[1]}`,
        ]),
    ...(url ? [`Open ${url}${outbox ? '/outbox' : ''} to look at them; Ctrl-C ends the demo.`] : []),
  ]
  terminal.print(
    {
      ...accountFields(accounts, submittedNow),
      editions: editions.map((each) => ({
        date: each.edition.date,
        kind: each.edition.kind,
        ...accountFields(each.accounts, each.submittedNow),
      })),
      outbox,
      url: url ?? null,
    },
    lines,
  )
}

/** Short where it is inside this folder, whole elsewhere. */
function show(path: string): string {
  const short = relative(process.cwd(), path)
  return short === '' || short.startsWith('..') ? path : short
}
