// One logger, JSON lines on stderr: stdout belongs to what a command prints. Addresses, subjects
// and tokens never go in.
import { type DestinationStream, type Logger as PinoLogger, pino } from 'pino'

export type Logger = PinoLogger

/**
 * Opens the log at `level` (pino's names, or `silent`). Every line carries a stable `event` name
 * and a sentence in the past tense.
 */
export function openLogger(
  level: string,
  destination: DestinationStream = pino.destination({ dest: 2, sync: true }),
): Logger {
  return pino(
    {
      level,
      base: null,
      messageKey: 'message',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      // A second line of defence: these must not be logged in the first place.
      redact: ['address', '*.address', 'to', '*.to', 'token', '*.token', 'subject', '*.subject', '*.authorization'],
    },
    destination,
  )
}

/**
 * Lets the first of many alike through and then one every `everyMs`, each with how many were left
 * out before it.
 */
export function quietly<What>(everyMs: number, report: (what: What, leftOut: number) => void): (what: What) => void {
  let quietUntil = 0
  let leftOut = 0
  return (what) => {
    if (Date.now() < quietUntil) {
      leftOut++
      return
    }
    quietUntil = Date.now() + everyMs
    report(what, leftOut)
    leftOut = 0
  }
}
