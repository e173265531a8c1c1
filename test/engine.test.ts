import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { transform } from 'esbuild'
import { expect, it } from 'vitest'

const run = promisify(execFile)

it('has the engine of a command compile less of what runs a few thousand times', async () => {
  const source = await readFile(new URL('../src/engine.ts', import.meta.url), 'utf8')
  const { code } = await transform(source, { loader: 'ts' })
  const busy = `
    const step = (n) => { let sum = 0; for (const each of [n, n + 1, n + 2]) sum += each % 7; return sum }
    let all = 0
    for (let n = 0; n < 30_000; n++) all += step(n)
    process.stdout.write('%' + (all > 0))`
  const compiled = async (begin: string) => {
    const args = ['--trace-opt', '--input-type=module', '-e', `${code.replace('export ', '')}\n${begin}\n${busy}`]
    const { stdout, stderr } = await run(process.execPath, args, { timeout: 60_000 })
    expect(stdout).toContain('%true')
    return { count: stdout.split('completed optimizing').length - 1, stderr }
  }
  const usual = await compiled('')
  const late = await compiled('compileLate()')
  expect(usual.count).toBeGreaterThan(0)
  expect(late).toEqual({ count: 0, stderr: '' })
})
