// Plans what waits within what the providers' quotas and a new sender's ramp leave, before it is
// queued. While any number may go, it only lets those go who were put off.
import { rationWaiting } from '../delivery/planning/rationing.ts'
import { isPlanning } from '../delivery/planning/slices.ts'
import { readRoutes } from '../delivery/provider/routes.ts'
import type { Round } from './round.ts'

export type RationRound = Pick<Round, 'db' | 'providers' | 'latenessMs' | 'logger'>

/**
 * Puts off whom the quotas or the ramp do not cover, fairly, and lets those go at once whom they
 * cover again. Returns how many readers wait for another day because of it.
 */
export async function ration(round: RationRound): Promise<number> {
  const routes = await readRoutes(round)
  const free = routes.filter(({ out }) => !out)
  const spent = routes.filter(({ allowance }) => allowance.mails === 0)
  const [first] = free.length > 0 ? free : spent
  if (!first) return 0
  const quotas = free.reduce((sum, { allowance }) => sum + allowance.mails, 0)
  const mails = Math.min(quotas, first.allowance.ramp?.left ?? Number.POSITIVE_INFINITY)
  const next = [...free, ...spent].reduce((soonest, each) =>
    each.allowance.waitMs < soonest.allowance.waitMs ? each : soonest,
  )
  const { reason, freeAt } = next.allowance
  const { batchSize } = first.provider
  const { db, latenessMs } = round
  const putOff = await rationWaiting(db, { mails, batchSize, reason, freeAt, latenessMs })
  if (putOff > 0) {
    round.logger.warn(
      { event: 'quota.rationed', mails, putOff, reason },
      'a quota or the ramp does not last for everybody',
    )
  }
  return putOff
}

/**
 * Tells whether what waits has to stay until a plan is complete: divided earlier, a quota would go
 * to those of the first slices, day after day.
 */
export async function isRationAwaited(round: Pick<Round, 'db' | 'providers'>): Promise<boolean> {
  return isLimited(round) && (await isPlanning(round.db))
}

function isLimited({ providers }: Pick<Round, 'providers'>): boolean {
  return providers.some(({ quota }) => quota.day !== null || quota.month !== null || quota.ramp !== undefined)
}
