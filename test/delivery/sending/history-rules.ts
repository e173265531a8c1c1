// What must hold after each step of a history (machine.test.ts): every change of a row is an event
// of the table that this step may cause, and what the provider knows is what the ledger says.
import { type Kysely, sql } from 'kysely'
import type { Database } from '../../../src/database/schema.ts'
import { getAccounts } from '../../../src/delivery/account/accounting.ts'
import { addsUp } from '../../../src/delivery/delivery.ts'
import {
  BATCH_LIFE,
  type BatchEvent,
  DELIVERY_LIFE,
  NOTICE_LIFE,
  type NoticeEvent,
  type Transition,
} from '../../../src/delivery/sending/transitions.ts'
import { type Change, type Row, type StateTable, takeChanges } from '../../support/state-log.ts'
import type { Hand, World } from './history-acts.ts'
import { endsOf } from './states-picture.ts'

const LIVES: Record<StateTable, Readonly<Record<string, Transition<string>>>> = {
  batches: BATCH_LIFE,
  notices: NOTICE_LIFE,
  deliveries: DELIVERY_LIFE,
}

/** Whatever these leave behind is attempted again. */
const COME_BACK: readonly string[] = ['mark', 'claim', 'release', 'defer', 'put-back', 'repeat']

/** These take the lease from whoever has it. */
const TAKE_LEASE: readonly string[] = ['claim', 'erase', 'overtake']

/** What a step may cause. `by` is the hand whose writes are fenced. */
export interface May {
  batches?: readonly BatchEvent[]
  notices?: readonly NoticeEvent[]
  deliveries?: readonly (keyof typeof DELIVERY_LIFE)[]
  by?: Hand
}

/** A delivery with what its batch says of it. */
interface LedgerRow {
  edition_id: number
  subscriber_id: number
  public_id: string
  state: string
  reason: string | null
  batch: string | null
  key: string | null
  for_good: boolean | null
  is_member: boolean | null
  /** Batches that are not over and have its reader among their members. */
  homes: number
  inputs: string
}

/** Throws at the first thing that must not be. */
export async function check(world: World, may: May): Promise<void> {
  for (const change of await takeChanges(world.round.db)) {
    checkEvent(world, change, may)
    checkFixed(world, change)
    if (may.deliveries?.includes('again')) noteAgain(world, change)
  }
  await checkLedger(world)
}

function checkEvent(world: World, change: Change, may: May): void {
  const { table, before, after } = change
  const life = LIVES[table]
  const [from, to] = [before?.state ?? '[*]', after?.state ?? '[*]']
  const isForGood = after?.next_attempt_at === 'infinity'
  const events = (may[table] ?? []).filter(
    (event) =>
      endsOf(life[event] as Transition<string>).some((ends) => ends[0] === from && ends[1] === to) &&
      (!isForGood || !COME_BACK.includes(event)) &&
      (!before || !after || (before.lease_epoch !== after.lease_epoch) === TAKE_LEASE.includes(event)),
  )
  if (events.length === 0) {
    fail(`${from} → ${to} is none of: ${(may[table] ?? []).join(', ') || 'nothing may change'}`, change)
  }
  if (events.length === 1) world.met.add(`${table} ${events[0]}`)
  if (events.includes('claim' as never) && Date.parse(String(before?.next_attempt_at)) > Date.parse(change.at)) {
    fail('claimed while its time had not come', change)
  }
  const mine = may.by !== undefined && table === tableOf(may.by) && before?.id === may.by.claimed.id
  const fenced = events.every((event) => life[event]?.by === 'holder')
  if (mine && fenced && before?.lease_epoch !== may.by?.claimed.epoch) {
    fail(`${events.join(' or ')} by epoch ${may.by?.claimed.epoch}`, change)
  }
}

/** What was attempted stays as it was until it is settled, or freed: nothing was accepted. */
function checkFixed(world: World, change: Change): void {
  const { before, after } = change
  const key = before?.idempotency_key
  if (!before || !after || typeof key !== 'string' || hashOf(before) === null) return
  if (hashOf(after) === null) {
    if (after.state !== 'deferred') fail('forgot what was attempted', change)
    if (world.taken.has(key)) fail('freed what was accepted', change)
    return
  }
  if (hashOf(after) !== hashOf(before) || after.idempotency_key !== key || after.provider !== before.provider) {
    fail('other bytes, key or provider for what was attempted', change)
  }
  if (after.state !== 'settled' && String(after.members) !== String(before.members)) {
    fail('lost members of what was attempted', change)
  }
}

/** Keeps whom the operator sent to once more: they alone may get two. */
function noteAgain(world: World, { table, before, after }: Change): void {
  if (table !== 'batches' || before || !after) return
  for (const id of after.members as number[]) world.again.add(`${after.edition_id} ${id}`)
}

async function checkLedger(world: World): Promise<void> {
  if (world.broken.length > 0) throw new Error(world.broken.join('; '))
  const accepted = countAccepted(world)
  const rows = await listLedger(world.round.db)
  for (const row of rows) {
    const name = `${row.edition_id} ${row.subscriber_id}`
    const count = accepted.get(row.public_id) ?? 0
    const isAgain = world.again.has(name)
    if (count > 1 && !isAgain) fail('accepted twice', row)
    if (row.state === 'withheld' && row.reason === null) fail('withheld without a reason', row)
    if ((row.state === 'withheld' || row.state === 'rejected') && count > 0 && !isAgain) {
      fail('was accepted and says it was not', row)
    }
    if (row.state === 'submitted' && count === 0) fail('says that it was accepted and was not', row)
    if (row.state === 'planned' && (row.homes !== 1 || !row.is_member || isOver(row.batch))) {
      fail('waits in no batch, or in several', row)
    }
    checkInputs(world, row)
  }
  const editions = new Set(rows.map((row) => row.edition_id))
  for (const id of editions) {
    const accounts = await getAccounts(world.round.db, id)
    if (!addsUp(accounts)) fail('accounts that do not add up', accounts)
  }
  for (const row of await listNotices(world.round.db)) {
    const count = accepted.get(row.public_id) ?? 0
    if (count > 1) fail('a notice was accepted twice', row)
    if (row.state === 'submitted' && count === 0) fail('a notice says that it was accepted and was not', row)
    if ((row.state === 'withheld' || row.state === 'rejected') && count > 0) {
      fail('a notice was accepted and says it was not', row)
    }
  }
}

/** While a request may be repeated, everything that its bytes are made of stays as it was. */
function checkInputs(world: World, row: LedgerRow): void {
  const mayRepeat = (row.batch === 'attempting' || row.batch === 'unknown') && !row.for_good && row.is_member
  if (!mayRepeat || world.erased.has(row.subscriber_id)) return
  const key = `${row.key} ${row.subscriber_id}`
  const known = world.inputs.get(key)
  if (known === undefined) world.inputs.set(key, row.inputs)
  else if (known !== row.inputs) fail(`its inputs were ${known}`, row)
}

/**
 * Throws unless everybody came to exactly one end. What is unknown for good has its explanation: no
 * step may give up, drop or expire without one.
 */
export async function checkEnd(world: World): Promise<void> {
  await check(world, {})
  for (const row of await listLedger(world.round.db)) {
    const isUnknown = row.state === 'unknown' || (row.state === 'planned' && row.batch === 'unknown' && row.for_good)
    if (!isUnknown && !['submitted', 'withheld', 'rejected'].includes(row.state)) fail('nobody cares for it', row)
  }
  for (const row of await listNotices(world.round.db)) {
    const isUnknown = row.state === 'unknown' && row.for_good
    if (!isUnknown && !['submitted', 'withheld', 'rejected'].includes(row.state)) fail('nobody cares for a notice', row)
  }
}

function countAccepted({ providers }: World): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { publicId } of providers.flatMap(({ accepted }) => accepted)) {
    counts.set(publicId, (counts.get(publicId) ?? 0) + 1)
  }
  return counts
}

async function listLedger(db: Kysely<Database>): Promise<LedgerRow[]> {
  const { rows } = await sql<LedgerRow>`
    select d.edition_id, d.subscriber_id, d.public_id, d.state, d.reason, b.state as batch, b.idempotency_key as key,
      b.next_attempt_at = 'infinity' as for_good, d.subscriber_id = any(b.members) as is_member,
      (select count(*)::int from batches o where o.edition_id = d.edition_id and o.state not in ('settled', 'halved')
        and d.subscriber_id = any(o.members)) as homes,
      concat_ws(' ', d.address, d.token_epoch, d.key_id, d.issued_at, d.selection_id) as inputs
    from deliveries d left join batches b on b.id = d.batch_id`.execute(db)
  return rows
}

async function listNotices(db: Kysely<Database>): Promise<{ public_id: string; state: string; for_good: boolean }[]> {
  const forGood = sql<boolean>`next_attempt_at = 'infinity'`.as('for_good')
  return db.selectFrom('notices').select(['public_id', 'state', 'reason', forGood]).execute()
}

const tableOf = ({ kind }: Hand) => (kind === 'batch' ? 'batches' : 'notices')
const hashOf = (row: Row) => row.recipe_sha256 ?? row.mail_sha256 ?? null
const isOver = (batch: string | null) => batch === 'settled' || batch === 'halved'

function fail(what: string, about: object): never {
  throw new Error(`${what}: ${JSON.stringify(about)}`)
}
