// Who acts in a seeded history: the processes of a round and whoever else touches what they send.
// Each is the code of the round itself, up to where it waits for its turn.
import { sql } from 'kysely'
import type { ReportType } from '../../../../src/database/states.ts'
import { markReported } from '../../../../src/delivery/feedback/feedback.ts'
import { replayWishes } from '../../../../src/delivery/request/replaying.ts'
import { healAsFound } from '../../../../src/delivery/restoring/healing.ts'
import { readAccepted } from '../../../../src/delivery/restoring/reading.ts'
import { BATCH } from '../../../../src/delivery/sending/batch.ts'
import { markResumed } from '../../../../src/delivery/sending/brake.ts'
import { listWaiting } from '../../../../src/delivery/sending/waiting.ts'
import { openWatch, type Watch } from '../../../../src/delivery/witness/watch.ts'
import { isAbove, type Witness } from '../../../../src/delivery/witness/witness.ts'
import { openWitnesses } from '../../../../src/delivery/witness/witnesses.ts'
import { findRestoredHold } from '../../../../src/edition/restored.ts'
import { describeError, LaterError } from '../../../../src/errors.ts'
import { dispatch } from '../../../../src/jobs/dispatch.ts'
import { planDue } from '../../../../src/jobs/plan.ts'
import type { Round } from '../../../../src/jobs/round.ts'
import { sweepAway } from '../../../../src/jobs/sweep.ts'
import { markResubscribed } from '../../../../src/subscriber/consent.ts'
import { hashReader, type NoteWish } from '../../../../src/subscriber/journal/wish.ts'
import { getAddressKey, markUnsubscribed } from '../../../../src/subscriber/store.ts'
import { breakOf } from '../../../crash/breaks.ts'
import { UNWATCHED } from '../../../support/unwatched.ts'
import { type Fault, openClient } from './provider.ts'
import { type Actor, openGated } from './stage.ts'
import { freezeDue, isGone, pick, type Reader, say, type World } from './world.ts'

/** Processes of the round: they die, and are started again. */
export const PROCESSES = ['planner', 'sweeper', 'worker 1', 'worker 2'] as const
export type Process = (typeof PROCESSES)[number]
export const OUTSIDERS = ['reader', 'webhook', 'operator'] as const

export type Part = (world: World, actor: Actor) => Promise<void>

export const PARTS: Record<Process | (typeof OUTSIDERS)[number], Part> = {
  planner: plan,
  sweeper: sweep,
  'worker 1': work,
  'worker 2': work,
  reader: comeAndGo,
  webhook: report,
  operator: operate,
}

/** It is filled again below this, with all that waits. */
const QUEUE_MIN = 6
const LIST_MAX = 100
/** Readers of one slice. */
const SLICE = 3

/** A round as a process of its own has it, with what its journal knows brought in. */
async function openProcess(world: World, actor: Actor): Promise<Round & { witness: Watch }> {
  const { broken, memory, batchSize, dice, beside } = world
  let connections = 0
  let restores = -1
  const breaks = breakOf(broken === 'no-witness' ? null : broken, () => {
    world.isBroken = true
  })
  const db = openGated(world.round.db, {
    async before() {
      await actor.turn('database')
      // A database that was replaced has ended every session.
      if (restores !== world.restores) connections += 1
      restores = world.restores
    },
    rewrite: breaks.rewrite,
    after({ sql: text, parameters }, { rows, numAffectedRows }) {
      const label = labelOf(text)
      if (label === undefined || Number(numAffectedRows ?? rows.length) === 0) return
      say(world, `${actor.name}: ${label}`)
      // A mark names its key, and the first mark of a key is the one that counts.
      const key = parameters.find((each) => typeof each === 'string' && each.startsWith('paper-round-'))
      if (typeof key === 'string' && !world.marked.has(key)) world.marked.set(key, world.steps)
    },
  })
  const witness: Witness = {
    name: 'memory',
    read: async () => beside.height,
    async raise(mark) {
      await actor.turn('witness')
      if (beside.height === undefined || isAbove(mark, beside.height)) beside.height = mark
    },
    check: async () => {},
  }
  const client = openClient(memory, actor, {
    batchSize,
    drawFault: () => (world.isCalm ? 'none' : drawFault(dice)),
    say: (line) => say(world, `${actor.name}: request of ${line}`),
  })
  const provider = breaks.provider(client, db)
  const parts = { db, witnesses: openWitnesses([witness], world.round.logger), providers: [client] }
  const watch = openWatch({ ...parts, countConnections: () => connections, logger: world.round.logger })
  const blind: Watch = { ...UNWATCHED, read: watch.read, startBranch: watch.startBranch }
  await replayWishes(db, beside.wishes)
  return {
    ...world.round,
    db,
    providers: [provider],
    sliceSize: SLICE,
    witness: broken === 'no-witness' ? blind : watch,
  }
}

function drawFault(dice: () => number): Fault {
  const drawn = dice()
  if (drawn < 0.66) return 'none'
  if (drawn < 0.8) return 'taken, lost'
  if (drawn < 0.88) return 'lost'
  if (drawn < 0.94) return 'throttled'
  return drawn < 0.98 ? 'concurrent' : 'stopped'
}

/** What a statement changes, in two words; undefined where it only reads. */
function labelOf(text: string): string | undefined {
  const [, verb, table] = /\b(update|insert into|delete from) "?(?:public\.)?"?(\w+)/.exec(text) ?? []
  return verb === undefined || /^(ticks|progress)$|_readers$|waiting_editions|overtaken/.test(table ?? '')
    ? undefined
    : `${verb} ${table}`
}

async function plan(world: World, actor: Actor): Promise<void> {
  const round = await openProcess(world, actor)
  for (;;) {
    await actor.turn('tick')
    await noted(world, actor, async () => {
      await round.witness.compare()
      await sql`update ticks set at = round_clock() where name = 'tick'`.execute(round.db)
      await freezeDue(round.db)
      await planDue(round)
    })
  }
}

async function sweep(world: World, actor: Actor): Promise<void> {
  const round = await openProcess(world, actor)
  for (;;) {
    await actor.turn('sweep', () => world.queue.length < QUEUE_MIN)
    await noted(world, actor, async () => {
      // What waits equally long comes in any order.
      world.queue.push(...(await listWaiting(round.db, BATCH, LIST_MAX)).sort((one, other) => one - other))
      if (!world.isCalm && world.dice() < 0.1) await sweepAway(round)
    })
  }
}

async function work(world: World, actor: Actor): Promise<void> {
  const round = await openProcess(world, actor)
  await round.witness.compare()
  for (;;) {
    await actor.turn('job', () => world.queue.length > 0)
    const id = world.queue.shift()
    if (id === undefined) continue
    say(world, `${actor.name}: batch ${id}`)
    await noted(world, actor, async () => {
      world.queue.push(...(await dispatch(round, id)))
    })
  }
}

/** A job that waits or fails: the queue would bring it again. */
async function noted(world: World, actor: Actor, act: () => Promise<void>): Promise<void> {
  try {
    await act()
  } catch (error) {
    // No round writes statements that PostgreSQL does not understand, and no broken one proves
    // anything by it.
    if (/^42/.test((error as { code?: string }).code ?? '')) world.invalid ??= error
    say(world, `${actor.name}: ${error instanceof LaterError ? 'waits' : 'failed'}, ${describeError(error)}`)
  }
}

/** Readers leave by the link, the journal first, and come back by the button. */
async function comeAndGo(world: World, actor: Actor): Promise<void> {
  const { round, dice, beside } = world
  const db = openGated(round.db, { before: () => actor.turn('database'), rewrite: (text) => text, after: () => {} })
  const key = await getAddressKey(db)
  for (;;) {
    await actor.turn('wish', () => !world.isCalm)
    const away = world.readers.filter((each) => isGone(each, world.steps + 1))
    const reader = pick(away.length > 1 && dice() < 0.6 ? away : world.readers, dice) as Reader
    const wish = {
      at: new Date(world.clock.atMs),
      reader: hashReader(key, reader.publicId),
      address: null,
      reason: null,
    }
    if (isGone(reader, world.steps + 1)) {
      // From here on nobody knows, until it is answered.
      endGone(reader, world.steps)
      if (!(await markResubscribed(db, reader.publicId))) {
        beginGone(reader, world.steps)
        continue
      }
      say(world, `${reader.name} came back`)
      await actor.turn('journal')
      beside.wishes.push({ ...wish, at: new Date(world.clock.atMs), kind: 'returned' })
    } else {
      // It may take effect from the journal before it is answered.
      reader.everLeft = true
      beside.wishes.push({ ...wish, kind: 'left' })
      await markUnsubscribed(db, reader.publicId)
      beginGone(reader, world.steps)
      say(world, `${reader.name} left`)
    }
  }
}

function beginGone(reader: Reader, step: number): void {
  reader.everLeft = true
  if (!isGone(reader, step + 1)) reader.gone.push({ from: step, to: Number.POSITIVE_INFINITY })
}

function endGone(reader: Reader, step: number): void {
  const last = reader.gone.at(-1)
  if (last) last.to = step
}

const REPORTS: readonly ReportType[] = ['sent', 'delivered', 'delivered', 'complained']

/** What the provider reports of what it accepted, repeats among it. */
async function report(world: World, actor: Actor): Promise<void> {
  const { round, dice, beside, memory } = world
  const db = openGated(round.db, { before: () => actor.turn('database'), rewrite: (text) => text, after: () => {} })
  const key = await getAddressKey(db)
  const note: NoteWish = async ({ kind, publicId, addressHash, reason = null }) => {
    const reader = publicId === undefined ? null : hashReader(key, publicId)
    const address = addressHash?.toString('hex') ?? null
    beside.wishes.push({ at: new Date(world.clock.atMs), kind, reader, address, reason })
  }
  for (;;) {
    await actor.turn('report', () => memory.accepted.length > 0 && !world.isCalm)
    const mail = pick(memory.accepted, dice)
    const type = pick(REPORTS, dice)
    if (!mail || !type) continue
    const { publicId: delivery, providerId, to: address, atMs } = mail
    const facts = { delivery, notice: null, providerId, address, at: new Date(atMs) }
    const reader = world.readers.find((each) => each.address === address)
    if (reader && type === 'complained') reader.everLeft = true
    const { result } = await markReported(db, { id: `${type} ${delivery}`, type, ...facts }, note)
    if (reader && type === 'complained' && result === 'applied') beginGone(reader, world.steps)
    say(world, `webhook: ${type} ${address.split('@')[0]} of ${mail.edition}, ${result}`)
  }
}

/** Whoever looks after it: lifts stops, and heals a restored copy once all workers are stopped. */
async function operate(world: World, actor: Actor): Promise<void> {
  const round = await openProcess(world, actor)
  for (;;) {
    await actor.turn('look')
    const hold = await findRestoredHold(round.db)
    if (!hold) {
      await markResumed(round.db, null)
      continue
    }
    world.isStopped = true
    for (const name of PROCESSES) world.stage.end(name)
    say(world, `operator: a restored copy is held, ${hold.why}; workers are stopped`)
    world.counts.held += 1
    const parts = { db: round.db, cutoffMinutes: 30, latenessMs: round.latenessMs, keyId: round.linkKeys.currentKeyId }
    const { providers, witness: watch, db } = round
    const digests = await readAccepted({ db, providers, watch, say: () => {}, betweenMs: 0 }, hold)
    const { submitted, again } = await healAsFound(parts, hold, digests)
    const { left, returned } = await replayWishes(db, world.beside.wishes)
    await watch.startBranch()
    say(world, `operator: healed, ${submitted} submitted, ${again} again, ${left} left, ${returned} returned`)
    world.isStopped = false
  }
}
