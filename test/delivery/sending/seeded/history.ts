// One history from one seed: who goes next, what the clock says, what a provider answers, who dies
// and when a dump comes back. In the end faults are over and everything runs out.
import { sql } from 'kysely'
import { isUnsettledSql } from '../../../../src/delivery/sending/transitions.ts'
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../../../../src/time.ts'
import { openDice } from '../../../crash/strikes.ts'
import { OUTSIDERS, PARTS, PROCESSES } from './actors.ts'
import { judge, judgeStep } from './oracle.ts'
import {
  type Broken,
  type Counts,
  draw,
  freezeDue,
  type Ground,
  moveClock,
  openWorld,
  pick,
  say,
  type World,
} from './world.ts'

export interface History {
  seed: number
  log: string[]
  problems: string[]
  counts: Counts
  /** What was broken on purpose has made a difference. */
  isBroken: boolean
}

const STEPS = 200
/** Turns without a fault in which everything must come to its end. */
const CALM_DAYS = 2
const CALM_TURNS = 12
const CALM_STEPS_MAX = 400

/** How often each goes on, against the others. */
const WEIGHTS: Record<string, number> = {
  ...{ 'worker 1': 9, 'worker 2': 9, planner: 4, sweeper: 3 },
  ...{ reader: 0.8, webhook: 0.5, operator: 0.5 },
}
const EVENTS: readonly (readonly [number, (world: World) => Promise<void>])[] = [
  [84, goOn],
  [6, pause],
  [3, die],
  [3, sleep],
  [1, emptyQueue],
  [1.5, dump],
  [0.8, restore],
]
const PAUSES: readonly (readonly [number, { maxMs: number; why: string }])[] = [
  [55, { maxMs: 20 * SECOND_MS, why: 'a moment later' }],
  [30, { maxMs: 110 * SECOND_MS, why: 'past a lease' }],
  [14, { maxMs: 12 * MINUTE_MS, why: 'a while later' }],
  [1, { maxMs: 26 * HOUR_MS, why: 'past what a provider replays' }],
]
const MORNING_STEPS = 15
const SLEEP_STEPS = 30
/** That a process which is not there starts. */
const START_CHANCE = 0.4
const LOSS_CHANCE = 0.25
const SURVIVAL_CHANCE = 0.4
const RESTORES_MAX = 2

/** Plays the history of a seed. Rejects only where the stage itself breaks. */
export async function playHistory(ground: Ground, seed: number, broken: Broken | null = null): Promise<History> {
  const world = await openWorld(ground, openDice(seed), broken)
  for (const name of [...PROCESSES, ...OUTSIDERS]) await enter(world, name)
  for (let step = 0; step < STEPS && world.problems.length === 0; step++) {
    if (step === 0 || step === Math.floor(STEPS / 2)) await comeMorning(world)
    await stepOn(world)
  }
  for (let day = 0; day < CALM_DAYS && world.problems.length === 0; day++) {
    // The last day of all is without a fault.
    world.isCalm = day === CALM_DAYS - 1
    await comeMorning(world)
    await runOut(world)
  }
  await judge(world)
  world.counts.emails = world.memory.accepted.length
  if (world.invalid) throw world.invalid
  const { log, problems, counts, isBroken } = world
  return { seed, log, problems, counts, isBroken }
}

async function enter(world: World, name: keyof typeof PARTS): Promise<void> {
  await world.stage.enter(name, (actor) => PARTS[name](world, actor))
}

/** The next cut-off comes, and then everybody's hour. */
async function comeMorning(world: World): Promise<void> {
  const today = Math.floor(world.clock.atMs / DAY_MS) * DAY_MS
  const day = world.clock.atMs < today + HOUR_MS ? today : today + DAY_MS
  await moveClock(world, day + 31 * MINUTE_MS, 'a cut-off is over')
  await freezeDue(world.round.db)
  await moveClock(world, day + 7 * HOUR_MS + 5 * SECOND_MS, 'the hour of everybody')
  world.morningAt = world.steps
}

async function stepOn(world: World): Promise<void> {
  const { dice, stage } = world
  world.steps += 1
  for (const name of PROCESSES) {
    if (stage.has(name) || world.isStopped || dice() >= START_CHANCE) continue
    say(world, `${name} starts`)
    await enter(world, name)
  }
  await draw(EVENTS, dice)?.(world)
}

async function goOn(world: World): Promise<void> {
  const { stage, dice } = world
  // A morning begins with a plan, as a rule.
  const isMorning = world.steps - world.morningAt < MORNING_STEPS
  const awake = stage.ready().filter((each) => (world.asleep.get(each) ?? 0) <= world.steps)
  const name = draw(
    awake.map((each) => [(WEIGHTS[each] ?? 0) * (isMorning && each === 'planner' ? 10 : 1), each] as const),
    dice,
  )
  if (name !== undefined) await letGoOn(world, name)
}

async function letGoOn(world: World, name: string): Promise<string | undefined> {
  try {
    return await world.stage.step(name)
  } catch (error) {
    // A process that ends by an error is started again; nobody else may.
    if (!(PROCESSES as readonly string[]).includes(name)) throw error
    say(world, `${name} ends: ${(error as Error).message}`)
    return undefined
  } finally {
    judgeStep(world)
  }
}

async function pause(world: World): Promise<void> {
  const { maxMs, why } = draw(PAUSES, world.dice) ?? { maxMs: SECOND_MS, why: 'at once' }
  // Most of it, so that a lease is over when it is meant to be.
  const ms = Math.ceil((maxMs * (0.9 + world.dice() / 10)) / SECOND_MS) * SECOND_MS
  await moveClock(world, world.clock.atMs + ms, why)
}

async function die(world: World): Promise<void> {
  const { stage, dice, counts } = world
  const name = pick(PROCESSES, dice) as string
  if (!stage.has(name)) return
  stage.end(name)
  counts.deaths += 1
  say(world, `${name} dies`)
}

/** A process stands still, longer than its lease. */
async function sleep(world: World): Promise<void> {
  const name = pick(PROCESSES, world.dice) as string
  if (!world.stage.has(name)) return
  world.asleep.set(name, world.steps + SLEEP_STEPS)
  say(world, `${name} stands still`)
  await moveClock(world, world.clock.atMs + 100 * SECOND_MS, 'past a lease')
}

async function emptyQueue(world: World): Promise<void> {
  world.queue.length = 0
  say(world, 'the queue is emptied')
}

async function dump(world: World): Promise<void> {
  world.dump = { step: world.steps, height: world.beside.height }
  await world.copies.keep('dump')
  say(world, 'a dump is made')
}

/** The dump comes back; what runs may live on, and what stands beside the database may be lost. */
async function restore(world: World): Promise<void> {
  const { dice, beside, stage, counts, readers, dump } = world
  if (counts.restores === RESTORES_MAX) return
  counts.restores += 1
  world.restores += 1
  await world.copies.restore('dump')
  if (world.broken === 'no-witness') world.isBroken = true
  const isLost = dice() < LOSS_CHANCE
  // What lives on learns of it by the marks that are missing, and only so.
  const isNoticed = !isLost && beside.height?.number !== dump.height?.number
  for (const name of PROCESSES) if (dice() >= SURVIVAL_CHANCE || !isNoticed) stage.end(name)
  // Nobody heals one copy and ends with another; what was not answered is nobody's any more.
  world.isStopped = false
  for (const name of isLost ? OUTSIDERS : (['operator'] as const)) stage.end(name)
  say(world, `the dump of step ${dump.step} is restored${isLost ? ', all beside it is lost' : ''}`)
  if (!isLost) return enter(world, 'operator')
  Object.assign(beside, { height: undefined, wishes: [] })
  for (const reader of readers) {
    const known = reader.gone.filter(({ from }) => from <= dump.step)
    counts.lostWishes += reader.gone.length - known.length
    reader.gone = known
  }
  for (const name of OUTSIDERS) await enter(world, name)
  // After a shorter gap nothing would tell.
  await moveClock(world, world.clock.atMs + 11 * MINUTE_MS, 'a while later')
}

/** Lets everybody go on until nothing is left that goes by itself. */
async function runOut(world: World): Promise<void> {
  for (let turn = 0; turn < CALM_TURNS && world.problems.length === 0; turn++) {
    for (const name of PROCESSES) if (!world.stage.has(name)) await enter(world, name)
    const { held } = world.counts
    await runUntil(world, 'operator')
    for (const name of PROCESSES) if (!world.stage.has(name)) await enter(world, name)
    // What is due is planned once a day, and again once a hold is lifted.
    if (turn === 0 || world.counts.held > held) await runUntil(world, 'planner')
    await runUntil(world, 'sweeper')
    await workOff(world)
    if (!(await isMoving(world))) return
    await moveClock(world, world.clock.atMs + 16 * MINUTE_MS, 'what waits may go')
  }
}

/** Whether anything waits that goes by itself, or is held. */
async function isMoving({ round }: World): Promise<boolean> {
  const { rows } = await sql`
    select from batches b where ${isUnsettledSql('b')} and b.next_attempt_at < 'infinity'
    union all select from lineage l where l.held_at is not null`.execute(round.db)
  return rows.length > 0
}

async function workOff(world: World): Promise<void> {
  for (let steps = 0; steps < CALM_STEPS_MAX; steps++) {
    const name = ['worker 1', 'worker 2'].find((each) => world.stage.ready().includes(each))
    if (name === undefined) return
    world.steps += 1
    await letGoOn(world, name)
  }
}

/** Lets one actor do what it has begun, and all of its next work. */
async function runUntil(world: World, name: string): Promise<void> {
  const rests = ['look', 'tick', 'sweep']
  for (let rested = 0, steps = 0; rested < 2 && steps < CALM_STEPS_MAX; steps++) {
    if (!world.stage.ready().includes(name)) return
    world.steps += 1
    const what = await letGoOn(world, name)
    if (what === undefined) return
    if (rests.includes(what)) rested += 1
  }
}
