// Everything fast, before a commit: `npm run check`. Formatting and lint, unused code, types, and
// those tests without stores that the change concerns, all at once. Prints the seconds of each, and
// what a failed one said.
import { execFileSync, spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
/** What no import leads to: these read the files themselves. */
const READERS = ['architecture', 'contributing', 'deployment', 'docs'].map((name) => `test/${name}.test.ts`)
const CHECKS: [name: string, command: string, ...args: string[]][] = [
  ['lint', 'biome', 'check', '.'],
  ['unused', 'knip'],
  ['types', 'tsc'],
  ['tests', 'vitest', 'related', '--run', '--project', 'unit', '--reporter', 'dot', ...changedSources(), ...READERS],
]

const results = await Promise.all(CHECKS.map(([name, command, ...args]) => check(name, command, args)))
process.exitCode = results.every((passed) => passed) ? 0 : 1

function check(name: string, command: string, args: string[]): Promise<boolean> {
  const startedAt = performance.now()
  const child = spawn(join(ROOT, 'node_modules/.bin', command), args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text) => {
      said += text
    })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => {
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
      process.stderr.write(`${code === 0 ? '✓' : '✗'} ${name} ${seconds} s\n${code === 0 ? '' : `${said}\n`}`)
      resolve(code === 0)
    })
  })
}

/** The TypeScript that differs from the last commit, new files included. */
function changedSources(): string[] {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).split('\n')
  const changed = [
    ...git('diff', '--name-only', '--diff-filter=d', 'HEAD'),
    ...git('ls-files', '--others', '--exclude-standard'),
  ]
  return changed.filter((path) => path.endsWith('.ts'))
}
