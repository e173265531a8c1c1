// Decides who gets which selection of which edition and writes one delivery a reader. Nothing is
// fixed yet: the mark does that.
import type { Transaction } from 'kysely'
import { lockInTransaction } from '../database/client.ts'
import type { Database } from '../database/schema.ts'
import { getAccounts } from '../delivery/account/accounting.ts'
import type { Accounts } from '../delivery/delivery.ts'
import { claimAllReaders, claimDueReaders } from '../delivery/planning/due.ts'
import { insertNotes } from '../delivery/planning/notes.ts'
import { insertDeliveries, listReaderGroups, type ReaderGroup } from '../delivery/planning/planning.ts'
import { selectDigest } from '../digest/opening.ts'
import { indexPlaces, type PlaceIndex } from '../digest/place-index.ts'
import { ensureSelections } from '../digest/store.ts'
import type { Edition } from '../edition/edition.ts'
import { getEdition, listPlaces } from '../edition/store.ts'
import type { Round } from './round.ts'

type PlanRound = Pick<Round, 'db' | 'providers' | 'templates' | 'linkKeys' | 'cutoffMinutes' | 'latenessMs' | 'logger'>

/**
 * Selections that are in memory at one time: with the remarks of fifty papers each a few megabytes.
 */
const GROUPS_A_STEP = 2_000

/**
 * Plans for everyone whose hour has come. Returns how many readers were looked at; call again while
 * that is not 0.
 */
export async function planDue(round: PlanRound): Promise<number> {
  return inTurn(round, async (trx) => {
    const { editionIds, readers } = await claimDueReaders(trx, round)
    for (const id of editionIds) await planEdition(round, trx, id)
    await insertNotes(trx, round.cutoffMinutes)
    return readers
  })
}

/**
 * Plans one frozen edition for everyone of its kind, or for one address, whatever their hour.
 * Returns how many mails are to go.
 */
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
  const edition = await getEdition(trx, editionId)
  const groups = await listReaderGroups(trx, editionId)
  const selected: (ReaderGroup & { selectionId: number | null })[] = []
  for (let from = 0; from < groups.length; from += GROUPS_A_STEP) {
    selected.push(...(await selectFor(trx, edition, index, groups.slice(from, from + GROUPS_A_STEP))))
  }
  const planned = await insertDeliveries(trx, {
    editionId,
    groups: selected,
    batchSize: round.providers[0].batchSize,
    keyId: round.linkKeys.currentKeyId,
  })
  round.logger.debug(
    { event: 'readers.planned', editionId, planned, groups: groups.length, selections: countSelections(selected) },
    'readers of an edition were planned',
  )
  return planned
}

/** Makes or shares the selection of each group; null where its choices leave nothing. */
async function selectFor(
  trx: Transaction<Database>,
  edition: Pick<Edition, 'id' | 'date' | 'kind'>,
  index: PlaceIndex,
  groups: readonly ReaderGroup[],
): Promise<(ReaderGroup & { selectionId: number | null })[]> {
  const made = groups.map(({ choices, had }) => ({
    ...selectDigest(edition, index, choices, new Set(had)),
    length: choices.length,
  }))
  const ids = await ensureSelections(
    trx,
    edition.id,
    made.filter(({ papers }) => papers.length > 0),
  )
  let next = 0
  return groups.map((group, at) => {
    const isEmpty = made[at]?.papers.length === 0
    return { ...group, selectionId: isEmpty ? null : (ids[next++] as number) }
  })
}

function countSelections(groups: readonly { selectionId: number | null }[]): number {
  return new Set(groups.flatMap(({ selectionId }) => selectionId ?? [])).size
}

/**
 * One planner at a time: selections are numbered and never-twice is read from what others planned.
 */
async function inTurn<T>(round: PlanRound, work: (trx: Transaction<Database>) => Promise<T>): Promise<T> {
  return round.db.transaction().execute(async (trx) => {
    await lockInTransaction(trx, 'plan')
    return work(trx)
  })
}
