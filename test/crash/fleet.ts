// The processes of a round: started, told where to die, killed, and replaced by spares that are
// warm already. It ends only what it started.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { COMPILE_LATE } from '../../src/engine.ts'
import { builtFile } from '../support/program.ts'
import { type Line, openLine } from './line.ts'
import type { Point } from './points.ts'
import type { Order, Word, WorkerSettings } from './worker.ts'

export interface Runner {
  pid: number
  roles: WorkerSettings['roles']
  line: Line
  /** Resolves when its stores are open. Rejects when it ends before. */
  ready: Promise<void>
  /** Resolves with the point at which it stopped as told. */
  stopped: Promise<Point>
  /** Resolves once its build has shown to be broken. */
  broken: Promise<void>
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  readonly alive: boolean
  /** Starts its work; resolves when it takes jobs. */
  go(): Promise<void>
  tell(order: Order): void
  /** Signals the process, or all of its group where it owns the stores. */
  signal(name: NodeJS.Signals): void
}

export interface FleetSettings {
  environment: NodeJS.ProcessEnv
  providerUrl: string
  worker: Omit<WorkerSettings, 'roles'>
  /** The roles of each process that works at one time. */
  crew: readonly WorkerSettings['roles'][]
  /**
   * Processes that are kept warm beside them. Where a process owns its stores there can be none.
   */
  spares: number
}

export interface Fleet {
  /** Those that work now. */
  readonly runners: readonly Runner[]
  /** Whether the break that they were started with was found to bite in one of them. */
  readonly isBroken: boolean
  /** Takes a dead runner out and puts a warm one in its place. */
  replace(dead: Runner): Promise<Runner>
  /** Asks all of them to stop; returns their exit codes. */
  stop(): Promise<(number | null)[]>
  close(): Promise<void>
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

export async function openFleet(settings: FleetSettings): Promise<Fleet> {
  const all = new Set<Runner>()
  const runners: Runner[] = []
  const warm = new Map<string, Runner[]>()
  let isClosed = false
  let isBroken = false

  async function begin(roles: WorkerSettings['roles']): Promise<Runner> {
    const runner = await openRunner(settings, roles)
    // Whoever was about to replace a process learns that there is nothing left to join.
    if (isClosed) runner.signal('SIGKILL')
    all.add(runner)
    void runner.broken.then(() => {
      isBroken = true
    })
    void runner.exited.then(async () => {
      all.delete(runner)
      await runner.line.close()
    })
    return runner
  }

  /** Takes a spare of these roles, and has another one warmed in its place. */
  async function take(roles: WorkerSettings['roles']): Promise<Runner> {
    const spares = warm.get(roles.join()) ?? []
    warm.set(roles.join(), spares)
    const taken = spares.shift() ?? (await begin(roles))
    await taken.ready
    if (settings.spares > 0 && roles.includes('worker')) {
      while (spares.length < settings.spares) spares.push(await begin(roles))
    }
    await taken.go()
    return taken
  }

  runners.push(...(await Promise.all(settings.crew.map(begin))))
  for (const runner of runners) {
    await runner.ready
    await runner.go()
  }

  return {
    runners,
    get isBroken() {
      return isBroken
    },
    async replace(dead) {
      await dead.exited
      const runner = await take(dead.roles)
      runners[runners.indexOf(dead)] = runner
      return runner
    },
    async stop() {
      const codes = runners.map((runner) => runner.exited.then(({ code }) => code))
      for (const runner of runners) runner.signal('SIGTERM')
      return Promise.all(codes)
    },
    async close() {
      isClosed = true
      const ends = [...all].map((runner) => runner.exited)
      for (const runner of all) runner.signal('SIGKILL')
      await Promise.all(ends)
    },
  }
}

async function openRunner(settings: FleetSettings, roles: WorkerSettings['roles']): Promise<Runner> {
  const program = await builtFile('test/crash/worker.ts')
  const line = await openLine(settings.providerUrl)
  const own: WorkerSettings = { ...settings.worker, roles }
  // None lives long enough for what the engine would compile well.
  const argv = [COMPILE_LATE, program, JSON.stringify(own)]
  const child: ChildProcess = spawn(process.execPath, argv, {
    cwd: ROOT,
    env: { PATH: process.env.PATH, ...settings.environment, RESEND_BASE_URL: line.url },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    // A group of its own, so that all of it can be killed at once and nothing else.
    detached: own.isGroup,
  })
  const pid = child.pid as number
  const exited = once(child, 'exit').then(([code, signal]) => ({ code, signal }))
  const word = <K extends Word['kind']>(kind: K) =>
    new Promise<Extract<Word, { kind: K }>>((resolve) => {
      child.on('message', (message: Word) => {
        if (message.kind === kind) resolve(message as Extract<Word, { kind: K }>)
      })
    })
  const early = exited.then(({ code, signal }) => {
    throw new Error(`A process of the round ended by itself: ${code ?? signal}`)
  })
  early.catch(() => {})
  const ready = Promise.race([word('ready').then(() => {}), early])
  ready.catch(() => {})
  const going = word('going')
  return {
    pid,
    roles,
    line,
    ready,
    broken: word('broken').then(() => {}),
    stopped: word('stopping').then(({ point }) => point),
    exited,
    get alive() {
      return child.exitCode === null && child.signalCode === null
    },
    async go() {
      // Where it has ended meanwhile, `early` says so.
      child.send({ kind: 'go' } satisfies Order, () => {})
      await Promise.race([going, early])
    },
    tell(order) {
      if (child.connected) child.send(order, () => {})
    },
    signal(name) {
      if (child.exitCode !== null || child.signalCode !== null) return
      process.kill(own.isGroup && name === 'SIGKILL' ? -pid : pid, name)
    },
  }
}
