import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { transform } from 'esbuild'
import { expect, it } from 'vitest'

const run = promisify(execFile)

/**
 * Prints the largest heap, in megabytes, of a program that makes garbage which outlives the young.
 */
const CHURN = `
  const make = (number) => ({ number, text: 'number ' + number, list: [number, number] })
  const staying = Array.from({ length: 100_000 }, (_, number) => make(number))
  const held = []
  let most = 0
  for (let number = 0; number < 3_000_000; number++) {
    held[number % 40_000] = make(number)
    if (number % 10_000 !== 0) continue
    most = Math.max(most, process.memoryUsage().heapUsed)
    await new Promise((resolve) => setTimeout(resolve))
  }
  process.stdout.write(String(most / 2 ** 20))
  staying.length = 0`

it('a sender looks through its heap before that is several times what lives in it', async () => {
  const source = await readFile(new URL('../src/heap.ts', import.meta.url), 'utf8')
  const { code } = await transform(source, { loader: 'ts' })
  const measure = async (call: string) => {
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', `${code}\n${call}\n${CHURN}`])
    return Number(stdout)
  }
  const usual = await measure('')
  const small = await measure('keepHeapSmall({ askEveryMs: 5 })')
  expect({ usual, small, isSmaller: small < usual * 0.75 }).toMatchObject({ isSmaller: true })
})
