// One process of the round under test, made as `start` makes one, but told by its parent when to
// begin and where to die. Only its times are shorter than a host's.
import { setTimeout as sleep } from 'node:timers/promises'
import { untilSignal } from '../../src/commands/signal.ts'
import { readConfig } from '../../src/config.ts'
import { openRound } from '../../src/context.ts'
import { openStores } from '../../src/database/stores.ts'
import { openResend } from '../../src/delivery/provider/resend/resend.ts'
import { openPipeline } from '../../src/jobs/pipeline.ts'
import { openQueue } from '../../src/jobs/queue/queue.ts'
import { openLogger } from '../../src/logger.ts'
import { type BreakName, breakOf } from './breaks.ts'
import { type Point, watchDriver, watchKeys, watchProvider } from './points.ts'

export interface WorkerSettings {
  roles: readonly ('worker' | 'scheduler')[]
  leaseMs: number
  /** How long the queue waits for a dead worker's job. */
  lockMs: number
  tickMs: number
  batchSize: number
  broken: BreakName | null
  /**
   * Gives up on an answer after so long, in milliseconds; the provider's own deadline without it.
   */
  deadlineMs?: number | undefined
  /** It owns its stores: they die with it. */
  isGroup: boolean
}

/** What the parent says. `skip`: so many times the point is passed first. */
export type Order =
  | { kind: 'go' }
  | { kind: 'arm'; point: Point; act: 'die' | 'stop'; skip: number }
  | { kind: 'disarm' }
  /** The same, at once, for where the line knows better. */
  | { kind: 'die' }

/** `broken`: the break that it was started with has found its statement. */
export type Word = { kind: 'ready' } | { kind: 'going' } | { kind: 'broken' } | { kind: 'stopping'; point: Point }

const settings = JSON.parse(process.argv[2] ?? '') as WorkerSettings
const say = (word: Word) => new Promise<void>((resolve) => process.send?.(word, () => resolve()))
let armed: Extract<Order, { kind: 'arm' }> | undefined
let go = () => {}
const toldToGo = new Promise<void>((resolve) => {
  go = resolve
})

/** SIGKILL does not come back from the call: nothing runs after it. */
function die(): void {
  process.kill(settings.isGroup ? 0 : process.pid, 'SIGKILL')
}

function reach(point: Point): Promise<void> | undefined {
  if (armed?.point !== point || armed.skip-- > 0) return undefined
  const { act } = armed
  armed = undefined
  if (act === 'stop') return say({ kind: 'stopping', point }).then(() => void process.kill(process.pid, 'SIGSTOP'))
  die()
  return undefined
}

process.on('message', (order: Order) => {
  if (order.kind === 'go') go()
  else if (order.kind === 'die') die()
  else armed = order.kind === 'arm' ? order : undefined
})
// Nobody is left to judge what this process does.
process.on('disconnect', () => process.exit(1))
if (!process.connected) process.exit(1)

const signal = untilSignal()
let hasBroken = false
const broken = breakOf(settings.broken, () => {
  if (!hasBroken) void say({ kind: 'broken' })
  hasBroken = true
})
const config = readConfig('mail')
const logger = openLogger(config.logLevel ?? 'error')
const stores = await openStores(config, logger)
const kept: { close?(): unknown }[] = []
const opened = await openRound({
  ...{ config, stores, logger },
  keep: (thing) => {
    kept.push(thing)
    return thing
  },
})
watchDriver(reach, broken.rewrite)
const [named] = config.providers
const resend =
  settings.deadlineMs === undefined || named.name !== 'resend'
    ? opened.providers[0]
    : openResend({
        apiKey: named.apiKey,
        baseUrl: named.baseUrl as string,
        requestsPerSecond: config.sendRate ?? 5,
        deadlineMs: settings.deadlineMs,
      })
const provider = broken.provider(watchProvider(resend, reach), stores.db)
const round = {
  ...opened,
  providers: [{ ...provider, batchSize: settings.batchSize }] as const,
  linkKeys: watchKeys(opened.linkKeys, reach),
  leaseMs: settings.leaseMs,
}
const queue = await openQueue({
  redisUrl: config.redisUrl,
  databaseUrl: stores.databaseUrl,
  providers: [provider],
  timing: { lockMs: settings.lockMs, stalledMs: Math.ceil(settings.lockMs / 3), retryMs: 200 },
  logger,
})
await say({ kind: 'ready' })
await toldToGo
const pipeline = openPipeline(round, queue)
const work = settings.roles.includes('worker') ? await queue.work(pipeline) : undefined
const ticking = settings.roles.includes('scheduler') ? keepTicking() : Promise.resolve()
await say({ kind: 'going' })
await new Promise<void>((resolve) => {
  if (signal.aborted) resolve()
  signal.addEventListener('abort', () => resolve(), { once: true })
})
await ticking
await work?.close()
await queue.close()
for (const thing of kept.reverse()) await thing.close?.()
await stores.close()
process.removeAllListeners('disconnect')
process.disconnect()

/**
 * What the scheduler of `start` does, in smaller times: asserts the tick, and ticks by itself where
 * the queue is out of reach.
 */
async function keepTicking(): Promise<void> {
  while (!signal.aborted) {
    await queue.assertTick(settings.tickMs).catch(() => pipeline.sweep({ name: 'sweep' }).catch(() => {}))
    await sleep(settings.tickMs, undefined, { signal }).catch(() => {})
  }
}
