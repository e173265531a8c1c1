import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { transform } from 'esbuild'
import { expect, it } from 'vitest'

const run = promisify(execFile)

it('has the engine of a command compile well less of what runs a few thousand times', async () => {
  const source = await readFile(new URL('../src/engine.ts', import.meta.url), 'utf8')
  const { code } = await transform(source, { loader: 'ts' })
  const busy = `
    const stepOfTest = (n) => { let sum = 0; for (const each of [n, n + 1, n + 2]) sum += each % 7; return sum }
    let all = 0
    for (let n = 0; n < 10_000; n++) all += stepOfTest(n)
    process.stdout.write('%' + (all > 0))`
  const compiled = async (begin: string) => {
    const args = [
      '--trace-opt',
      '--no-concurrent-recompilation',
      '--input-type=module',
      '-e',
      `${code.replaceAll('export ', '')}\n${begin}\n${busy}`,
    ]
    const { stdout, stderr } = await run(process.execPath, args, { timeout: 60_000 })
    expect(stdout).toContain('%true')
    return { isCompiledWell: /^\[marking .*stepOfTest.* for optimization to TURBOFAN/m.test(stdout), stderr }
  }
  expect(await compiled('')).toEqual({ isCompiledWell: true, stderr: '' })
  expect(await compiled('compileLate()')).toEqual({ isCompiledWell: false, stderr: '' })
})
