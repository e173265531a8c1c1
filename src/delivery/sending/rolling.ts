// Batches whose emails go one by one: marked batch by batch, handed over email by email, so that
// the provider is kept busy and never more is marked and not settled than the hand holds. What was
// answered is settled by the statement that marks the next batch; whatever is not plain goes the
// way of one batch.
import type { Kysely } from 'kysely'
import type { Database } from '../../database/schema.ts'
import { LaterError } from '../../errors.ts'
import type { BatchOutcome, BatchRequest, OneByOne, OneOutcome, Provider } from '../provider/provider.ts'
import { demandSettled } from './after-outage.ts'
import { BATCH, type ClaimedBatch } from './batch.ts'
import { type Glance, NEAR_END } from './glance.ts'
import type { Hand } from './hand.ts'
import type { MailResult } from './ledger.ts'
import { markReleased } from './once.ts'
import { type Built, buildFresh, type PrepareParts, prepare, readAnew } from './preparing.ts'
import { followAnswers, keptBy, type SendingParts, settle } from './settling.ts'
import { markSlice, type Slice } from './slices.ts'
import { awaitTurn, takeTurn } from './turn.ts'

type RollingParts = SendingParts & PrepareParts

/** A batch whose emails are on their way. */
interface Going {
  batch: ClaimedBatch
  ids: number[]
  mails: BatchRequest['mails']
  outcomes: (OneOutcome | undefined)[]
  /** How many wait for an answer. */
  open: number
  /** Places of the answers that are settled already. */
  settled: Set<number>
  /** It has to be settled by itself. */
  isOdd: boolean
}

export interface Rolled {
  /** What was not begun: still claimed. */
  unbegun: ClaimedBatch[]
  /** How many were. */
  begun: number
  /** Whether the edition may be at its end, and whether nothing else of it waits. */
  nearEnd: boolean
  isLast: boolean
  /** Why it ended early, where it did. */
  failure: unknown
}

/** After so long nothing more is begun: what is urgent must not wait for the whole of it. */
const RUN_MS = 5_000

/**
 * Sends batches of one edition, of which nothing was attempted, through a provider that takes
 * emails one by one. Whatever goes wrong, it ends when all that was begun is answered and settled.
 */
export async function roll(
  parts: RollingParts,
  provider: Provider & { oneByOne: OneByOne },
  batches: readonly ClaimedBatch[],
  hand: Hand,
): Promise<Rolled> {
  const unbegun = [...batches]
  const going = new Set<Going>()
  const { quota } = provider
  const isLimited = quota.day !== null || quota.month !== null || quota.ramp !== undefined
  const until = performance.now() + RUN_MS
  let next: { batch: ClaimedBatch; built: Built } | undefined
  let room = 0
  let failure: unknown
  let hasFailed = false
  let begun = 0
  let nearEnd = false
  let isLast = false
  let wake = () => {}

  const open = () => sum(going, (each) => each.open)
  const done = () => sum(going, (each) => each.outcomes.length - each.open - each.settled.size)
  const inHand = () => sum(going, (each) => each.outcomes.length - each.settled.size)

  /**
   * Returns whether there is room for a batch, with what will be settled by the mark's statement.
   */
  function hasRoom(mails: number): boolean {
    const missing = mails - (room - inHand()) - plainDone()
    if (missing <= 0) return true
    if (!hand.takeNow(missing)) return false
    room += missing
    return true
  }

  /** Answers that one statement settles together with the next mark. */
  const plainDone = () => (isLimited ? 0 : sum(going, (each) => (isPlain(each) ? answeredPlaces(each).length : 0)))

  async function begin({ batch, built }: { batch: ClaimedBatch; built: Built }): Promise<void> {
    const turn = await takeTurn(parts, provider, BATCH, batch, built.ids.length)
    await demandSettled(parts, BATCH, batch)
    const mark = () => settleAnswered(inHand() - plainDone() + ids.length > room ? undefined : { batch, intent })
    let { ids, request } = built
    const { intent } = built
    if (isLimited || (await keptBy(parts, BATCH, batch, mark)) !== 'kept') {
      // What was to make room could not be settled along: that comes first, by itself.
      if (inHand() + ids.length > room) {
        next = { batch, built }
        begun -= 1
        return
      }
      // Read anew, and marked by itself.
      const ready = await prepare(parts, provider, readAnew(batch), turn)
      if (ready === 'over') {
        await markReleased(parts.db, BATCH, batch)
        throw new LaterError('the quota is used up', 1)
      }
      if (ready === undefined || ready === 'changed') return
      ;({ ids, request } = ready)
    }
    const paused = await awaitTurn(turn)
    if (paused) {
      await settleWhole(batch, ids, paused)
      return
    }
    const outcomes: Going['outcomes'] = ids.map(() => undefined)
    const one: Going = {
      batch,
      ids,
      mails: request.mails,
      outcomes,
      open: ids.length,
      settled: new Set(),
      isOdd: false,
    }
    going.add(one)
    for (const [index, answer] of provider.oneByOne.handOver(request.mails).entries()) {
      void answer.then((outcome) => {
        outcomes[index] = outcome
        one.open -= 1
        if (one.open === 0) {
          const throttled = outcomes.find((each) => each && 'kind' in each && each.kind === 'throttled')
          turn.ends(throttled && 'kind' in throttled && throttled.kind === 'throttled' ? throttled.retryAfterMs : null)
        }
        wake()
      })
    }
  }

  /** Settles what was answered, and marks a batch; returns the mark. */
  async function settleAnswered(marking: Parameters<typeof markSlice>[2]) {
    const taken = [...going].filter(isPlain).map((each) => ({ each, places: answeredPlaces(each) }))
    const plain = taken.filter(({ places }) => places.length > 0)
    const finished = plain.filter(({ each }) => each.open === 0).map(({ each }) => each)
    let isSettled = false
    try {
      const answered = {
        editionId: batches[0]?.editionId ?? 0,
        results: plain.flatMap(({ each, places }) => places.map((place) => resultOf(each, place))),
        batches: plain.map(({ each }) => each.batch.id),
        finished: finished.map(({ batch }) => batch.id),
      }
      let slice: Slice | undefined
      const run = async (db: Kysely<Database>) => {
        slice = await markSlice(db, answered, marking)
        return slice.mark
      }
      const mark = await (marking ? parts.witness.guard(parts.db, run) : run(parts.db))
      isSettled = slice?.isSettled === true
      if (isSettled && slice) {
        for (const { each, places } of plain) for (const place of places) each.settled.add(place)
        for (const each of finished) await follow(each, slice.glance)
      }
      return mark
    } finally {
      if (!isSettled) for (const { each } of plain) each.isOdd = true
    }
  }

  async function follow(each: Going, glance: Glance): Promise<void> {
    going.delete(each)
    nearEnd ||= glance.others < NEAR_END
    isLast = glance.others === 0
    const results = each.ids.map((_, place) => resultOf(each, place))
    await followAnswers(parts, each.batch, results, glance)
  }

  /** The way of one batch, for whatever is not plain. */
  async function settleOne(each: Going): Promise<void> {
    going.delete(each)
    const outcome = provider.oneByOne.summarize(each.mails, each.outcomes as OneOutcome[])
    await settleWhole(each.batch, each.ids, outcome)
  }

  async function settleWhole(batch: ClaimedBatch, ids: readonly number[], outcome: BatchOutcome): Promise<void> {
    const settled = await settle(parts, batch, provider, ids, outcome)
    nearEnd ||= settled.nearEnd
  }

  async function step(): Promise<boolean> {
    const odd = [...going].find((each) => each.open === 0 && !isPlain(each))
    if (odd) {
      await settleOne(odd)
      return true
    }
    const mayBegin = !hasFailed && performance.now() < until && !hand.isWanted()
    if (mayBegin && next === undefined && unbegun.length > 0) {
      const [batch] = unbegun.splice(0, 1) as [ClaimedBatch]
      const built = await buildFresh(parts, provider, batch)
      if (built) next = { batch, built }
      else begun += 1
      return true
    }
    if (mayBegin && next !== undefined && hasRoom(next.built.ids.length)) {
      const starting = next
      next = undefined
      begun += 1
      await begin(starting)
      return true
    }
    const isIdle = open() === 0
    // Where the next mark settles them along, they wait for it.
    const waitsForMark = mayBegin && next !== undefined && !isLimited
    const enough = isIdle ? 1 : waitsForMark ? Number.POSITIVE_INFINITY : provider.batchSize
    if (done() >= enough) {
      await settleAnswered(undefined)
      return true
    }
    if (!isIdle) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
      return true
    }
    if (!mayBegin || next === undefined) return false
    // Nothing of ours is on its way: others have the room.
    hand.give(room)
    room = 0
    await hand.take(next.built.ids.length)
    room += next.built.ids.length
    return true
  }

  for (;;) {
    try {
      if (!(await step())) break
    } catch (error) {
      failure ??= error
      hasFailed = true
    }
    const spare = room - inHand()
    if (spare > 0 && (hand.isWanted() || hasFailed || (unbegun.length === 0 && next === undefined))) {
      room -= spare
      hand.give(spare)
    }
  }
  hand.give(room)
  return { unbegun: next === undefined ? unbegun : [next.batch, ...unbegun], begun, nearEnd, isLast, failure }
}

function sum(going: Iterable<Going>, count: (each: Going) => number): number {
  let all = 0
  for (const each of going) all += count(each)
  return all
}

/** Whether every answer so far was a plain one. */
function isPlain({ outcomes, isOdd }: Going): boolean {
  return !isOdd && outcomes.every((outcome) => outcome === undefined || isAnswer(outcome))
}

/** Places of the answers that are not settled yet. */
function answeredPlaces({ outcomes, settled }: Going): number[] {
  return outcomes.flatMap((outcome, place) => (outcome === undefined || settled.has(place) ? [] : place))
}

/** Only of a plain one. */
function resultOf({ ids, outcomes }: Going, place: number): MailResult {
  return { subscriberId: ids[place] as number, outcome: outcomes[place] as MailResult['outcome'] }
}

function isAnswer(outcome: OneOutcome): boolean {
  return 'state' in outcome && (outcome.state === 'submitted' || outcome.state === 'rejected')
}
