import { EventEmitter } from 'node:events'
import { expect, it } from 'vitest'
import { untilSignal } from '../../src/commands/signal.ts'

/** A process that hears signals, and dies of none. */
function openProcess() {
  const heard = new EventEmitter()
  const killed: string[] = []
  let at = 0
  const told = {
    pid: 1,
    kill: (_: number, name: string) => killed.push(name),
    on: heard.on.bind(heard) as NodeJS.Process['on'],
    off: heard.off.bind(heard) as NodeJS.Process['off'],
  }
  const signal = untilSignal(told, () => at)
  function hear(name: string, ms: number): boolean {
    at = ms
    // Node tells a listener the name, and emits it.
    return heard.emit(name, name)
  }
  return { signal, hear, killed }
}

it('ends in order at the first signal, whichever it is', () => {
  for (const name of ['SIGINT', 'SIGTERM']) {
    const { signal, hear, killed } = openProcess()
    expect(signal.aborted).toBe(false)
    hear(name, 5)
    expect([signal.aborted, killed]).toEqual([true, []])
  }
})

it('takes what comes within a second for the same one', () => {
  const { hear, killed } = openProcess()
  hear('SIGINT', 5)
  hear('SIGINT', 6)
  hear('SIGTERM', 1_005)
  expect(killed).toEqual([])
})

it('leaves a later one to the system, of either name', () => {
  const { hear, killed } = openProcess()
  hear('SIGINT', 5)
  expect(hear('SIGTERM', 1_006)).toBe(true)
  expect(killed).toEqual(['SIGTERM'])
  // Nobody listens any more: Node lets the process die.
  expect([hear('SIGTERM', 1_007), hear('SIGINT', 1_007)]).toEqual([false, false])
})
