// Tells after a run how long each file took beside what it may take on two quiet cores, longest
// first. It judges nothing: a busy machine takes longer, and a suite that grows is seen here.
import type { Reporter, TestModule } from 'vitest/node'

/** What is not named here may take so many seconds. */
const USUAL = 3

/** Those that start processes, browsers or stores of their own, or wait for leases. */
const BUDGETS: Readonly<Record<string, number>> = {
  'test/crash/crash.test.ts': 60,
  'test/crash/storms.test.ts': 40,
  'test/crash/smtp-kill.test.ts': 15,
  'test/crash/chaos.test.ts': 10,
  'test/cli.test.ts': 30,
  'test/database/embedded.test.ts': 25,
  'test/jobs/queue/queue.test.ts': 25,
  'test/jobs/dispatch.test.ts': 20,
  'test/jobs/processes.test.ts': 15,
  'test/jobs/pipeline.test.ts': 15,
  'test/browser/walk.test.ts': 20,
  'test/browser/everywhere.test.ts': 20,
  'test/browser/public.test.ts': 15,
  'test/commands/preview.test.ts': 15,
  'test/digest/budget.test.ts': 12,
  'test/delivery/feedback/feedback.test.ts': 10,
  'test/subscriber/calendar.test.ts': 10,
}

export default class Seconds implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const files = modules.map((module) => {
      const { collectDuration, setupDuration, duration } = module.diagnostic()
      const path = module.relativeModuleId
      return { path, seconds: (collectDuration + setupDuration + duration) / 1000, budget: BUDGETS[path] ?? USUAL }
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
