// Opens what a round needs, in order, and runs the asked-for roles until told to stop; stopping
// goes the same way back.
import type { Config } from './config.ts'
import { openStores, type Stores } from './database/stores.ts'
import { openProviders } from './delivery/providers.ts'
import { LEASE_MS } from './delivery/sending/once.ts'
import { listUnsettledKeyIds } from './delivery/sending/unknown.ts'
import { type Host, loadTemplates } from './digest/rendering.ts'
import { describeError, UsageError } from './errors.ts'
import { notifyJob, openPipeline } from './jobs/pipeline.ts'
import { openQueue, type Queue } from './jobs/queue/queue.ts'
import type { Round } from './jobs/round.ts'
import { getTickAgeMs } from './jobs/tick.ts'
import type { Logger } from './logger.ts'
import { openSource } from './source/daily-papers.ts'
import { userAgentFor } from './source/daily-papers-http.ts'
import type { Source } from './source/paper.ts'
import { deriveLinkKeys } from './subscriber/token.ts'
import { createApp, type WebDependencies } from './web/app.ts'
import { listen } from './web/server.ts'

export const ROLES = ['web', 'worker', 'scheduler'] as const
export type Role = (typeof ROLES)[number]

/**
 * The scheduler's own timer: re-asserts the tick, and ticks by itself when the queue has forgotten
 * to.
 */
const WATCH_EVERY_MS = 30_000
const TICK_LATE_MS = 90_000

/** Opens everything a job works with, on stores that are already open. */
export async function openRound(config: Config, stores: Stores, logger: Logger, source?: Source): Promise<Round> {
  return {
    db: stores.db,
    source: source ?? openConfiguredSource(config, logger),
    providers: openProviders(config),
    templates: await loadTemplates(config.templatesDir),
    host: hostOf(config),
    linkKeys: deriveLinkKeys(config.linkSecrets),
    cutoffMinutes: config.cutoffMinutes,
    latenessMs: config.latenessMs,
    leaseMs: LEASE_MS,
    logger,
  }
}

/**
 * Opens a source (the configured one unless named), asking in the host's name: whoever is asked can
 * see who asks.
 */
export function openConfiguredSource(config: Config, logger: Logger, setting = config.source): Source {
  return openSource(setting, { logger, userAgent: userAgentFor(config.publicUrl) })
}

/** Returns what mails say of who sends them. */
export function hostOf({ publicUrl, mailFrom, postalAddress, unsubscribeMailto }: Config): Host {
  return { publicUrl, mailFrom, postalAddress, unsubscribeMailto }
}

/** Opens the queue that belongs to these stores. */
export function openRoundQueue(
  config: Config,
  stores: Stores,
  { providers }: Pick<Round, 'providers'>,
  logger: Logger,
): Promise<Queue> {
  return openQueue({
    redisUrl: config.redisUrl,
    databaseUrl: stores.databaseUrl,
    prefix: config.schema === 'public' ? undefined : config.schema,
    providers,
    logger,
  })
}

/** Returns how pages hand on what they made. */
export function queueing(queue: Pick<Queue, 'put'>): Pick<WebDependencies, 'queueNotice' | 'queueWelcome'> {
  return {
    queueNotice: (noticeId) => queue.put([notifyJob(noticeId)]),
    queueWelcome: () => queue.put([{ name: 'plan' }]),
  }
}

/** Ends what the providers keep open, after the last dispatch. */
export async function closeProviders({ providers }: Pick<Round, 'providers'>): Promise<void> {
  await Promise.all(providers.map((provider) => provider.close?.()))
}

/**
 * Refuses to run without a key that mails on their way were signed with: their bytes could not be
 * built again.
 */
export async function assertKeyRing(round: Pick<Round, 'db' | 'linkKeys'>): Promise<void> {
  const missing = (await listUnsettledKeyIds(round.db)).filter((id) => !round.linkKeys.byId.has(id))
  if (missing.length === 0) return
  throw new UsageError(
    'LINK_SECRET lacks a secret with which mails still on their way were signed: add the old one behind the new, separated by a comma',
  )
}

/**
 * Runs the roles until `signal` aborts. Returns when everything is closed. Throws a UsageError when
 * it cannot start.
 */
export async function start(
  config: Config,
  roles: readonly Role[],
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  const closing: (() => Promise<unknown>)[] = []
  try {
    const stores = await openStores(config, logger)
    closing.push(() => stores.close())
    const round = await openRound(config, stores, logger)
    closing.push(() => closeProviders(round))
    await assertKeyRing(round)
    // Whoever takes no jobs puts some: what a page makes must not wait for the next sweep.
    const queue = await openRoundQueue(config, stores, round, logger)
    closing.push(() => queue.close())
    if (roles.includes('worker') || roles.includes('scheduler')) {
      const pipeline = openPipeline(round, queue)
      if (roles.includes('worker')) {
        const work = await queue.work(pipeline)
        closing.push(() => work.close())
      }
      if (roles.includes('scheduler')) {
        const stop = watchTick(queue, round, () => pipeline.tick({ name: 'tick' }))
        closing.push(stop)
      }
    }
    if (roles.includes('web')) {
      const { publicUrl, templatesDir, trustedProxy, webhookSecrets, operatorToken } = config
      const settings = { publicUrl, templatesDir, trustedProxy, webhookSecrets, operatorToken }
      const app = createApp({ ...round, ...queueing(queue), ...settings, queue })
      const server = await listen(app, { port: config.port })
      closing.push(() => server.close())
      logger.info({ event: 'web.listening', url: server.url }, 'the web surface was opened')
    }
    logger.info({ event: 'started', roles, embedded: stores.embedded }, 'paper-round was started')
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve()
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
  } finally {
    for (const close of closing.reverse()) {
      await close().catch((error: unknown) =>
        logger.error({ event: 'stop.failed', reason: describeError(error) }, 'something did not close'),
      )
    }
    logger.info({ event: 'stopped' }, 'paper-round was stopped')
  }
}

/** Keeps the round ticking whatever happens to the queue. Returns what stops it. */
function watchTick(queue: Queue, round: Round, tickHere: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> = Promise.resolve()
  const look = async () => {
    try {
      await queue.assertTick()
    } catch (error) {
      round.logger.warn(
        { event: 'tick.unasserted', reason: describeError(error) },
        'the queue could not be asked to tick',
      )
    }
    try {
      if ((await getTickAgeMs(round)) > TICK_LATE_MS) await tickHere()
    } catch (error) {
      round.logger.warn({ event: 'tick.failed', reason: describeError(error) }, 'a tick of our own failed')
    }
  }
  running = look()
  const timer = setInterval(() => {
    running = running.then(look)
  }, WATCH_EVERY_MS)
  return async () => {
    clearInterval(timer)
    await running
  }
}
