// What is done to the processes of a round, and in which order: drawn from a seed, so that a run
// can be had again as far as two clocks allow.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Fleet, Runner } from './fleet.ts'
import { LINE_POINTS, POINTS, type Point } from './points.ts'
import type { World } from './world.ts'

/**
 * `random`: SIGKILL at any moment. `stop-past-lease`: SIGSTOP until another process has the batch,
 * then SIGCONT.
 */
export const STRIKES = ['random', ...POINTS, 'stop-past-lease'] as const
export type Strike = (typeof STRIKES)[number]

/**
 * Where a process is stopped past its lease: before it fixes anything (where it could harm most),
 * before it asks, and with the answer in its hand.
 */
const STOPS: readonly Point[] = [
  ...Array<Point>(4).fill('before-mark-commit'),
  'before-request',
  'answer-read-before-settle-commit',
]
/**
 * A process that was told to die somewhere and never comes by says that the point is gone from the
 * code.
 */
const PATIENCE_MS = 60_000

/** Returns numbers from 0 up to 1, the same ones for the same seed. */
export function openDice(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    // mulberry32: every seed gives another scatter, also neighbouring ones.
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Returns what to do in which order: `times` a strike, shuffled. */
export function drawStrikes(times: Partial<Record<Strike, number>>, dice: () => number): Strike[] {
  const list = STRIKES.flatMap((strike) => Array<Strike>(times[strike] ?? 0).fill(strike))
  for (let last = list.length - 1; last > 0; last--) {
    const other = Math.floor(dice() * (last + 1))
    ;[list[last], list[other]] = [list[other] as Strike, list[last] as Strike]
  }
  return list
}

/** Does one strike and brings the fleet back to its size. `whileStopped` runs while a process
 * sleeps past its lease, `onDeath` once one is gone. */
export async function strike(
  { fleet }: Pick<World, 'fleet'>,
  what: Strike,
  dice: () => number,
  { whileStopped, onDeath }: { whileStopped: () => Promise<void>; onDeath: () => void },
): Promise<void> {
  if (what === 'random') {
    await sleep(dice() * 800)
    // Now and then the scheduler, too.
    const victim = pick(dice() < 0.9 ? workersOf(fleet) : [...fleet.runners], dice)
    victim.signal('SIGKILL')
    onDeath()
    await fleet.replace(victim)
    return
  }
  const victim = pick(workersOf(fleet), dice)
  if (what === 'stop-past-lease') {
    victim.tell({ kind: 'arm', point: pick(STOPS, dice), act: 'stop', skip: Math.floor(dice() * 2) })
    await within(victim.stopped, 'stop-past-lease')
    await whileStopped()
    victim.signal('SIGCONT')
    // It goes on with what it had in its hands before it goes.
    await sleep(300 + dice() * 500)
    victim.signal('SIGKILL')
  } else if (LINE_POINTS.includes(what)) {
    const struck = victim.line.strike(what === 'request-half-sent' ? 'half' : 'withhold', dice())
    await within(struck, what)
    victim.signal('SIGKILL')
  } else {
    const skip = Math.floor(dice() * (what === 'while-joining' ? 12 : 3))
    victim.tell({ kind: 'arm', point: what, act: 'die', skip })
    await within(victim.exited, what)
  }
  onDeath()
  await fleet.replace(victim)
}

function workersOf({ runners }: Fleet): Runner[] {
  return runners.filter((runner) => runner.roles.includes('worker'))
}

export function pick<T>(list: readonly T[], dice: () => number): T {
  return list[Math.floor(dice() * list.length)] as T
}

async function within<T>(wait: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`No process came by "${what}" within a minute`)), PATIENCE_MS)
  })
  return Promise.race([wait, late]).finally(() => clearTimeout(timer))
}
