import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { transform } from 'esbuild'
import { expect, it } from 'vitest'
import { COMPILE_WASM_LATE } from '../src/engine.ts'

const run = promisify(execFile)

it('has the engine of a command compile well less of what runs a few thousand times', { tags: 'long' }, async () => {
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

it('has the engine of the embedded database compile well less of its WebAssembly', { tags: 'long' }, async () => {
  // One function that counts its argument down.
  const body = [0, 3, 64, 32, 0, 65, 1, 107, 34, 0, 13, 0, 11, 32, 0, 11]
  const types = [1, 6, 1, 96, 1, 127, 1, 127, 3, 2, 1, 0, 7, 8, 1, 4, ...Buffer.from('busy'), 0, 0]
  const bytes = [0, 97, 115, 109, 1, 0, 0, 0, ...types, 10, body.length + 2, 1, body.length, ...body]
  const busy = `
    const { busy } = new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.of(${bytes}))).exports
    busy(1_000_000)
    const look = (left) => {
      busy(1)
      if (!%IsTurboFanFunction(busy) && left > 0) return setTimeout(look, 10, left - 1)
      process.stdout.write(String(%IsTurboFanFunction(busy)))
    }
    look(process.argv[1])`
  const isCompiledWell = async (looks: number, ...flags: string[]) => {
    const args = [...flags, '--allow-natives-syntax', '-e', busy, `${looks}`]
    const { stdout, stderr } = await run(process.execPath, args, { timeout: 60_000 })
    expect(stderr).toBe('')
    return stdout === 'true'
  }
  // However busy the machine is, it compiles in the end.
  expect(await isCompiledWell(5_000)).toBe(true)
  expect(await isCompiledWell(20, COMPILE_WASM_LATE)).toBe(false)
})
