// Why readers leave: offered on the goodbye page, kept in their row until they come back or are
// erased, and counted in the host's morning report.
import type { LeavingReason } from '../database/states.ts'

/** In the order in which they are offered. */
export const LEAVING_REASONS: readonly { reason: LeavingReason; label: string }[] = [
  { reason: 'too-many', label: 'Too many emails' },
  { reason: 'off-topic', label: 'Not my topics' },
  { reason: 'not-useful', label: 'Not useful enough' },
  { reason: 'elsewhere', label: 'I read papers elsewhere' },
  { reason: 'other', label: 'Something else' },
]

/** Returns the reason of that name, undefined where there is none. */
export function leavingReasonFrom(text: string): LeavingReason | undefined {
  return LEAVING_REASONS.find(({ reason }) => reason === text)?.reason
}
