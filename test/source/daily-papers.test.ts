// What the setting SOURCE may say.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, expect, it } from 'vitest'
import { UsageError } from '../../src/errors.ts'
import { openSource } from '../../src/source/daily-papers.ts'

const directory = mkdtempSync(join(tmpdir(), 'paper-round-open-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

it.each([
  ['https://huggingface.co/api/daily_papers', 'huggingface.co'],
  ['https://huggingface.co', 'huggingface.co'],
  ['http://127.0.0.1:8080/mirror/', '127.0.0.1:8080'],
  [`file:${directory}`, 'file'],
  [pathToFileURL(directory).href, 'file'],
])('%s opens the source %s', (setting, name) => {
  expect(openSource(setting).name).toBe(name)
})

it.each(['', 'file:', 'file:/nowhere/at/all', 'ftp://host/papers', 'huggingface.co'])(
  'refuses %j in one line',
  (text) => {
    try {
      openSource(text)
      expect.unreachable()
    } catch (error) {
      expect(error).toBeInstanceOf(UsageError)
      expect((error as UsageError).problems).toEqual([expect.stringMatching(/^(SOURCE|there is no directory) [^\n]+$/)])
    }
  },
)
