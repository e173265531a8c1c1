// Once a minute: stops what is in flight while the last days' complaints or bounces are past
// bearing.
import { markBrakedByDays } from '../delivery/sending/good-name.ts'
import type { Round } from './round.ts'

export async function brakeByDays({ db, logger }: Pick<Round, 'db' | 'logger'>): Promise<void> {
  const braked = await markBrakedByDays(db)
  if (braked === null) return
  logger.error({ event: 'sending.braked', ...braked }, 'everything in flight was stopped by the brake')
}
