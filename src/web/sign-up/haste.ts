// How long a form was open before it was sent. Pure.
import { HOUR_MS } from '../../time.ts'

/** A person reads and types for longer. */
const OPEN_MIN_MS = 2_000
/** A form left open in a tab since yesterday is no robot's. */
const OPEN_MAX_MS = 48 * HOUR_MS

/** Judges the moment of a form's stamp; one without a genuine stamp is stale. */
export function judgeStamp(opened: Date | undefined): 'fast' | 'stale' | 'fine' {
  if (!opened) return 'stale'
  const openMs = Date.now() - opened.getTime()
  if (openMs > OPEN_MAX_MS) return 'stale'
  return openMs < OPEN_MIN_MS ? 'fast' : 'fine'
}
