// One edition under fire: planned for everyone, followed until nothing of it can move, and held
// against the referee's log.

import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { getAccounts } from '../../src/delivery/account/accounting.ts'
import { type Accounts, addsUp } from '../../src/delivery/delivery.ts'
import { providerIdSql } from '../../src/delivery/sending/provider-id.ts'
import { isUnsettledSql } from '../../src/delivery/sending/transitions.ts'
import { planAll } from '../../src/jobs/plan.ts'
import { DEFAULT_RHYTHM, parseChoices } from '../../src/subscriber/preferences.ts'
import { insertSubscribers } from '../../src/subscriber/store.ts'
import { freezeEdition, only } from '../support/round.ts'
import type { World } from './world.ts'

export interface EditionUnderFire {
  id: number
  /** As the referee sees it in every mail's tag. */
  tag: string
  /** Who is to get it: subscribers by the address that their delivery took. */
  due: Map<string, number>
  /**
   * Who left, paused or moved after planning, as the harness itself made them: those may be
   * withheld.
   */
  left: Set<number>
}

/**
 * Nothing has moved for so long, and nothing is about to: what is not there by now will not come.
 */
const STILL_MS = 25_000
/** Looks that must agree on it: on a busy machine one may take seconds. */
const STILL_LOOKS = 40
/** Of an edition's readers, those that may leave, pause or move. */
const STIRRED_SHARE = 0.2
const LOOK_EVERY_MS = 150

/**
 * Adds `count` readers with a few different choices. Their hour never comes: editions are planned
 * for everyone at once.
 */
export async function addReaders({ round }: Pick<World, 'round'>, count: number): Promise<void> {
  for (let first = 0; first < count; first += 1_000) {
    await insertSubscribers(
      round.db,
      Array.from({ length: Math.min(1_000, count - first) }, (_, index) => ({
        ...DEFAULT_RHYTHM,
        address: `reader-${first + index}@example.net`,
        choices: parseChoices({ papers: 1 + (index % 4) }),
        consentSource: 'crash',
      })),
    )
  }
}

/** Freezes the edition of a date of its own and plans it for everyone confirmed. */
export async function planEdition(
  { round }: Pick<World, 'round'>,
  number: number,
  batchSize: number,
): Promise<EditionUnderFire> {
  const { db } = round
  await sql`update subscribers set consent = 'confirmed', paused_until = null`.execute(db)
  await sql`update reader_clocks set next_due_at = now() + interval '1 year'`.execute(db)
  // Every edition takes the reader's one digest of a day: what earlier ones took is moved out of
  // its way.
  await sql`update deliveries set local_date = date '2000-01-01' + edition_id where local_date is not null`.execute(db)
  const date = new Date(Date.UTC(2024, 0, 1 + number)).toISOString().slice(0, 10)
  const edition = await freezeEdition(round, date)
  await planAll({ ...round, ...only({ ...round.providers[0], batchSize }) }, edition, null)
  // Some may have left already, and with it the ledger's copy of their address.
  const { rows } = await sql<{ address: string; id: number }>`
    select s.address, s.id from deliveries d join subscribers s on s.id = d.subscriber_id where d.edition_id = ${edition.id}`.execute(
    db,
  )
  return {
    id: edition.id,
    tag: `${date}-daily`,
    due: new Map(rows.map((row) => [row.address, row.id])),
    left: new Set(),
  }
}

/**
 * Follows an edition until it is settled, or stands still for good. Every look checks that the
 * accounts add up and that the referee has seen nobody twice; `report` gets each violation.
 */
export async function followEdition(
  { round: { db }, judge }: Pick<World, 'round' | 'judge'>,
  edition: EditionUnderFire,
  report: (violation: string) => void,
  { isOver, isBusy }: { isOver: () => boolean; isBusy: () => boolean },
): Promise<number> {
  let looks = 0
  let known = ''
  let movedAt = Date.now()
  let unmoved = 0
  for (;;) {
    await judge.read()
    // While its server is down nobody can be asked, which says nothing about the ledger.
    const state = await lookAt(db, edition.id).catch(() => undefined)
    // Whoever is about to work on it may need a while to start.
    if (!state || isBusy()) unmoved = 0
    if (state) {
      looks += 1
      if (!addsUp(state.accounts)) report(`accounts do not add up: ${JSON.stringify(state.accounts)}`)
      if (state.standing === 0) return looks
      const now = JSON.stringify(state.accounts)
      unmoved = now === known && state.nextInMs <= 0 ? unmoved + 1 : 0
      known = now
      // Nothing has a next attempt: it is left for good.
      if (state.forGood === state.standing) return looks
    }
    if (unmoved === 0) movedAt = Date.now()
    if ((unmoved > STILL_LOOKS && Date.now() - movedAt > STILL_MS) || isOver()) return looks
    await sleep(LOOK_EVERY_MS)
  }
}

async function lookAt(db: World['round']['db'], editionId: number) {
  const accounts: Accounts = await getAccounts(db, editionId)
  const { rows } = await sql<{ standing: number; forGood: number; nextInMs: number }>`
    select count(*) as standing, count(*) filter (where next_attempt_at = 'infinity') as "forGood",
      coalesce(max(extract(epoch from next_attempt_at - clock_timestamp())) filter (where next_attempt_at < 'infinity'), 0)::float8 * 1000 as "nextInMs"
    from batches where edition_id = ${editionId} and ${isUnsettledSql('batches')}`.execute(db)
  return { accounts, ...(rows[0] as { standing: number; forGood: number; nextInMs: number }) }
}

/** Lets a few readers go, move or change: the bytes of what is fixed must not follow. */
export async function stir(
  { round: { db } }: Pick<World, 'round'>,
  edition: EditionUnderFire,
  dice: () => number,
): Promise<void> {
  const ids = [...edition.due.values()]
  if (edition.left.size > ids.length * STIRRED_SHARE) return
  const some = Array.from({ length: 3 }, () => ids[Math.floor(dice() * ids.length)] as number)
  // Before it is written: the stores may die behind a commit whose answer nobody hears.
  for (const id of some) edition.left.add(id)
  await leave(db, edition, some.slice(0, 1))
  await sql`update subscribers set token_epoch = token_epoch + 1, address = 'x' || address where id = ${some[1]}`.execute(
    db,
  )
  await sql`update subscribers set paused_until = '2999-01-01' where id = ${some[2]}`.execute(db)
}

/** Lets readers go for good; whoever was not fixed yet may be withheld. */
export async function leave(
  db: World['round']['db'],
  edition: EditionUnderFire,
  ids: readonly number[],
): Promise<void> {
  for (const id of ids) edition.left.add(id)
  await sql`update subscribers set consent = 'unsubscribed' where id = any(${[...ids]}::int[])`.execute(db)
}

/**
 * Returns what the ledger and the referee disagree on once an edition is over, and how many were
 * lost.
 */
export async function judgeEdition(
  { round: { db }, judge }: Pick<World, 'round' | 'judge'>,
  edition: EditionUnderFire,
): Promise<{ lost: number; violations: string[] }> {
  await judge.read()
  const seen = judge.seen(edition.tag)
  const { rows } = await sql<{ id: number; state: string; reason: string | null; providerId: string | null }>`
    select subscriber_id as id, state, reason, ${providerIdSql('d')} as "providerId" from deliveries d where edition_id = ${edition.id}`.execute(
    db,
  )
  const ledger = new Map(rows.map((row) => [row.id, row]))
  const violations: string[] = []
  let lost = 0
  for (const [address, id] of edition.due) {
    const ids = seen.get(address)
    const row = ledger.get(id)
    if (ids === undefined) {
      const spared = edition.left.has(id) && row?.state === 'withheld'
      if (!spared) lost += 1
    } else if (row?.state !== 'submitted' || !ids.includes(row.providerId ?? '')) {
      violations.push(`the referee saw subscriber ${id}, the ledger says ${row?.state}`)
    }
  }
  for (const address of seen.keys())
    if (!edition.due.has(address)) violations.push('the referee saw somebody who was not due')
  const accounts = await getAccounts(db, edition.id)
  if (accounts.waiting + accounts.unknown + accounts.rejected > 0)
    violations.push(`left over: ${JSON.stringify(accounts)}`)
  return { lost, violations }
}
