// How long each provider knows a request again by its key: repeated within that time, it sends
// nothing twice. In milliseconds.
import { DAY_MS, HOUR_MS } from '../../time.ts'
import type { ProviderName } from './provider.ts'

export const REPLAY_MS: Record<ProviderName, number> = {
  // The same file is written over.
  outbox: Number.POSITIVE_INFINITY,
  // Keys live 24 h there; the hour in hand covers two clocks that differ and a request that takes
  // its time.
  resend: 23 * HOUR_MS,
  // A mail server knows no keys.
  smtp: 0,
}

/**
 * How long what was attempted through a provider is left to a process that has it, by one that has
 * not; no longer than a day. In milliseconds.
 */
export function leftToOthersMs(provider: string): number {
  return Math.min(REPLAY_MS[provider as ProviderName] ?? 0, DAY_MS)
}
