// Worker processes that serve one project after the other: vitest's own end with the last file of
// their project, and each new one loads the program and the captured days once more, two seconds of
// a processor.
import { ForksPoolWorker, type PoolOptions, type PoolWorker, type WorkerRequest } from 'vitest/node'

const NAME = 'shared'

/** As vitest's `pool`. */
export const SHARED_WORKERS = { name: NAME, createPoolWorker: (options: PoolOptions) => new SharedWorker(options) }

/** Before what they have open is removed. */
export async function endIdleWorkers(): Promise<void> {
  await Promise.all(idle.splice(0).map((each) => each.stop()))
}

type Listener = Parameters<PoolWorker['on']>

/** One list in a process: vitest loads its configuration apart from what runs before the tests. */
const LIST = Symbol.for('idle workers of the tests')
const known = globalThis as { [LIST]?: ForksPoolWorker[] }
known[LIST] ??= []
const idle = known[LIST]

function giveBack(process: ForksPoolWorker): void {
  idle.push(process)
  process.on('exit', () => {
    const place = idle.indexOf(process)
    if (place >= 0) idle.splice(place, 1)
  })
}

class SharedWorker implements PoolWorker {
  readonly name = NAME
  readonly cacheFs = true
  private process: ForksPoolWorker
  private readonly listeners: Listener[] = []
  private hasStarted = false
  private isGivenBack = false
  private readonly isLasting: boolean

  constructor(options: PoolOptions) {
    this.process = new ForksPoolWorker(options)
    // What a watched run changes is told only to whoever runs it next.
    this.isLasting = !options.project.vitest.config.watch
  }

  async start(): Promise<void> {
    if (this.hasStarted) return
    this.hasStarted = true
    const taken = idle.pop()
    if (taken) this.process = taken
    else await this.process.start()
  }

  on(...listener: Listener): void {
    this.listeners.push(listener)
    this.process.on(...listener)
  }

  off(...listener: Listener): void {
    this.process.off(...listener)
  }

  /** Asked to end, it is given back at once: who takes its place is started before it has ended. */
  send(message: WorkerRequest): void {
    if (message.type !== 'stop' || !this.isLasting) {
      this.process.send(message)
      return
    }
    for (const listener of this.listeners) this.process.off(...listener)
    this.isGivenBack = true
    giveBack(this.process)
    for (const [event, tell] of this.listeners) {
      if (event === 'message') queueMicrotask(() => tell({ type: 'stopped', __vitest_worker_response__: true }))
    }
  }

  async stop(): Promise<void> {
    if (!this.isGivenBack) await this.process.stop()
  }

  deserialize(data: unknown): unknown {
    return this.process.deserialize(data)
  }
}
