// Decides who gets which selection of which edition and writes one delivery a reader. Nothing is fixed yet: the mark does that.
import type { Transaction } from 'kysely'
import { lockInTransaction } from '../database/client.ts'
import type { Database } from '../database/schema.ts'
import { getAccounts } from '../delivery/accounting.ts'
import type { Accounts } from '../delivery/delivery.ts'
import { claimAllReaders, claimDueReaders, insertDeliveries, listReaderGroups } from '../delivery/planning.ts'
import { indexPlaces } from '../digest/place-index.ts'
import { selectPapers } from '../digest/selection.ts'
import { ensureSelections } from '../digest/store.ts'
import type { Edition } from '../edition/edition.ts'
import { listPlaces } from '../edition/store.ts'
import type { Round } from './round.ts'

type PlanRound = Pick<Round, 'db' | 'provider' | 'templates' | 'linkKeys' | 'cutoffMinutes' | 'latenessMs' | 'logger'>

/** Plans for everyone whose hour has come. Returns how many readers were looked at; call again while that is not 0. */
export async function planDue(round: PlanRound): Promise<number> {
  return inTurn(round, async (trx) => {
    const { editionIds, readers } = await claimDueReaders(trx, round)
    for (const id of editionIds) await planEdition(round, trx, id)
    return readers
  })
}

/** Plans one frozen edition for everyone of its kind, or for one address, whatever their hour. Returns how many mails are to go. */
export async function planAll(round: PlanRound, edition: Edition, only: string | null): Promise<number> {
  return inTurn(round, async (trx) => {
    await claimAllReaders(trx, edition, only)
    return planEdition(round, trx, edition.id)
  })
}

/** Returns the accounts that planAll would lead to, and leaves everything as it is. */
export async function rehearseAll(round: PlanRound, edition: Edition, only: string | null): Promise<Accounts> {
  let accounts: Accounts | undefined
  const undo = new Error('a rehearsal is rolled back')
  await inTurn(round, async (trx) => {
    await claimAllReaders(trx, edition, only)
    await planEdition(round, trx, edition.id)
    accounts = await getAccounts(trx, edition.id)
    throw undo
  }).catch((error: unknown) => {
    if (error !== undo) throw error
  })
  return accounts as Accounts
}

async function planEdition(round: PlanRound, trx: Transaction<Database>, editionId: number): Promise<number> {
  const index = indexPlaces(await listPlaces(trx, editionId), round.templates.topics)
  const groups = await listReaderGroups(trx, editionId)
  const selections = groups.map((group) => selectPapers(index, group.choices, new Set(group.had)))
  const kept = groups.flatMap((group, index) => {
    const selection = selections[index]
    return selection && selection.papers.length > 0 ? [{ group, selection }] : []
  })
  const ids = await ensureSelections(
    trx,
    editionId,
    kept.map(({ group, selection }) => ({ ...selection, length: group.choices.length })),
  )
  const selectionOf = new Map(kept.map(({ group }, index) => [group, ids[index] as number]))
  const planned = await insertDeliveries(trx, {
    editionId,
    groups: groups.map((group) => ({ ...group, selectionId: selectionOf.get(group) ?? null })),
    batchSize: round.provider.batchSize,
    keyId: round.linkKeys.currentKeyId,
  })
  round.logger.info(
    { event: 'edition.planned', editionId, planned, groups: groups.length, selections: new Set(ids).size },
    'an edition was planned',
  )
  return planned
}

/** One planner at a time: selections are numbered and never-twice is read from what others planned. */
async function inTurn<T>(round: PlanRound, work: (trx: Transaction<Database>) => Promise<T>): Promise<T> {
  return round.db.transaction().execute(async (trx) => {
    await lockInTransaction(trx, 'plan')
    return work(trx)
  })
}
