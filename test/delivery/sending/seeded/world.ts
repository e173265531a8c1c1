// What a seeded history plays with: a database whose clock it sets, editions and readers that are
// always the same, and what is true outside of the database.
import { type Kysely, sql } from 'kysely'
import type { Database } from '../../../../src/database/schema.ts'
import type { Height } from '../../../../src/delivery/witness/witness.ts'
import type { Edition } from '../../../../src/edition/edition.ts'
import type { Wish } from '../../../../src/subscriber/journal/wish.ts'
import { DEFAULT_RHYTHM, parseChoices } from '../../../../src/subscriber/preferences.ts'
import { insertSubscribers } from '../../../../src/subscriber/store.ts'
import type { BreakName } from '../../../crash/breaks.ts'
import { keepClock } from '../../../support/clock.ts'
import { freezeEdition, openTestRound, type TestRound } from '../../../support/round.ts'
import { type Copies, openCopies } from './copies.ts'
import { type Memory, openMemory } from './provider.ts'
import { openStage, type Stage } from './stage.ts'

const NAMES = ['ada', 'bob', 'cleo', 'dan', 'eve', 'finn', 'poison', 'reject']
const DATES = ['2026-03-03', '2026-03-04']
/** Before the first cut-off. */
const BEGIN_MS = Date.parse('2026-03-04T00:10:00Z')

/** One database for many histories: none changes what the next one begins with. */
export interface Ground {
  round: TestRound
  editions: Edition[]
  copies: Copies
  close(): Promise<void>
}

/** What is broken on purpose: a build, or a restore that nothing tells of. */
export type Broken = BreakName | 'no-witness'

export interface Reader {
  name: string
  address: string
  publicId: string
  /** Steps from which on they had left, and those with which they were back. */
  gone: { from: number; to: number }[]
  /** By their own wish or a complaint, once at least. */
  everLeft: boolean
}

export interface World extends Ground {
  broken: Broken | null
  dice: () => number
  stage: Stage
  memory: Memory
  clock: { atMs: number }
  readers: Reader[]
  /** Steps so far. */
  steps: number
  log: string[]
  /** What must not be. */
  problems: string[]
  /** Transport that may lose everything: batches in order. */
  queue: number[]
  /** What stands beside the database. */
  beside: { height: Height | undefined; wishes: Wish[] }
  /** By key: the step in which a request was first marked. */
  marked: Map<string, number>
  /** Faults are over: everything comes to its end. */
  isCalm: boolean
  batchSize: number
  /** The last dump: the step in which it was made, and how many marks it knows of. */
  dump: { step: number; height: Height | undefined }
  /** Until which step a process stands still. */
  asleep: Map<string, number>
  /** The step in which everybody's hour came. */
  morningAt: number
  /** How often the database was replaced. */
  restores: number
  /** What is broken has made a difference. */
  isBroken: boolean
  /** A statement that no database takes. */
  invalid: unknown
  /** The operator works on a held copy: nobody else may. */
  isStopped: boolean
  counts: Counts
}

export interface Counts {
  deaths: number
  restores: number
  held: number
  /** Leavings that a restore forgot together with all that stood beside the database. */
  lostWishes: number
  emails: number
}

/** Lays the ground in an empty, migrated database of a test's own. */
export async function layGround(url: string): Promise<Ground> {
  const round = await openTestRound(url)
  const { db } = round
  await keepClock(url, new Date(BEGIN_MS).toISOString())
  const readers = NAMES.map((name) => ({
    ...DEFAULT_RHYTHM,
    address: `${name}@example.org`,
    choices: parseChoices({}),
    consentSource: 'test',
  }))
  await insertSubscribers(db, readers)
  const editions: Edition[] = []
  for (const date of DATES) editions.push(await freezeEdition(round, date))
  await sql`update editions set frozen_at = 'infinity'`.execute(db)
  await sql`
    update subscribers set created_at = timestamptz '2026-01-01', confirmed_at = timestamptz '2026-01-01'`.execute(db)
  await sql`
    update reader_clocks set waiting_since = timestamptz '2026-01-01', next_due_at = timestamptz '2026-03-04T07:00Z', welcome = false`.execute(
    db,
  )
  await sql`insert into ticks (name, at) values ('tick', round_clock())`.execute(db)
  const copies = await openCopies(url)
  await copies.keep('fresh')
  return {
    ...{ round, editions, copies },
    async close() {
      await copies.close()
      await round.close()
    },
  }
}

/** Begins a history anew. */
export async function openWorld(ground: Ground, dice: () => number, broken: Broken | null): Promise<World> {
  const { db } = ground.round
  const clock = { atMs: BEGIN_MS }
  await setClock(db, clock.atMs)
  await ground.copies.restore('fresh')
  await ground.copies.keep('dump')
  const rows = await db.selectFrom('subscribers').select(['address', 'public_id']).orderBy('id').execute()
  return {
    ...ground,
    ...{ broken, dice, clock, stage: openStage(), memory: openMemory(clock) },
    readers: rows.map((row) => ({
      name: row.address?.split('@')[0] ?? '',
      address: row.address ?? '',
      publicId: row.public_id,
      gone: [],
      everLeft: false,
    })),
    ...{
      steps: 0,
      log: [],
      problems: [],
      queue: [],
      marked: new Map(),
      isCalm: false,
      restores: 0,
      dump: { step: 0, height: undefined },
      isStopped: false,
      asleep: new Map(),
      morningAt: 0,
      isBroken: false,
      invalid: undefined,
    },
    beside: { height: undefined, wishes: [] },
    batchSize: 1 + Math.floor(dice() * 3),
    counts: { deaths: 0, restores: 0, held: 0, lostWishes: 0, emails: 0 },
  }
}

export function say(world: World, line: string): void {
  world.log.push(`${String(world.steps).padStart(4)} ${line}`)
}

/** Moves the one clock that the database and everybody else goes by. */
export async function moveClock(world: World, toMs: number, why: string): Promise<void> {
  world.clock.atMs = toMs
  await setClock(world.round.db, toMs)
  say(world, `clock: ${new Date(toMs).toISOString().slice(0, 19).replace('T', ' ')}, ${why}`)
}

async function setClock(db: Kysely<Database>, atMs: number): Promise<void> {
  await sql`update test_clock set at = ${new Date(atMs)}::timestamptz`.execute(db)
}

/** Freezes the editions whose cut-off is over. */
export async function freezeDue(db: Kysely<Database>): Promise<void> {
  await sql`
    update editions set frozen_at = round_clock() where frozen_at = 'infinity' and cutoff_at <= round_clock()`.execute(
    db,
  )
}

export function pick<T>(list: readonly T[], dice: () => number): T | undefined {
  return list[Math.floor(dice() * list.length)]
}

/** Draws one of several by their weights. Returns undefined where there is none. */
export function draw<T>(options: readonly (readonly [number, T])[], dice: () => number): T | undefined {
  let rest = dice() * options.reduce((sum, [weight]) => sum + weight, 0)
  return options.find(([weight]) => {
    rest -= weight
    return rest < 0
  })?.[1]
}

/** Tells whether a reader had left at a step. */
export function isGone({ gone }: Reader, step: number): boolean {
  return gone.some(({ from, to }) => from < step && step <= to)
}
