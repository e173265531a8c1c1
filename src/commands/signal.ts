// Turns Ctrl-C and the supervisor's SIGTERM into one abort signal; another one ends the process the
// hard way.
import { SECOND_MS } from '../time.ts'

/** Called through npm, a process hears one Ctrl-C twice: from the terminal, and from npm. */
const SAME_MS = SECOND_MS
const NAMES = ['SIGINT', 'SIGTERM'] as const

/** The process that is told: another one in tests. */
type Told = Pick<NodeJS.Process, 'pid' | 'on' | 'off'> & { kill(pid: number, name: NodeJS.Signals): unknown }

/** `now` is in milliseconds and never goes back. */
export function untilSignal(told: Told = process, now: () => number = () => performance.now()): AbortSignal {
  const controller = new AbortController()
  let toldAt: number | undefined
  function hear(name: (typeof NAMES)[number]): void {
    if (toldAt === undefined) {
      toldAt = now()
      controller.abort()
    } else if (now() - toldAt > SAME_MS) {
      for (const each of NAMES) told.off(each, hear)
      told.kill(told.pid, name)
    }
  }
  for (const name of NAMES) told.on(name, hear)
  return controller.signal
}
