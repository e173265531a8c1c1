import { expect, it } from 'vitest'
import { callFrom } from '../../src/commands/calling.ts'

it.each([
  ['/home/ada/paper-round/src/commands/calling.ts', 'npm run -s paper-round --'],
  ['/home/ada/papers/node_modules/paper-round/dist/commands/calling.js', 'npx paper-round'],
  ['/app/dist/commands/calling.js', 'node dist/cli.js'],
])('%s is called as %s', (file, call) => {
  expect(callFrom(file)).toBe(call)
})
