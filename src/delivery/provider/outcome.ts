// What to do after a request, decided from what became of it. Pure, and the same for batches and
// notices.
import type { BatchOutcome, MailOutcome } from './provider.ts'

export type Step =
  /** The answer accounts for every mail, in order. */
  | { do: 'settle'; outcomes: MailOutcome[] }
  /** Refused for its content: halve it, or reject the one mail that is left. */
  | { do: 'halve'; reason: string }
  /** Certainly not accepted by this request: the whole queue waits, and it is no attempt. */
  | { do: 'hold'; reason: string; waitMs: number }
  /**
   * Certainly not accepted: nothing more goes until `waitMs` are over, or until the operator
   * resumes (null).
   */
  | { do: 'stop'; reason: string; waitMs: number | null }
  /** Perhaps accepted: the same bytes and key again after `waitMs`. */
  | { do: 'repeat'; reason: string; waitMs: number }
  /** Perhaps accepted, and never to be sent again. */
  | { do: 'give-up'; reason: string }

/** First wait before an unknown request is repeated; doubles with every attempt. */
const UNKNOWN_WAIT_MS = 5_000
const UNKNOWN_WAIT_MAX_MS = 15 * 60_000

/**
 * Returns the step that an outcome asks for. `attempts` were made before this one; `replayMs` is
 * the provider's.
 */
export function stepAfter(
  outcome: BatchOutcome,
  { mails, attempts, replayMs }: { mails: number; attempts: number; replayMs: number },
): Step {
  switch (outcome.kind) {
    case 'answered': {
      if (outcome.outcomes.length === mails) return { do: 'settle', outcomes: outcome.outcomes }
      const reason = `the answer accounts for ${outcome.outcomes.length} mails of ${mails}`
      return stepAfter({ kind: 'unknown', reason }, { mails, attempts, replayMs })
    }
    case 'refused':
      return { do: 'halve', reason: outcome.reason }
    case 'throttled':
      return { do: 'hold', reason: outcome.reason ?? 'the provider asked to slow down', waitMs: outcome.retryAfterMs }
    case 'concurrent':
      return { do: 'repeat', reason: 'the same request is in flight', waitMs: outcome.retryAfterMs }
    case 'stopped':
      return { do: 'stop', reason: outcome.reason, waitMs: null }
    case 'quota':
      return { do: 'stop', reason: outcome.reason, waitMs: outcome.retryAfterMs }
    case 'mismatch':
      return { do: 'give-up', reason: outcome.reason }
    case 'unknown':
      if (replayMs === 0) return { do: 'give-up', reason: outcome.reason }
      return {
        do: 'repeat',
        reason: outcome.reason,
        waitMs: Math.min(UNKNOWN_WAIT_MS * 2 ** attempts, UNKNOWN_WAIT_MAX_MS),
      }
  }
}

/** Says why what was attempted before must not be sent again, undefined when it may. */
export function refuseReplay(
  provider: { name: string; replayMs: number },
  fixed: { provider: string; version: number; ageMs: number },
  versions: readonly number[],
): string | undefined {
  if (fixed.provider !== provider.name) return `it was attempted through ${fixed.provider}`
  if (!versions.includes(fixed.version)) {
    return `it was joined by version ${fixed.version}, this is ${versions.at(-1)}`
  }
  if (fixed.ageMs >= provider.replayMs) return `${provider.name} no longer replays its key`
  return undefined
}
