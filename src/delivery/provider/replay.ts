// How long each provider knows a request again by its key: repeated within that time, it sends
// nothing twice. In milliseconds.
import { HOUR_MS } from '../../time.ts'
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
