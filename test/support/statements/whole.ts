// Tells test/statements.test.ts whether every test runs: only then has what nothing executed no
// test.
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  interface ProvidedContext {
    isWhole: boolean
  }
}

export async function setup({ vitest, provide }: TestProject): Promise<void> {
  const { project, testNamePattern, shard, tagsFilter } = vitest.config
  const isPicked =
    project.length > 0 || testNamePattern !== undefined || shard !== undefined || tagsFilter !== undefined
  const files = new Set((await vitest.globTestSpecifications()).map(({ moduleId }) => moduleId))
  provide('isWhole', !isPicked && vitest.state.getPaths().length === files.size)
}
