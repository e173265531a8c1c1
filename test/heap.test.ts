import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { transform } from 'esbuild'
import { beforeAll, describe, expect, it } from 'vitest'

const run = promisify(execFile)

/** Holds so many objects of some 50 bytes, and prints which collections were asked for by name. */
const holding = (objects: number) => `
  import { constants, PerformanceObserver } from 'node:perf_hooks'
  const asked = []
  let tell
  const told = new Promise((resolve) => (tell = resolve))
  new PerformanceObserver((list) => {
    for (const { detail } of list.getEntries()) {
      if (!(detail.flags & constants.NODE_PERFORMANCE_GC_FLAGS_FORCED)) continue
      asked.push(detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR ? 'whole' : 'young')
      tell()
    }
  }).observe({ entryTypes: ['gc'] })
  keepHeapSmall({ askEveryMs: 5 })
  const held = Array.from({ length: ${objects} }, (_, number) => ({ number, list: [number] }))
  const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
  const staying = setInterval(() => {}, 50)
  if (${objects > 100_000}) await told
  await wait(200)
  clearInterval(staying)
  process.stdout.write(JSON.stringify({ held: held.length, asked }))`

describe('the heap of a sender', () => {
  let code: string
  beforeAll(async () => {
    const source = await readFile(new URL('../src/heap.ts', import.meta.url), 'utf8')
    code = (await transform(source, { loader: 'ts' })).code
  })
  const hold = async (objects: number) => {
    const args = ['--input-type=module', '-e', `${code}\n${holding(objects)}`]
    const { stdout, stderr } = await run(process.execPath, args, { timeout: 60_000 })
    return { ...JSON.parse(stdout), stderr }
  }

  it('is looked through once when there is more in it than lives in a sender', { tags: 'long' }, async () => {
    expect(await hold(1_000_000)).toEqual({ held: 1_000_000, asked: ['whole'], stderr: '' })
  })

  it('is left alone where there never is', async () => {
    expect(await hold(10_000)).toEqual({ held: 10_000, asked: [], stderr: '' })
  })
})
