// Sends editions one after the other for as long as something is done to the round, and holds each
// against the referee. What is done, and for how long, is the caller's.
import { setTimeout as sleep } from 'node:timers/promises'
import { addReaders, type EditionUnderFire, followEdition, judgeEdition, planEdition, stir } from './edition.ts'
import { openDice } from './strikes.ts'
import { openWorld, type World, type WorldSettings } from './world.ts'

export interface DriveSettings extends WorldSettings {
  subscribers: number
  /** Ends the run with an error, everything closed, if it takes longer. */
  deadlineMs?: number
}

export interface Verdict {
  editions: number
  due: number
  mails: number
  requests: number
  replays: number
  lost: number
  duplicates: number
  /** Times that the accounts were read and held against the identity. */
  looks: number
  violations: string[]
  /** The build's break has rewritten something; false for a sound build. */
  isBroken: boolean
  seconds: number
}

/** How far the run is, for whoever does something to it. */
export interface Progress {
  /** Undefined between two editions. */
  readonly edition: EditionUnderFire | undefined
  /** Something was found, or time is up: there is nothing left to do. */
  isOver(): boolean
  /** Resolves when an edition is on its way, or the run is over. */
  untilSending(): Promise<void>
  /** Nobody works for the moment: standing still means nothing. */
  pause(paused: boolean): void
}

/**
 * Opens a world and sends editions in it until `disturb` has returned and the last one is over, or
 * the first violation. Returns undefined where the stores are not installed.
 */
export async function driveEditions(
  settings: DriveSettings,
  disturb: (world: World, progress: Progress) => Promise<void>,
): Promise<Verdict | undefined> {
  const world = await openWorld(settings)
  if (!world) return undefined
  try {
    return await drive(world, settings, disturb)
  } finally {
    await world.close()
  }
}

async function drive(
  world: World,
  { seed, subscribers, batchSize, deadlineMs = Number.POSITIVE_INFINITY }: DriveSettings,
  disturb: (world: World, progress: Progress) => Promise<void>,
): Promise<Verdict> {
  const startedAt = performance.now()
  const { judge } = world
  const violations = new Set<string>()
  const counts = { editions: 0, due: 0, lost: 0, looks: 0 }
  let current: EditionUnderFire | undefined
  let isDone = false
  let isPaused = false
  let failure: unknown
  const isOver = () => {
    if (performance.now() - startedAt > deadlineMs) failure ??= new Error(`The run took longer than ${deadlineMs} ms`)
    return failure !== undefined || violations.size > 0 || judge.duplicates.length > 0 || counts.lost > 0
  }
  const progress: Progress = {
    get edition() {
      return current
    },
    isOver,
    async untilSending() {
      while (current === undefined && !isOver()) await sleep(20)
    },
    pause(paused) {
      isPaused = paused
    },
  }

  await addReaders(world, subscribers)
  const disturbing = disturb(world, progress)
    .catch((error: unknown) => {
      if (!isOver()) failure = error
    })
    .finally(() => {
      isDone = true
    })
  const stirring = (async () => {
    const dice = openDice(seed + 1)
    while (!isDone) {
      await sleep(500)
      if (current) await stir(world, current, dice).catch(() => {})
    }
  })()
  while (!isDone && !isOver()) {
    const edition = await planEdition(world, counts.editions, batchSize)
    counts.editions += 1
    counts.due += edition.due.size
    current = edition
    const report = (violation: string) => void violations.add(violation)
    counts.looks += await followEdition(world, edition, report, { isOver, isBusy: () => isPaused })
    current = undefined
    if (judge.duplicates.length > 0) break
    const judged = await judgeEdition(world, edition)
    counts.lost += judged.lost
    for (const violation of judged.violations) violations.add(violation)
  }
  // What was armed has no edition left to fire in once something was found.
  if (isOver()) await world.fleet.close()
  await disturbing
  await stirring
  if (failure !== undefined) throw failure
  await judge.read()
  if (judge.mismatches > 0) violations.add(`${judge.mismatches} requests came again with other bytes`)
  return {
    ...counts,
    mails: judge.mails,
    requests: judge.requests,
    replays: judge.replays,
    duplicates: judge.duplicates.length,
    violations: [...violations],
    isBroken: world.fleet.isBroken,
    seconds: Math.round((performance.now() - startedAt) / 100) / 10,
  }
}
