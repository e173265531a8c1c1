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
  'test/crash/crash.test.ts': 45,
  'test/crash/storms.test.ts': 30,
  'test/crash/chaos.test.ts': 15,
  'test/crash/smtp-kill.test.ts': 10,
  'test/browser/walk.test.ts': 40,
  'test/browser/everywhere.test.ts': 15,
  'test/browser/public.test.ts': 15,
  'test/database/embedded.test.ts': 40,
  'test/jobs/queue/queue.test.ts': 35,
  'test/cli.test.ts': 15,
  'test/jobs/dispatch.test.ts': 25,
  'test/digest/budget.test.ts': 25,
  'test/database/stored.test.ts': 20,
  'test/jobs/pipeline.test.ts': 15,
  'test/web/preview/preview.test.ts': 20,
  'test/delivery/account/explaining.test.ts': 15,
  'test/delivery/planning/due.test.ts': 15,
  'test/web/reader-routes.test.ts': 15,
  'test/web/app.test.ts': 15,
  'test/delivery/provider/message.test.ts': 15,
  'test/delivery/feedback/feedback.test.ts': 12,
  'test/commands/preview.test.ts': 8,
  'test/jobs/processes.test.ts': 10,
  'test/subscriber/calendar.test.ts': 10,
  'test/web/sign-up/subscribe.test.ts': 10,
  'test/delivery/provider/smtp/smtp.test.ts': 8,
  'test/delivery/sending/machine.test.ts': 8,
  'test/delivery/sending/brake.test.ts': 8,
  'test/delivery/feedback/looking-up.test.ts': 8,
  'test/subscriber/store.test.ts': 8,
  'test/digest/structure.test.ts': 8,
  'test/web/sign-up/my-link.test.ts': 8,
  'test/edition/search.test.ts': 8,
  'test/statements.test.ts': 8,
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
