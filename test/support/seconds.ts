// Tells after a run how long each file took beside what it may take on two quiet cores, longest
// first. It judges nothing: a busy machine takes longer, and a suite that grows is seen here.
import type { Reporter, TestModule } from 'vitest/node'

/** What is not named here may take so many seconds. */
const USUAL = 6

/**
 * Those that take longer: they start processes, browsers or stores of their own, wait for leases,
 * or render whole days.
 */
const BUDGETS: Readonly<Record<string, number>> = {
  'test/jobs/dispatch.test.ts': 33,
  'test/browser/walk.test.ts': 32,
  'test/crash/crash.test.ts': 32,
  'test/database/embedded.test.ts': 28,
  'test/jobs/queue/queue.test.ts': 23,
  'test/subscriber/calendar.test.ts': 18,
  'test/jobs/pipeline.test.ts': 17,
  'test/cli.test.ts': 17,
  'test/delivery/feedback/feedback.test.ts': 17,
  'test/digest/budget.test.ts': 16,
  'test/delivery/provider/message.test.ts': 15,
  'test/browser/public.test.ts': 13,
  'test/database/stored.test.ts': 13,
  'test/delivery/account/explaining.test.ts': 13,
  'test/crash/storms.test.ts': 12,
  'test/browser/everywhere.test.ts': 11,
  'test/jobs/alarms.test.ts': 11,
  'test/crash/chaos.test.ts': 10,
  'test/delivery/sending/seeded.test.ts': 10,
  'test/digest/structure.test.ts': 10,
  'test/crash/smtp-kill.test.ts': 9,
  'test/jobs/heartbeat.test.ts': 9,
  'test/database/damage.test.ts': 8,
  'test/delivery/in-flight.test.ts': 8,
  'test/delivery/sending/machine.test.ts': 8,
  'test/delivery/sending/after-outage.test.ts': 8,
  'test/statements.test.ts': 8,
  'test/browser/lab.test.ts': 7,
  'test/digest/opening.test.ts': 7,
  'test/delivery/feedback/looking-up.test.ts': 7,
}

/** Returns the seconds that a file may take, by its path below the root. */
export function budgetOf(path: string): number {
  return BUDGETS[path] ?? USUAL
}

export default class Seconds implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const files = modules.map((module) => {
      const { collectDuration, setupDuration, duration } = module.diagnostic()
      const path = module.relativeModuleId
      return { path, seconds: (collectDuration + setupDuration + duration) / 1000, budget: budgetOf(path) }
    })
    files.sort((one, other) => other.seconds - one.seconds)
    const total = files.reduce((sum, { seconds }) => sum + seconds, 0)
    const lines = files.map(({ path, seconds, budget }) => {
      const over = seconds > budget ? '  over' : ''
      return `${seconds.toFixed(1).padStart(7)} of ${String(budget).padStart(3)} s  ${path}${over}`
    })
    process.stdout.write(
      ['', `Seconds a file, ${total.toFixed(0)} in all, against its budget`, ...lines, ''].join('\n'),
    )
  }
}
