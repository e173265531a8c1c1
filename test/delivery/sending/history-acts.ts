// What may happen in a history (machine.test.ts): two owners whose steps are acts of their own, so
// that anything comes between them, and everything else that touches what they send. Each act says
// which events of the table it may cause.
import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import type { ReportType } from '../../../src/database/states.ts'
import { markReported } from '../../../src/delivery/feedback/feedback.ts'
import { insertNotice } from '../../../src/delivery/notice/asking.ts'
import {
  type ClaimedNotice,
  letNoticeWait,
  markNoticeWithheld,
  NOTICE,
  prepareNotice,
  reasonToWithhold,
  settleNotice,
} from '../../../src/delivery/notice/sending.ts'
import { rationWaiting } from '../../../src/delivery/planning/rationing.ts'
import {
  type BatchOutcome,
  type BatchRequest,
  type MailOutcome,
  NO_QUOTA,
  type NoticeRequest,
} from '../../../src/delivery/provider/provider.ts'
import { findWay } from '../../../src/delivery/provider/routes.ts'
import { eraseSubscriber } from '../../../src/delivery/request/erasure.ts'
import { askLink } from '../../../src/delivery/request/own-data.ts'
import { BATCH, type ClaimedBatch } from '../../../src/delivery/sending/batch.ts'
import { markResumed } from '../../../src/delivery/sending/brake.ts'
import { dropMembers } from '../../../src/delivery/sending/ledger.ts'
import { claim, markReleased } from '../../../src/delivery/sending/once.ts'
import { markResolved, splitBatch } from '../../../src/delivery/sending/parts.ts'
import { prepare } from '../../../src/delivery/sending/preparing.ts'
import { giveUp, letBatchWait, settle } from '../../../src/delivery/sending/settling.ts'
import { listWaiting } from '../../../src/delivery/sending/waiting.ts'
import { JOIN_VERSIONS } from '../../../src/digest/joining/joining.ts'
import { NOTICE_VERSIONS } from '../../../src/digest/notice.ts'
import type { Edition } from '../../../src/edition/edition.ts'
import { LaterError } from '../../../src/errors.ts'
import { planAll, planDue } from '../../../src/jobs/plan.ts'
import type { Round } from '../../../src/jobs/round.ts'
import { sweepAway } from '../../../src/jobs/sweep.ts'
import { markAddress } from '../../../src/subscriber/address.ts'
import { markPaused, markUnsubscribed } from '../../../src/subscriber/store.ts'
import { ensureSuppression } from '../../../src/subscriber/suppression.ts'
import { endNoticeWaits } from '../../support/notices.ts'
import type { ReplayingProvider } from '../../support/replaying-provider.ts'
import { endWaits } from '../../support/round.ts'
import { takeChanges } from '../../support/state-log.ts'
import type { May } from './history-rules.ts'

/** Something that an owner has taken, up to the answer that it heard and has not written yet. */
export type Hand = { owner: number; provider?: ReplayingProvider; outcome?: BatchOutcome } & (
  | { kind: 'batch'; claimed: ClaimedBatch; ready?: { ids: number[]; request: BatchRequest } }
  | { kind: 'notice'; claimed: ClaimedNotice; ready?: { request: NoticeRequest } }
)

export interface Reader {
  id: number
  publicId: string
  addressHash: Buffer
  address: string
  /** Why nothing may be marked for them any more. */
  gone: 'left' | 'paused' | 'suppressed' | 'erased' | null
}

/** The little that a history knows beside the ledger. */
export interface World {
  round: Round
  providers: readonly ReplayingProvider[]
  editions: readonly Edition[]
  readers: Reader[]
  hands: Hand[]
  /** Keys of requests that a provider accepted something of. */
  taken: Set<string>
  /** Keys of which nobody knows, and those that must never be asked again. */
  doubtful: Set<string>
  dead: Set<string>
  /** What a provider saw that it must never see. */
  broken: string[]
  /** Inputs of what was marked, by key and subscriber. */
  inputs: Map<string, string>
  /** Edition and subscriber of what the operator sent once more. */
  again: Set<string>
  /** Subscribers who were erased. */
  erased: Set<number>
  /** Public ids of notices. */
  notices: Set<string>
  /** Events that came about, by table. */
  met: Set<string>
  /** How many days went by. */
  days: number
}

const DAY_MS = 86_400_000
const FAULTS = [
  'none',
  'none',
  'none',
  'taken, lost',
  'taken, lost',
  'taken, killed',
  'lost',
  'killed',
  'throttled',
  'throttled',
  'concurrent',
  'quota',
  'stopped',
  'mismatch',
  'apart',
  'apart',
] as const
type Fault = (typeof FAULTS)[number]

const REPORTS: ReportType[] = [
  'sent',
  'sent',
  'delayed',
  'delivered',
  'soft-bounce',
  'hard-bounce',
  'failed',
  'suppressed',
  'complained',
]

/** Each act returns what it may cause; without a word, nothing may change. */
export type Act = (world: World, pick: number) => Promise<May | undefined>

export const ACTS = {
  claim: claimNext,

  /** A claim of something at random, whose time may not have come. */
  async grab(world, pick) {
    const { db } = world.round
    const rows = await db.selectFrom('batches').select('id').orderBy('id').execute()
    const id = choose(rows, pick)?.id
    const claimed = id === undefined ? undefined : await claim(db, BATCH, id)
    if (claimed) world.hands.push({ kind: 'batch', owner: pick % 2, claimed })
    return { batches: ['claim'] }
  },

  /** An owner takes the next step with what it has: prepare, ask, or write the answer. */
  async work(world: World, pick: number): Promise<May | undefined> {
    const hand = choose(world.hands, pick)
    if (!hand) return claimNext(world, pick)
    if (hand.outcome) {
      await settleHand(world, hand)
      return maySettle(hand)
    }
    if (hand.ready) {
      await ask(world, hand, FAULTS[Math.floor(pick / 7) % FAULTS.length] as Fault)
      return undefined
    }
    const isReady = await orWait(() =>
      hand.kind === 'batch' ? prepareBatch(world, hand) : prepareOneNotice(world, hand),
    )
    if (!isReady) letGo(world, hand)
    else if (!hand.claimed.fixed) checkAddressees(world, hand)
    return mayPrepare(world, hand)
  },

  /** Whoever has a batch drops who left, before the mark or (what must be refused) after it. */
  async drop(world, pick) {
    const hand = choose(
      world.hands.filter(({ kind }) => kind === 'batch'),
      pick,
    )
    if (hand?.kind !== 'batch') return undefined
    const gone = world.readers.filter((reader) => reader.gone)
    const row = await world.round.db
      .selectFrom('batches')
      .select(['members', 'recipe_sha256 as hash'])
      .where('id', '=', hand.claimed.id)
      .executeTakeFirst()
    const leavers = gone
      .filter(({ id }) => row?.members.includes(id))
      .map(({ id }) => ({ subscriberId: id, reason: 'left' as const }))
    if (leavers.length === 0) return undefined
    const dropped = await dropMembers(world.round.db, hand.claimed, leavers)
    if (dropped && row?.hash) throw new Error('members were dropped from what was attempted')
    return { batches: ['leave'], deliveries: ['withhold'], by: hand }
  },

  async crash(world, pick) {
    world.hands = world.hands.filter(({ owner }) => owner !== pick % 2)
    return undefined
  },

  async wait(world) {
    await letTimePass(world)
    return undefined
  },

  /** No process sleeps a day with a request before it; an answer may still be under way. */
  async day(world) {
    for (const table of ['batches', 'notices']) {
      await sql`
        update ${sql.table(table)} set first_attempt_at = first_attempt_at - interval '25 hours'`.execute(
        world.round.db,
      )
    }
    world.days++
    world.hands = world.hands.filter(({ outcome }) => outcome)
    if (world.providers.some(({ replayMs }) => replayMs <= DAY_MS))
      for (const key of world.doubtful) world.dead.add(key)
    await takeChanges(world.round.db)
    return undefined
  },

  async sweep({ round }) {
    await sweepAway(round)
    return { notices: ['expire', 'prune'], deliveries: ['expire'] }
  },

  async leave(world, pick) {
    const reader = choose(world.readers, pick) as Reader
    await markUnsubscribed(world.round.db, reader.publicId)
    reader.gone ??= 'left'
    return undefined
  },

  async pause(world, pick) {
    const reader = choose(world.readers, pick) as Reader
    await markPaused(world.round.db, reader.id, '2999-12-31')
    reader.gone ??= 'paused'
    return undefined
  },

  async suppress(world, pick) {
    const reader = choose(world.readers, pick) as Reader
    await ensureSuppression(world.round.db, reader.addressHash, 'provider', new Date())
    reader.gone = reader.gone === 'erased' ? 'erased' : 'suppressed'
    return undefined
  },

  async move(world, pick) {
    const reader = choose(world.readers, pick) as Reader
    const address = `moved-${pick}-${reader.id}@example.org`
    const { db } = world.round
    const before = await db.transaction().execute((trx) => markAddress(trx, reader.id, address))
    if (before === undefined) return undefined
    const row = await db
      .selectFrom('subscribers')
      .select('address_hash')
      .where('id', '=', reader.id)
      .executeTakeFirstOrThrow()
    Object.assign(reader, { address, addressHash: row.address_hash })
    return undefined
  },

  async erase(world, pick) {
    const reader = choose(world.readers, pick) as Reader
    await world.round.db.transaction().execute((trx) => eraseSubscriber(trx, reader.id))
    reader.gone = 'erased'
    world.erased.add(reader.id)
    return { batches: ['erase'], notices: ['erase'], deliveries: ['withhold'] }
  },

  async report(world, pick) {
    const mail = choose(
      world.providers.flatMap(({ accepted }) => accepted),
      pick,
    )
    if (!mail) return undefined
    const type = REPORTS[Math.floor(pick / 7) % REPORTS.length] as ReportType
    const named = world.notices.has(mail.publicId)
      ? { delivery: null, notice: mail.publicId }
      : { delivery: mail.publicId, notice: null }
    const facts = { providerId: `id-${mail.publicId}`, address: mail.to, at: new Date() }
    await markReported(world.round.db, { id: randomUUID(), type, ...named, ...facts })
    const grave = ['hard-bounce', 'suppressed', 'complained'].includes(type)
    for (const reader of world.readers) if (grave && reader.address === mail.to) reader.gone ??= 'suppressed'
    return { batches: ['account'], notices: ['settle'], deliveries: ['account'] }
  },

  /** The hour of everybody comes, with one edition more. */
  async morning(world) {
    const { db } = world.round
    const waiting = sql`(select min(id) from editions where frozen_at = 'infinity')`
    await sql`update editions set frozen_at = now() - interval '25 hours' where id = ${waiting}`.execute(db)
    await sql`update deliveries set local_date = date '2000-01-01' + edition_id where local_date is not null`.execute(
      db,
    )
    await sql`update reader_clocks set next_due_at = now() - interval '1 minute', waiting_since = now() - interval '60 days'`.execute(
      db,
    )
    await planDue(world.round)
    return {
      batches: ['plan', 'overtake'],
      deliveries: ['plan', 'pass-over', 'withhold'],
      notices: ['ask'],
    }
  },

  async byHand(world, pick) {
    const edition = choose(world.editions, pick) as Edition
    await planAll(world.round, edition, pick % 3 === 0 ? (choose(world.readers, pick)?.address ?? null) : null)
    return { batches: ['plan'], deliveries: ['plan', 'pass-over'] }
  },

  async ration({ round, providers }, pick) {
    const batchSize = providers[0]?.batchSize as number
    const freeAt = new Date(Date.now() + 60_000)
    const { latenessMs } = round
    await rationWaiting(round.db, { mails: pick % 4, batchSize, reason: 'quota: tomorrow', freeAt, latenessMs })
    return { batches: ['ration', 'part'], deliveries: ['withhold'] }
  },

  /** Another batch size, and a quota that may be short. */
  async resize({ providers }, pick) {
    for (const provider of providers) {
      provider.batchSize = 1 + (pick % 4)
      provider.quota = pick % 3 === 0 ? { day: pick % 8, month: null } : NO_QUOTA
    }
    return undefined
  },

  async resume({ round, editions }) {
    for (const { id } of editions) await markResumed(round.db, id)
    return { batches: ['resume'] }
  },

  async again({ round, editions }, pick) {
    const { id } = choose(editions, pick) as Edition
    await markResolved(round.db, id, round.linkKeys.currentKeyId)
    return { batches: ['resolve', 'part'], deliveries: ['again'] }
  },

  async leaveUnknown({ round, editions }, pick) {
    const { id } = choose(editions, pick) as Edition
    await markResolved(round.db, id, null)
    return { batches: ['resolve'], deliveries: ['drop'] }
  },

  async askNotice(world, pick) {
    const { db, linkKeys } = world.round
    const { id: subscriberId, address, gone } = choose(world.readers, pick) as Reader
    if (gone === 'erased') return undefined
    const words = { subject: 'No digest today', title: 'No digest today', paragraphs: ['Nothing.'], why: 'You read.' }
    const id =
      pick % 2 === 0
        ? await askLink(world.round, subscriberId, 'export')
        : await insertNotice(db, linkKeys, { kind: 'note', subscriberId, address, ...words })
    if (id === null) return undefined
    const row = await db.selectFrom('notices').select('public_id').where('id', '=', id).executeTakeFirstOrThrow()
    world.notices.add(row.public_id)
    return { notices: ['ask'] }
  },
} satisfies Record<string, Act>

/** Takes something whose time has come. */
async function claimNext(world: World, pick: number): Promise<May | undefined> {
  const { db } = world.round
  const [batches, notices] = [await listWaiting(db, BATCH, 100), await listWaiting(db, NOTICE, 100)]
  const all = [...batches.map((id) => ({ subject: BATCH, id })), ...notices.map((id) => ({ subject: NOTICE, id }))]
  const found = choose(all, pick)
  if (!found) return undefined
  const owner = pick % 2
  if (found.subject === BATCH) {
    const claimed = await claim(db, BATCH, found.id)
    if (claimed) world.hands.push({ kind: 'batch', owner, claimed })
    return { batches: ['claim'] }
  }
  const claimed = await claim(db, NOTICE, found.id)
  if (claimed) world.hands.push({ kind: 'notice', owner, claimed })
  return { notices: ['claim'] }
}

/** Ends every wait, lease and stop that ends by itself. */
export async function letTimePass({ round: { db } }: World): Promise<void> {
  await endWaits(db)
  await endNoticeWaits(db)
  for (const table of ['editions', 'providers']) {
    await sql`
      update ${sql.table(table)} set stopped_until = now() - interval '1 second' where stopped_until is not null`.execute(
      db,
    )
  }
  await takeChanges(db)
}

function choose<T>(list: readonly T[], pick: number): T | undefined {
  return list[pick % Math.max(1, list.length)]
}

function letGo(world: World, hand: Hand): void {
  world.hands = world.hands.filter((other) => other !== hand)
}

/** As jobs/dispatch.ts, up to the request. */
async function prepareBatch({ round }: World, hand: Hand & { kind: 'batch' }): Promise<boolean> {
  const { claimed } = hand
  const way = await findWay(round, claimed.fixed, JOIN_VERSIONS)
  if (way.kind === 'over') await giveUp(round, BATCH, claimed, way.reason)
  if (way.kind === 'shut') await letBatchWait(round, claimed, way.out)
  if (way.kind !== 'open') return false
  const { provider, allowance } = way.route
  const most = Math.min(provider.batchSize, allowance.mails)
  if (!claimed.fixed && claimed.size > most) await splitBatch(round.db, claimed, most, provider.batchSize)
  if (!claimed.fixed && claimed.size > most) return false
  const ready = await prepare(round, provider, claimed)
  if (ready === 'over') await markReleased(round.db, BATCH, claimed)
  if (ready === 'changed') await giveUp(round, BATCH, claimed, 'changed')
  if (typeof ready !== 'object') return false
  Object.assign(hand, { ready, provider })
  return true
}

/** As jobs/notify.ts, up to the request. */
async function prepareOneNotice({ round }: World, hand: Hand & { kind: 'notice' }): Promise<boolean> {
  const { claimed } = hand
  const way = await findWay(round, claimed.fixed, NOTICE_VERSIONS)
  if (way.kind === 'over') await giveUp(round, NOTICE, claimed, way.reason)
  if (way.kind === 'shut') await letNoticeWait(round, claimed, way.out)
  if (way.kind !== 'open') return false
  const { provider } = way.route
  const reason = reasonToWithhold(provider, claimed)
  if (reason !== null) await markNoticeWithheld(round.db, claimed, reason)
  if (reason !== null) return false
  const request = await prepareNotice(round, provider, claimed)
  if (request === 'changed') await giveUp(round, NOTICE, claimed, 'changed')
  if (typeof request !== 'object') return false
  Object.assign(hand, { ready: { request }, provider })
  return true
}

function mayPrepare(world: World, hand: Hand): May {
  if (!hand.claimed.fixed) {
    return hand.kind === 'batch'
      ? { batches: ['mark', 'leave', 'split', 'part', 'release', 'defer'], deliveries: ['withhold'], by: hand }
      : { notices: ['mark', 'withhold', 'defer'], by: hand }
  }
  // Given up only where the provider no longer replays, or its reader's own row is gone.
  const isExplained = world.days > 0 || world.erased.size > 0 || world.providers.some(({ replayMs }) => replayMs === 0)
  const events = ['mark', 'put-back', ...(isExplained ? (['give-up'] as const) : [])] as const
  return hand.kind === 'batch' ? { batches: events, by: hand } : { notices: events, by: hand }
}

/** Given up only where the provider no longer replays, or a member's own row is gone. */
function mayGiveUp({ days, erased, providers }: World): 'give-up'[] {
  return days > 0 || erased.size > 0 || providers.some(({ replayMs }) => replayMs === 0) ? ['give-up'] : []
}

/** What the jobs may cause while providers take everything. */
export function mayRunOut(world: World): May {
  const events = ['claim', 'mark', 'settle', ...mayGiveUp(world)] as const
  return {
    batches: [...events, 'leave', 'split', 'part', 'halve', 'reject'],
    notices: [...events, 'withhold'],
    deliveries: ['withhold', 'settle'],
  }
}

/** What was never attempted is marked for nobody who must not get it. */
function checkAddressees(world: World, hand: Hand): void {
  if (!hand.ready) return
  const mails = 'mails' in hand.ready.request ? hand.ready.request.mails : [hand.ready.request.notice]
  for (const { to } of mails) {
    const reader = world.readers.find(({ address }) => address === to)
    const mayGet = hand.kind === 'batch' ? [null] : [null, 'paused', 'left']
    if (!reader || !mayGet.includes(reader.gone)) throw new Error(`marked for ${to}, who is ${reader?.gone ?? 'moved'}`)
  }
}

/** Asks a provider; what becomes of it stays in the owner's hand, however long. */
async function ask(world: World, hand: Hand, fault: Fault): Promise<void> {
  const { ready, provider } = hand
  if (!ready || !provider) return
  const key = ready.request.idempotencyKey
  const take = () => ('mails' in ready.request ? provider.send(ready.request) : provider.sendNotice(ready.request))
  const words = fault.split(', ')
  const last = words.at(-1)
  if (world.dead.has(key)) world.broken.push(`${key} was asked again when nothing replays it any more`)
  if (last === 'lost' || last === 'killed' || last === 'concurrent') world.doubtful.add(key)
  if (words[0] === 'taken') await take()
  if (world.doubtful.has(key) && provider.replayMs === 0) world.dead.add(key)
  if (last === 'killed') letGo(world, hand)
  else if (last === 'apart' && hand.kind === 'batch' && provider.replayMs === 0)
    hand.outcome = await takeApart(provider, hand.ready?.request as BatchRequest)
  else hand.outcome = answerOf(last) ?? (await take())
}

/** The answers that are no answer of the provider's memory. */
function answerOf(word: string | undefined): BatchOutcome | undefined {
  switch (word) {
    case 'lost':
      return { kind: 'unknown', reason: 'the connection was cut' }
    case 'throttled':
      return { kind: 'throttled', retryAfterMs: 60_000 }
    case 'concurrent':
      return { kind: 'concurrent', retryAfterMs: 1_000 }
    case 'quota':
      return { kind: 'quota', reason: 'the quota is used up', retryAfterMs: 60_000 }
    case 'stopped':
      return { kind: 'stopped', reason: 'the key was refused' }
    case 'mismatch':
      return { kind: 'mismatch', reason: 'known with another payload' }
  }
  return undefined
}

/** Takes mails one by one, as SMTP does: put off, of unknown outcome with and without a mail. */
async function takeApart(provider: ReplayingProvider, request: BatchRequest): Promise<BatchOutcome> {
  const outcomes = request.mails.map((mail, index): MailOutcome => {
    if (mail.to.startsWith('reject@')) return { state: 'rejected', reason: 'no such mailbox' }
    if (mail.to.startsWith('poison@')) return { state: 'rejected', reason: 'poison' }
    if (index % 4 === 1) return { state: 'deferred', reason: 'try later', retryAfterMs: 1_000 }
    if (index % 4 === 2) return { state: 'unknown', reason: 'the connection was cut' }
    return { state: 'submitted', providerId: `id-${mail.publicId}` }
  })
  const mails = request.mails.filter((_, index) => ['submitted', 'unknown'].includes(outcomes[index]?.state as string))
  if (mails.length > 0) await provider.send({ ...request, mails })
  return { kind: 'answered', outcomes }
}

/** Writes what an owner heard. */
export async function settleHand(world: World, hand: Hand): Promise<void> {
  const { provider, outcome } = hand
  letGo(world, hand)
  if (!hand.ready || !provider || !outcome) return
  await orWait(async () => {
    if (hand.kind === 'batch' && hand.ready) await settle(world.round, hand.claimed, provider, hand.ready.ids, outcome)
    if (hand.kind === 'notice') await settleNotice(world.round, hand.claimed, provider, outcome)
    return false
  })
}

/** What the answer in a hand may lead to. */
export function maySettle(hand: Hand): May {
  const { outcome, provider, kind } = hand
  const waits = hand.claimed.fixed ? 'put-back' : 'defer'
  switch (outcome?.kind) {
    case 'answered':
      return kind === 'batch'
        ? { batches: ['settle', 'part'], deliveries: ['settle'], by: hand }
        : { notices: ['settle', waits, 'give-up'], by: hand }
    case 'refused':
      return kind === 'batch'
        ? { batches: ['halve', 'part', 'reject'], deliveries: ['settle'], by: hand }
        : { notices: ['settle'], by: hand }
    case 'throttled':
    case 'quota':
    case 'stopped':
      return { batches: [waits], notices: [waits], by: hand }
    case 'unknown': {
      const events = provider?.replayMs === 0 ? (['give-up'] as const) : (['repeat'] as const)
      return { batches: events, notices: events, by: hand }
    }
    case 'concurrent':
      return { batches: ['repeat'], notices: ['repeat'], by: hand }
    default:
      return { batches: ['give-up'], notices: ['give-up'], by: hand }
  }
}

/** A wait that a step asks for is no failure of it. */
async function orWait(step: () => Promise<boolean>): Promise<boolean> {
  try {
    return await step()
  } catch (error) {
    if (error instanceof LaterError) return false
    throw error
  }
}
