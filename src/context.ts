// Builds every long-lived thing once, in order, and closes it in reverse, whatever happens in
// between: the stores, what a round works with, the queue, and whatever else a command opens. Each
// part is loaded when it is opened: asking for the status must not wait for the queue's code.
import { randomUUID } from 'node:crypto'
import type { Config } from './config.ts'
import { getDatabaseId } from './database/inspecting.ts'
import { openStores, type Stores } from './database/stores.ts'
import type { Paces } from './delivery/pace/paces.ts'
import type { Provider } from './delivery/provider/provider.ts'
import { LEASE_MS } from './delivery/sending/once.ts'
import { listUnsettledKeyIds } from './delivery/sending/unknown.ts'
import type { Watch } from './delivery/witness/watch.ts'
import type { Host } from './digest/rendering.ts'
import { describeError, UsageError } from './errors.ts'
import type { Queue } from './jobs/queue/queue.ts'
import { type Round, SLICE_SIZES } from './jobs/round.ts'
import type { Logger } from './logger.ts'
import { openSource } from './source/daily-papers.ts'
import { userAgentFor } from './source/daily-papers-http.ts'
import type { Source } from './source/paper.ts'
import { openWishDesk, type WishDesk } from './subscriber/journal/desk.ts'
import { openJournal } from './subscriber/journal/journal.ts'
import { deriveLinkKeys } from './subscriber/token.ts'

/** Closes a thing at the end, before everything that was kept earlier; returns it. */
export type Keep = <T extends { close?(): unknown }>(thing: T) => T

export interface Context {
  config: Config
  logger: Logger
  stores: Stores
  keep: Keep
}

/** Opens the stores (migrated), runs `use` and closes whatever was opened until then. */
export async function withContext<T>(
  config: Config,
  logger: Logger,
  use: (context: Context) => Promise<T>,
): Promise<T> {
  return withKept(logger, async (keep) => use({ config, logger, stores: keep(await openStores(config, logger)), keep }))
}

/**
 * Runs `use` and closes what it kept. What does not close is logged and keeps nothing else from
 * being closed.
 */
export async function withKept<T>(logger: Logger, use: (keep: Keep) => Promise<T>): Promise<T> {
  const kept: { close?(): unknown }[] = []
  try {
    return await use((thing) => {
      kept.push(thing)
      return thing
    })
  } finally {
    for (const thing of kept.reverse()) {
      try {
        await thing.close?.()
      } catch (error) {
        logger.error({ event: 'stop.failed', reason: describeError(error) }, 'something did not close')
      }
    }
  }
}

/**
 * Opens everything a job works with. Refuses to run without a key that mails on their way were
 * signed with: their bytes could not be built again.
 */
export async function openRound(context: Context, source = openConfiguredSource(context)): Promise<Round> {
  const { config, logger, stores } = context
  const { openTemplates } = await import('./digest/rendering.ts')
  const providers = await openConfiguredProviders(context)
  const round: Round = {
    db: stores.db,
    source,
    providers,
    witness: await openConfiguredWatch(context, providers),
    paces: await openConfiguredPaces(context),
    ...openTemplates(config.templatesDir),
    host: hostOf(config),
    linkKeys: deriveLinkKeys(config.linkSecrets),
    cutoffMinutes: config.cutoffMinutes,
    latenessMs: config.latenessMs,
    retentionMs: config.retentionMs,
    leaseMs: LEASE_MS,
    holder: randomUUID(),
    outage: stores.outage,
    sliceSize: stores.embedded ? SLICE_SIZES.embedded : SLICE_SIZES.server,
    logger,
  }
  const missing = (await listUnsettledKeyIds(round.db)).filter((id) => !round.linkKeys.byId.has(id))
  if (missing.length === 0) return round
  throw new UsageError(
    'LINK_SECRET lacks a secret with which emails still on their way were signed: add the old one behind the new, separated by a comma',
  )
}

/** Opens the turns at the providers, in the store where the queue lives. */
async function openConfiguredPaces({ config, stores, logger, keep }: Context): Promise<Paces> {
  const { openPostgresPaces, openRedisPaces } = await import('./delivery/pace/pace-store.ts')
  const { openPaces } = await import('./delivery/pace/paces.ts')
  const { redisUrl, schema } = config
  const prefix = schema === 'public' ? 'paper-round' : schema
  return keep(
    openPaces(redisUrl === undefined ? openPostgresPaces(stores.db) : openRedisPaces(redisUrl, prefix), logger),
  )
}

/** Opens the watch over the database. Nothing is compared yet. */
export async function openConfiguredWatch(
  { config, stores, logger, keep }: Context,
  providers: readonly Provider[],
): Promise<Watch> {
  const { openConfiguredWitnesses } = await import('./delivery/witness/open.ts')
  const { openWatch } = await import('./delivery/witness/watch.ts')
  const witnesses = keep(openConfiguredWitnesses(config, logger))
  return openWatch({ ...stores, witnesses, providers, logger })
}

/** Opens the desk that takes wishes; what its journal has is brought in first. */
export async function openConfiguredWishes({ config, stores, logger, keep }: Context): Promise<WishDesk> {
  const { bringWishes } = await import('./delivery/request/replaying.ts')
  const journal = keep(openJournal(config, logger))
  await bringWishes(stores.db, journal, logger)
  return keep(await openWishDesk(stores, journal, logger))
}

/**
 * Opens the queue that belongs to these stores, and tells of others in the same Redis. With
 * `mayWait` a store that is away does not keep the process from starting.
 */
export async function openRoundQueue(
  { config, stores, logger, keep }: Context,
  { providers }: Pick<Round, 'providers'>,
  { mayWait = false } = {},
): Promise<Queue> {
  const { openQueue } = await import('./jobs/queue/queue.ts')
  const options = {
    redisUrl: config.redisUrl,
    databaseUrl: stores.databaseUrl,
    prefix: config.schema === 'public' ? undefined : config.schema,
    providers,
    logger,
  }
  if (config.redisUrl !== undefined) {
    const { openSharing } = await import('./jobs/queue/sharing.ts')
    const { redisUrl } = config
    keep(openSharing({ ...options, redisUrl, databaseId: await getDatabaseId(stores.db) }))
  }
  const { openPatientQueue } = await import('./jobs/queue/patient.ts')
  return keep(mayWait ? await openPatientQueue(() => openQueue(options), logger) : await openQueue(options))
}

/** Opens the providers that the settings name; the last dispatch ends before they do. */
export async function openConfiguredProviders({
  config,
  keep,
}: Pick<Context, 'config' | 'keep'>): Promise<[Provider, ...Provider[]]> {
  const { openProviders } = await import('./delivery/providers.ts')
  const providers = await openProviders(config)
  for (const provider of providers) keep(provider)
  return providers
}

/**
 * Opens a source (the configured one unless named), asking in the host's name: whoever is asked can
 * see who asks.
 */
export function openConfiguredSource(
  { config, logger }: Pick<Context, 'config' | 'logger'>,
  setting = config.source,
): Source {
  return openSource(setting, { logger, userAgent: userAgentFor(config.publicUrl) })
}

/** Returns what mails say of who sends them. */
export function hostOf({ publicUrl, mailFrom, postalAddress, unsubscribeMailto }: Config): Host {
  return { publicUrl, mailFrom, postalAddress, unsubscribeMailto }
}

/** Resolves when the process is told to stop: what keeps a context open. */
export async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
}
