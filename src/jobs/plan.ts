// Decides who gets which selection of which edition and writes one delivery a reader, a slice of
// readers a transaction. Nothing is fixed yet: the mark does that.
import { setImmediate } from 'node:timers/promises'
import type { Kysely, Transaction } from 'kysely'
import { lockInTransaction } from '../database/client.ts'
import type { Database } from '../database/schema.ts'
import type { Length } from '../database/states.ts'
import { getAccounts } from '../delivery/account/accounting.ts'
import type { Accounts } from '../delivery/delivery.ts'
import {
  allReadersSql,
  claimAllReaders,
  claimDueReaders,
  type DueReaders,
  listAllReaders,
  listDueReaders,
} from '../delivery/planning/due.ts'
import { insertNotes } from '../delivery/planning/notes.ts'
import {
  insertDeliveries,
  listReaderGroups,
  listRehearsedGroups,
  type ReaderGroup,
} from '../delivery/planning/planning.ts'
import { markPlanned, markPlanning, setForReading, setForSlice, showFirstSlice } from '../delivery/planning/slices.ts'
import { indexPlaces, type PlaceIndex } from '../digest/choosing/place-index.ts'
import type { Selection } from '../digest/choosing/selection.ts'
import { ensureSelections } from '../digest/joining/store.ts'
import { selectDigest } from '../digest/opening.ts'
import type { Edition } from '../edition/edition.ts'
import { getEdition, listPlaces } from '../edition/store.ts'
import { stopClocksOfLeavers } from '../subscriber/clock.ts'
import type { Round } from './round.ts'

type PlanRound = Pick<
  Round,
  'db' | 'providers' | 'topics' | 'linkKeys' | 'cutoffMinutes' | 'latenessMs' | 'sliceSize' | 'logger'
>

/**
 * Selections that are in memory at one time: with the remarks of fifty papers each a few megabytes.
 */
const GROUPS_A_STEP = 2_000
/** Groups that are selected for without a pause: some 20 ms, for which a page may have to wait. */
const GROUPS_AT_ONCE = 200

/**
 * Plans for everyone whose hour has come, a slice of readers a transaction: who dies in between has
 * planned the slices that were committed, and the next planner goes on with the rest. `onSlice` is
 * awaited after each. Returns how many readers were looked at; call again while that is not 0.
 */
export async function planDue(round: PlanRound, onSlice?: () => Promise<void>): Promise<number> {
  const editionOf = rememberEditions(round)
  const { clocks, ids: due, left } = await readAside(round.db, (trx) => listDueReaders(trx, round))
  if (left.length > 0) await round.db.transaction().execute((trx) => stopClocksOfLeavers(trx, left))
  let looked = 0
  // Who has just confirmed goes by an hour of their own, and waits for nobody else.
  const own = [...slicesOf(due, round.sliceSize)].map((ids) => ({ clocks: [], ids }))
  const shared = [...slicesOfClocks(clocks, round.sliceSize)].map((ids) => ({ clocks: ids, ids: [] }))
  await inSlices<DueReaders>(
    round,
    [...own, ...shared],
    async (trx, slice) => {
      const { editionIds, readers } = await claimDueReaders(trx, round, slice)
      let isAnyFiltered = false
      for (const id of editionIds) {
        const planned = await planEdition(round, trx, await editionOf(trx, id))
        isAnyFiltered ||= planned.isAnyFiltered
      }
      await insertNotes(trx, round.cutoffMinutes, isAnyFiltered)
      looked += readers
    },
    onSlice,
  )
  return looked
}

/**
 * Plans one frozen edition for everyone of its kind, or for one address, whatever their hour, in
 * slices as planDue does; `onSlice` is awaited after each. Returns how many mails are to go.
 */
export async function planAll(
  round: PlanRound,
  edition: Edition,
  only: string | null,
  onSlice?: () => Promise<void>,
): Promise<number> {
  const editionOf = rememberEditions(round)
  let planned = 0
  await inSlices(
    round,
    [...slicesOf(await readAside(round.db, (trx) => listAllReaders(trx, edition, only)), round.sliceSize)],
    async (trx, ids) => {
      await claimAllReaders(trx, edition, ids)
      planned += (await planEdition(round, trx, await editionOf(trx, edition.id))).planned
    },
    onSlice,
  )
  return planned
}

/**
 * Returns the accounts that planAll would lead to. Only reads, by the database's own word: nobody
 * waits for it, and it leaves nothing behind.
 */
export async function rehearseAll(round: PlanRound, edition: Edition, only: string | null): Promise<Accounts> {
  const { db, sliceSize } = round
  const index = indexPlaces(await listPlaces(db, edition.id), round.topics)
  const accounts = await getAccounts(db, edition.id)
  const { withheld } = accounts
  for (const ids of slicesOf(await readAside(db, (trx) => listAllReaders(trx, edition, only)), sliceSize)) {
    const groups = await readAside(db, (trx) => listRehearsedGroups(trx, edition.id, allReadersSql(edition, ids)))
    for (const group of groups) {
      const { papers } = selectDigest(edition, index, group.choices, group.history)
      if (papers.length === 0) withheld.filtered = (withheld.filtered ?? 0) + group.readers
      else accounts.waiting += group.readers - group.taken
      accounts.due += papers.length === 0 ? group.readers : group.readers - group.taken
    }
  }
  return accounts
}

/** Reads what is to be planned, by itself: it holds nothing. */
async function readAside<T>(db: Kysely<Database>, read: (trx: Transaction<Database>) => Promise<T>): Promise<T> {
  return db.transaction().execute(async (trx) => {
    await setForReading(trx)
    return read(trx)
  })
}

interface IndexedEdition {
  edition: Edition
  index: PlaceIndex
}

/** Reads and indexes an edition once a run: a frozen one never changes. */
function rememberEditions({ topics }: PlanRound): (db: Kysely<Database>, id: number) => Promise<IndexedEdition> {
  const known = new Map<number, IndexedEdition>()
  return async (db, id) => {
    const read = known.get(id) ?? {
      edition: await getEdition(db, id),
      index: indexPlaces(await listPlaces(db, id), topics),
    }
    known.set(id, read)
    return read
  }
}

async function planEdition(
  round: PlanRound,
  trx: Transaction<Database>,
  { edition, index }: IndexedEdition,
): Promise<{ planned: number; isAnyFiltered: boolean }> {
  const editionId = edition.id
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
  return { planned, isAnyFiltered: selected.some(({ selectionId }) => selectionId === null) }
}

/** Makes or shares the selection of each group; null where its choices leave nothing. */
async function selectFor(
  trx: Transaction<Database>,
  edition: Pick<Edition, 'id' | 'date' | 'kind'>,
  index: PlaceIndex,
  groups: readonly ReaderGroup[],
): Promise<(ReaderGroup & { selectionId: number | null })[]> {
  const made: (Selection & { length: Length })[] = []
  for (const { choices, history } of groups) {
    made.push({ ...selectDigest(edition, index, choices, history), length: choices.length })
    if (made.length % GROUPS_AT_ONCE === 0) await setImmediate()
  }
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
 * Does each slice in a transaction of its own. One planner at a time: selections are numbered and
 * never-twice is read from what others planned.
 */
async function inSlices<Slice>(
  { db }: PlanRound,
  slices: readonly Slice[],
  work: (trx: Transaction<Database>, slice: Slice) => Promise<void>,
  onSlice?: () => Promise<void>,
): Promise<void> {
  const isLong = slices.length > 1
  for (const slice of slices) {
    await db.transaction().execute(async (trx) => {
      await setForSlice(trx)
      await lockInTransaction(trx, 'plan')
      if (isLong) await markPlanning(trx)
      await work(trx, slice)
      await showFirstSlice(trx)
    })
    await onSlice?.()
  }
  if (isLong) await markPlanned(db)
}

/** The first requests need not wait for as many readers as the rest is planned quickest with. */
const FIRST_SLICE = 1_000

/** Sizes of slices: each twice as large as the one before, up to the largest. */
function* sizesUpTo(largest: number): Generator<number, never> {
  for (let size = Math.min(FIRST_SLICE, largest); ; size = Math.min(size * 2, largest)) yield size
}

function* slicesOf(readers: readonly number[], largest: number): Generator<readonly number[]> {
  const sizes = sizesUpTo(largest)
  for (let from = 0; from < readers.length; ) {
    const slice = readers.slice(from, from + sizes.next().value)
    yield slice
    from += slice.length
  }
}

/** Clocks with about as many readers; one alone may have more. */
function* slicesOfClocks(clocks: readonly { id: number; members: number }[], largest: number): Generator<number[]> {
  const sizes = sizesUpTo(largest)
  let size = sizes.next().value
  let ids: number[] = []
  let readers = 0
  for (const { id, members } of clocks) {
    if (ids.length > 0 && readers + members > size) {
      yield ids
      size = sizes.next().value
      ids = []
      readers = 0
    }
    ids.push(id)
    readers += members
  }
  if (ids.length > 0) yield ids
}
