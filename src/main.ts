// Runs the asked-for roles until told to stop.
import type { Config } from './config.ts'
import { type Context, openConfiguredWishes, openRound, openRoundQueue, untilAborted, withContext } from './context.ts'
import { pruneMailbox } from './delivery/bounce/store.ts'
import { settleAtStart } from './delivery/sending/after-outage.ts'
import { tellStranded } from './delivery/sending/stranded.ts'
import { EARLIER_ADDRESS_REMEDY, findEarlierAddress, sayEarlierAddress } from './digest/piece/earlier-address.ts'
import { getArchiveVersion } from './edition/archive.ts'
import { describeError } from './errors.ts'
import { keepHeapSmall } from './heap.ts'
import { openAlarms } from './jobs/alarms.ts'
import { openAwayAlarm } from './jobs/away.ts'
import { openBounceReader } from './jobs/bounces.ts'
import { openHeartbeat } from './jobs/heartbeat.ts'
import { openMorning } from './jobs/morning.ts'
import { handingOn, openPipeline } from './jobs/pipeline.ts'
import type { Queue } from './jobs/queue/queue.ts'
import type { Round } from './jobs/round.ts'
import { openApartLook } from './jobs/settings-apart.ts'
import { getTickAgeMs } from './jobs/tick.ts'
import type { Logger } from './logger.ts'
import type { WishDesk } from './subscriber/journal/desk.ts'
import { ensureLinkKey } from './subscriber/link-key.ts'
import { VERSION } from './version.ts'
import { createApp } from './web/app.ts'
import { type Metrics, openMetrics } from './web/operator/metrics.ts'
import { createMetricsApp } from './web/operator/metrics-app.ts'
import { openTallies } from './web/operator/tallies.ts'
import { listen } from './web/server.ts'
import { limitPeers } from './web/visit/peers.ts'

export const ROLES = ['web', 'worker', 'scheduler'] as const
export type Role = (typeof ROLES)[number]

/**
 * The scheduler's own timer: re-asserts the tick, and ticks by itself when the queue has forgotten
 * to.
 */
const WATCH_EVERY_MS = 30_000
const TICK_LATE_MS = 90_000

export interface StartOptions {
  /** LINK_SECRET was changed on purpose: links signed with what it was before may die. */
  newSecret?: boolean
}

/**
 * Runs the roles until `signal` aborts, also amid opening them: nothing more is opened then.
 * Returns when everything is closed. Throws a UsageError when it cannot start.
 */
export async function start(
  config: Config,
  roles: readonly Role[],
  logger: Logger,
  signal: AbortSignal,
  options: StartOptions = {},
): Promise<void> {
  try {
    await withContext(config, logger, async (opened) => {
      const context = openedUntil(signal, opened)
      await openRoles(context, roles, options)
      const { embedded } = context.stores
      logger.info(
        { event: 'started', version: VERSION, node: process.version, roles, embedded },
        'paper-round was started',
      )
      await untilAborted(signal)
    })
  } catch (error) {
    if (!signal.aborted || error !== signal.reason) throw error
  } finally {
    logger.info({ event: 'stopped' }, 'paper-round was stopped')
  }
}

/** Opens no more after `signal`: what was opened last is closed with all that came before. */
function openedUntil(signal: AbortSignal, context: Context): Context {
  return {
    ...context,
    keep(thing) {
      context.keep(thing)
      signal.throwIfAborted()
      return thing
    },
  }
}

async function openRoles(context: Context, roles: readonly Role[], { newSecret = false }: StartOptions): Promise<void> {
  const { config, logger, keep } = context
  if (roles.includes('worker')) keepHeapSmall()
  const tallies = openTallies(roles)
  const opened = await openRound(context)
  // What a host has written may be refused: at the start, not at tomorrow's cut-off.
  if (config.templatesDir !== undefined) await Promise.all([opened.templates(), opened.reportTemplate()])
  const [first, ...others] = opened.providers
  const providers = [tallies.countRequests(first), ...others.map(tallies.countRequests)] as const
  const round: Round = { ...opened, providers }
  const wishes = tallies.countLeaving(await openConfiguredWishes(context))
  // A website that keeps no wishes would promise what an outage breaks.
  if (roles.includes('web')) await wishes.check()
  await ensureLinkKey(round.db, round.linkKeys, { isNew: newSecret })
  await tellEarlierAddress(round)
  if (roles.includes('worker')) await tellStranded(round)
  // Whoever takes no jobs puts some: what a page makes must not wait for the next sweep.
  const isWebAlone = !roles.includes('worker') && !roles.includes('scheduler')
  if (!isWebAlone) await round.witness.compare()
  // The embedded database starts with its processes, and takes no wishes without them.
  if (!context.stores.embedded) await settleAtStart(round.db, context.stores.outage)
  const queue = await openRoundQueue(context, round, { mayWait: isWebAlone })
  const { alarms: settings, stateDir, dataDir } = config
  const morningHour = config.reportHour
  const sends = roles.includes('worker')
  const alarms = openAlarms({ round, queue, settings, sends, folders: [stateDir, dataDir], morningHour })
  const morning = openMorning({ round, operatorEmail: settings.operatorEmail, sends, hour: morningHour })
  const lookAway = openAwayAlarm({ round, outage: context.stores.outage, settings })
  const pipeline = tallies.countFailures(openPipeline(round, queue, [alarms, morning]))
  const metrics = openMetrics({ db: round.db, queue, tallies, providers: providers.map(({ name }) => name), logger })
  await openMetricsPort(context, metrics)
  // Kept before the work, so that it beats until the last of it has ended.
  if (!isWebAlone) {
    keep(
      await openHeartbeat(
        round,
        queue,
        roles.filter((role) => role !== 'web'),
      ),
    )
  }
  if (sends) keep(await queue.work(pipeline))
  if (roles.includes('scheduler'))
    keep(watchTick(queue, round, { tickHere: () => pipeline.tick({ name: 'tick' }), lookAway }))
  if (roles.includes('scheduler')) await openBounces(context, round, wishes)
  if (!roles.includes('web')) return
  const { publicUrl, templatesDir, trustedProxy, webhookSecrets, metricsTokens } = config
  const web = { publicUrl, templatesDir, trustedProxy, webhookSecrets, metricsTokens, metrics }
  const app = createApp({
    ...round,
    ...handingOn(queue),
    ...web,
    wishes,
    checkQueue: queue.check,
    readVersion: () => getArchiveVersion(context.stores.pageDb),
    db: context.stores.pageDb,
  })
  const address = { port: config.port, hostname: config.host, admit: limitPeers(trustedProxy) }
  const server = keep(await listen(app, address))
  logger.info({ event: 'web.listening', url: server.url }, 'the website was opened')
  // Whatever holds the certificate can be gone around then.
  if (config.host === undefined && publicUrl.startsWith('https:')) {
    logger.warn(
      { event: 'web.open', port: config.port },
      'PORT is open without TLS on every interface of this machine: set HOST=127.0.0.1 where the proxy is on this machine, or HOST=0.0.0.0 where it must be so',
    )
  }
}

/** Warns where PUBLIC_URL has changed and digests that lead to the one before may still go. */
async function tellEarlierAddress({ db, host, latenessMs, logger }: Round): Promise<void> {
  const earlier = await findEarlierAddress(db, host.publicUrl, latenessMs)
  if (!earlier) return
  const words = `${sayEarlierAddress(earlier)}: ${EARLIER_ADDRESS_REMEDY}`
  logger.warn({ event: 'address.changed', earlier: earlier.address, until: earlier.until }, words)
}

/** Reads the mailbox of bounces, where one is named; else what is known of one is forgotten. */
async function openBounces({ config, keep }: Context, round: Round, { note }: Pick<WishDesk, 'note'>): Promise<void> {
  if (config.bounces === null) return pruneMailbox(round.db)
  const { db, linkKeys, logger } = round
  keep(openBounceReader({ db, linkKeys, logger, note, ...config.bounces }))
}

/** Answers /metrics and /healthz on a port of their own, whatever the roles. */
async function openMetricsPort({ config, logger, keep }: Context, metrics: Metrics): Promise<void> {
  if (config.metricsPort === undefined) return
  const app = createMetricsApp(metrics, config.metricsTokens)
  const server = keep(await listen(app, { port: config.metricsPort, hostname: config.host, setting: 'METRICS_PORT' }))
  logger.info({ event: 'metrics.listening', url: server.url }, 'the metrics were opened')
}

/** Keeps the round ticking whatever happens to the queue. */
function watchTick(
  queue: Queue,
  round: Round,
  { tickHere, lookAway }: { tickHere(): Promise<void>; lookAway(): Promise<void> },
): { close(): Promise<void> } {
  let running: Promise<void> = Promise.resolve()
  const lookApart = openApartLook(round)
  const attempt = async (event: string, words: string, work: () => Promise<void>) => {
    try {
      await work()
    } catch (error) {
      round.logger.warn({ event, reason: describeError(error) }, words)
    }
  }
  const look = async () => {
    await attempt('tick.unasserted', 'the queue could not be asked to tick', () => queue.assertTick())
    await attempt('tick.failed', 'a tick of our own failed', async () => {
      if ((await getTickAgeMs(round)) > TICK_LATE_MS) await tickHere()
    })
    await attempt('settings.unseen', 'whether all processes have the same settings was not seen', lookApart)
    await lookAway()
  }
  running = look()
  const timer = setInterval(() => {
    running = running.then(look)
  }, WATCH_EVERY_MS)
  return {
    async close() {
      clearInterval(timer)
      await running
    },
  }
}
