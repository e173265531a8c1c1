// A crash run from its seed to its report: processes are killed, one strike after the other, while
// editions are sent.

import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { isUnsettledSql } from '../../src/delivery/sending/transitions.ts'
import { type DriveSettings, driveEditions, type Verdict } from './drive.ts'
import { type EditionUnderFire, leave } from './edition.ts'
import { drawStrikes, openDice, type Strike, strike } from './strikes.ts'
import type { World, WorldSettings } from './world.ts'

export interface CampaignSettings extends DriveSettings {
  strikes: Partial<Record<Strike, number>>
  onStrike?: (done: number, of: number) => void
}

export interface Report extends Verdict {
  seed: number
  stores: WorldSettings['stores']
  subscribers: number
  strikes: Partial<Record<Strike, number>>
  kills: number
}

/**
 * A batch whose holder sleeps is taken over once its lease is over: far beyond that it is not
 * coming.
 */
const TAKEOVER_MS = 15_000

/**
 * Runs until all strikes are done, or the first violation. Returns undefined where the stores are
 * not installed.
 */
export async function runCampaign(settings: CampaignSettings): Promise<Report | undefined> {
  const { seed, stores, subscribers } = settings
  const dice = openDice(seed)
  const list = drawStrikes(settings.strikes, dice)
  const done: Report['strikes'] = {}
  let kills = 0
  const verdict = await driveEditions(settings, async (world, progress) => {
    for (const what of list) {
      await progress.untilSending()
      if (progress.isOver()) return
      // Counted as it begins: what it uncovers may be found before the fleet is whole again.
      done[what] = (done[what] ?? 0) + 1
      kills += 1
      await strike(world, what, dice, {
        whileStopped: () => oversleep(world, progress.edition),
        onDeath: () => progress.pause(true),
      })
      progress.pause(false)
      settings.onStrike?.(kills, list.length)
    }
  })
  return verdict && { seed, stores, subscribers, strikes: done, kills, ...verdict }
}

/**
 * While a process sleeps: a reader of its batch leaves, and the sleeper wakes once another process
 * has asked in its place. Its batch is the one whose lease began last; those of the dead, which end
 * earlier, are taken over as well and say nothing.
 */
async function oversleep({ round: { db } }: World, edition: EditionUnderFire | undefined): Promise<void> {
  if (!edition) return
  const { rows } = await sql<{ id: number; epoch: number; members: number[] }>`
    select id, lease_epoch as epoch, members from batches
    where edition_id = ${edition.id} and ${isUnsettledSql('batches')} and lease_epoch > 0
      and next_attempt_at between clock_timestamp() and 'infinity'
    order by next_attempt_at desc limit 1`.execute(db)
  const [held] = rows
  if (!held) return
  await leave(db, edition, held.members.slice(0, 1))
  const giveUpAt = Date.now() + TAKEOVER_MS
  while (Date.now() < giveUpAt) {
    const { rows: taken } = await sql`
      select from batches where id = ${held.id} and lease_epoch > ${held.epoch} and state <> 'planned'`.execute(db)
    if (taken.length > 0) return
    await sleep(10)
  }
}
