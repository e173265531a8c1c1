import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  test: {
    include: ['test/**/*.test.ts'],
    // Much of the time goes to waiting for stores and processes, so a small machine takes more
    // files than it has cores.
    maxWorkers: Math.max(3, availableParallelism()),
    // Loading the modules anew for each file would be half of the run. No test may change what
    // others see of a module.
    isolate: false,
    globalSetup: new URL('support/folder.ts', import.meta.url).pathname,
    testTimeout: 60_000,
    hookTimeout: 90_000,
  },
})
