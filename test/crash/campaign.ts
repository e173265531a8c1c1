// A crash run from its seed to its report: editions are sent one after the other while processes are killed, until every
// strike is done and the last edition is over.
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { standingSql } from '../../src/delivery/ledger.ts'
import { addReaders, type EditionUnderFire, followEdition, judgeEdition, leave, planEdition, stir } from './edition.ts'
import { drawStrikes, openDice, type Strike, strike } from './strikes.ts'
import { openWorld, type World, type WorldSettings } from './world.ts'

export interface CampaignSettings extends WorldSettings {
  subscribers: number
  strikes: Partial<Record<Strike, number>>
  onStrike?: (done: number, of: number) => void
  /** Ends the run with an error, everything closed, if it takes longer. */
  deadlineMs?: number
}

export interface Report {
  seed: number
  stores: WorldSettings['stores']
  subscribers: number
  editions: number
  strikes: Partial<Record<Strike, number>>
  kills: number
  due: number
  mails: number
  requests: number
  replays: number
  lost: number
  duplicates: number
  /** Times that the accounts were read and held against the identity. */
  looks: number
  violations: string[]
  seconds: number
}

/** Runs until all strikes are done, or the first violation. Returns undefined where the stores are not installed. */
export async function runCampaign(settings: CampaignSettings): Promise<Report | undefined> {
  const world = await openWorld(settings)
  if (!world) return undefined
  try {
    return await strikeAll(world, settings)
  } finally {
    await world.close()
  }
}

async function strikeAll(world: World, settings: CampaignSettings): Promise<Report> {
  const startedAt = performance.now()
  const dice = openDice(settings.seed)
  const list = drawStrikes(settings.strikes, dice)
  const { judge } = world
  const violations = new Set<string>()
  const report: Report = {
    seed: settings.seed,
    stores: settings.stores,
    subscribers: settings.subscribers,
    editions: 0,
    strikes: {},
    kills: 0,
    due: 0,
    mails: 0,
    requests: 0,
    replays: 0,
    lost: 0,
    duplicates: 0,
    looks: 0,
    violations: [],
    seconds: 0,
  }
  let current: EditionUnderFire | undefined
  let isDone = false
  /** A process is gone and the next one has not begun. */
  let isReplacing = false
  let failure: unknown
  const { deadlineMs = Number.POSITIVE_INFINITY } = settings
  const isBroken = () => {
    if (performance.now() - startedAt > deadlineMs) failure ??= new Error(`The run took longer than ${deadlineMs} ms`)
    return hasFailed()
  }
  const hasFailed = () => failure !== undefined || violations.size > 0 || judge.duplicates.length > 0 || report.lost > 0

  const striking = (async () => {
    for (const [index, what] of list.entries()) {
      while (current === undefined && !isBroken()) await sleep(20)
      if (isBroken()) return
      // Counted as it begins: what it uncovers may be found before the fleet is whole again.
      report.strikes[what] = (report.strikes[what] ?? 0) + 1
      report.kills += 1
      isReplacing = false
      await strike(
        world,
        what,
        dice,
        () => oversleep(world, current),
        () => {
          isReplacing = true
        },
      )
      isReplacing = false
      settings.onStrike?.(index + 1, list.length)
    }
  })()
    .catch((error: unknown) => {
      if (!isBroken()) failure = error
    })
    .finally(() => {
      isDone = true
    })
  const stirring = (async () => {
    const own = openDice(settings.seed + 1)
    while (!isDone) {
      await sleep(500)
      const edition = current
      if (edition) await stir(world, edition, own).catch(() => {})
    }
  })()

  await addReaders(world, settings.subscribers)
  while (!isDone && !isBroken()) {
    const edition = await planEdition(world, report.editions, settings.batchSize)
    report.editions += 1
    report.due += edition.due.size
    current = edition
    report.looks += await followEdition(world, edition, (violation) => violations.add(violation), {
      isOver: isBroken,
      isBusy: () => isReplacing,
    })
    current = undefined
    if (judge.duplicates.length > 0) break
    const judged = await judgeEdition(world, edition)
    report.lost += judged.lost
    for (const violation of judged.violations) violations.add(violation)
  }
  // What is still armed has no edition left to fire in once something was found.
  if (isBroken()) await world.fleet.close()
  await striking
  await stirring
  if (failure !== undefined) throw failure
  await judge.read()
  if (judge.mismatches > 0) violations.add(`${judge.mismatches} requests came again with other bytes`)
  return {
    ...report,
    mails: judge.mails,
    requests: judge.requests,
    replays: judge.replays,
    duplicates: judge.duplicates.length,
    violations: [...violations],
    seconds: Math.round((performance.now() - startedAt) / 100) / 10,
  }
}

/** While a process sleeps: a reader of each of its batches leaves, and the sleeper wakes once another process has asked in its place. */
async function oversleep(world: World, edition: EditionUnderFire | undefined): Promise<void> {
  if (!edition) return
  const { db } = world.round
  const { rows: held } = await sql<{ id: number; epoch: number; members: number[] }>`
    select id, lease_epoch as epoch, members from batches
    where edition_id = ${edition.id} and state in ${standingSql} and lease_epoch > 0 and next_attempt_at > clock_timestamp()`.execute(
    db,
  )
  await leave(
    world,
    edition,
    held.flatMap(({ members }) => members.slice(0, 1)),
  )
  const giveUpAt = Date.now() + 15_000
  while (Date.now() < giveUpAt) {
    const { rows } = await sql<{ count: number }>`
      select count(*) as count from batches b join unnest(${held.map(({ id }) => id)}::int[], ${held.map(({ epoch }) => epoch)}::int[]) as h(id, epoch)
        on h.id = b.id and b.lease_epoch > h.epoch and b.state <> 'planned'`.execute(db)
    if ((rows[0]?.count ?? 0) > 0) return
    await sleep(10)
  }
}
