// Tells after a run how long each file took beside what it may take on two quiet cores, longest
// first, and which tests are long without saying so. It judges nothing: a busy machine takes
// longer, and a suite that grows is seen here.
import type { Reporter, TestModule } from 'vitest/node'

/** What is not named here may take so many seconds. */
const USUAL = 6

/**
 * Those that take longer: they start processes, browsers or stores of their own, wait for leases,
 * or render whole days.
 */
const BUDGETS: Readonly<Record<string, number>> = {
  'test/database/embedded/embedded.test.ts': 44,
  'test/browser/walk.test.ts': 46,
  'test/jobs/queue/queue.test.ts': 41,
  'test/crash/crash.test.ts': 33,
  'test/crash/storms.test.ts': 31,
  'test/jobs/pipeline.test.ts': 25,
  'test/cli.test.ts': 25,
  'test/jobs/dispatch.test.ts': 20,
  'test/database/migrations/035-narrow-deliveries.test.ts': 19,
  'test/edition/search.test.ts': 17,
  'test/database/embedded/damage.test.ts': 14,
  'test/crash/smtp-kill.test.ts': 15,
  'test/crash/chaos.test.ts': 15,
  'test/browser/public.test.ts': 14,
  'test/browser/lab.test.ts': 13,
  'test/jobs/heartbeat.test.ts': 8,
  'test/database/stored.test.ts': 13,
  'test/delivery/in-flight.test.ts': 13,
  'test/delivery/provider/message.test.ts': 12,
  'test/digest/piece/budget.test.ts': 12,
  'test/delivery/sending/after-outage.test.ts': 12,
  'test/delivery/feedback/feedback.test.ts': 12,
  'test/jobs/bounces.test.ts': 12,
  'test/browser/everywhere.test.ts': 11,
  'test/web/operator/alerting.test.ts': 11,
  'test/delivery/sending/seeded.test.ts': 11,
  'test/jobs/alarms.test.ts': 10,
  'test/architecture.test.ts': 10,
  'test/web/preview/preview.test.ts': 10,
  'test/delivery/provider/smtp/smtp.test.ts': 10,
  'test/web/app.test.ts': 9,
  'test/statements.test.ts': 9,
  'test/support/stores.test.ts': 9,
  'test/delivery/account/explaining.test.ts': 8,
  'test/digest/structure.test.ts': 8,
  'test/delivery/feedback/looking-up.test.ts': 8,
  'test/jobs/processes.test.ts': 8,
  'test/delivery/sending/preparing.test.ts': 8,
  'test/database/migrations/010-shared-choices.test.ts': 8,
  'test/crash/leaving.test.ts': 7,
  'test/web/editions/view.test.ts': 8,
  'test/database/embedded/turns.test.ts': 8,
  'test/database/migrate.test.ts': 8,
  'test/web/sign-up/my-link.test.ts': 8,
  'test/delivery/planning/slices.test.ts': 8,
  'test/delivery/restoring/healing.test.ts': 8,
  'test/subscriber/calendar.test.ts': 7,
  'test/commands/subscribers/import.test.ts': 7,
  'test/delivery/sending/brake.test.ts': 7,
  'test/jobs/outlook.test.ts': 7,
  'test/delivery/bounce/applying.test.ts': 7,
  'test/web/editions/edition.test.ts': 7,
  'test/package.test.ts': 7,
  'test/delivery/pace/paces.test.ts': 7,
  'test/web/reader-routes.test.ts': 7,
  'test/commands/doctor/doctor.test.ts': 7,
}

/** Returns the seconds that a file may take, by its path below the root. */
export function budgetOf(path: string): number {
  return BUDGETS[path] ?? USUAL
}

/** A test that takes longer is tagged `long`, and no part of `npm test`. */
const LONG_MS = 1_000

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
      ['', `Seconds a file, ${total.toFixed(0)} in all, against its budget`, ...lines, ...tellLong(modules), ''].join(
        '\n',
      ),
    )
  }
}

function tellLong(modules: readonly TestModule[]): string[] {
  const long = modules.flatMap((module) =>
    [...module.children.allTests('passed')].flatMap((test) => {
      const { duration = 0 } = test.diagnostic() ?? {}
      const isTold = duration <= LONG_MS || test.tags.includes('long')
      return isTold ? [] : [{ duration, name: `${module.relativeModuleId}: ${test.fullName}` }]
    }),
  )
  long.sort((one, other) => other.duration - one.duration)
  const lines = long.map(({ duration, name }) => `${(duration / 1000).toFixed(1).padStart(7)} s  ${name}`)
  return lines.length === 0 ? [] : ['', 'Longer than a second, and not tagged `long`', ...lines]
}
