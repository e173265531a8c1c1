// Holds docs/operating.md to the program: each command that its table of symptoms names is there,
// with each option.
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { callLine } from './support/command.ts'

const COMMANDS = /^(status|outlook|doctor|stop|resume|resolve|explain|healthcheck|collect|edition|start|subscribers)\b/
const help = (words: readonly string[]) => callLine([...words, '--help'], { folder: tmpdir() })

const [, table = ''] = readFileSync(fileURLToPath(new URL('../docs/operating.md', import.meta.url)), 'utf8').split(
  /^## /m,
)
const rows = table.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| you see'))
const calls = [...table.matchAll(/`([^`]+)`/g)].map(([, call = '']) => call).filter((call) => COMMANDS.test(call))

it('says of every symptom what to ask, what it means and what to do', () => {
  expect(rows.length).toBeGreaterThan(12)
  for (const row of rows) expect(row.split(' | ').every((cell) => cell.length > 3)).toBe(true)
})

describe.each([...new Set(calls)])('%s', (call) => {
  it('is a command with these options', async () => {
    const words = call.replace(/"[^"]*"/g, 'X').split(' ')
    const names = words.slice(0, words[0] === 'subscribers' ? 2 : 1)
    const { code, stdout } = await help(names)
    expect(code).toBe(0)
    expect(stdout).toContain(`Usage: paper-round ${names.join(' ')}`)
    for (const option of words.filter((word) => word.startsWith('--'))) expect(stdout).toContain(option)
  })
})
