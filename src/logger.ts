// One logger, JSON lines on stderr: stdout belongs to what a command prints. Addresses, subjects
// and tokens never go in. A line that cannot be written is lost alone: nothing fails for want of a
// log.
import { writeSync } from 'node:fs'
import { type DestinationStream, type Logger as PinoLogger, pino } from 'pino'

export type Logger = PinoLogger

/**
 * Opens the log at `level` (pino's names, or `silent`). Every line carries a stable `event` name
 * and a sentence in the past tense.
 */
export function openLogger(level: string, destination: DestinationStream = { write: openLines(2) }): Logger {
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

/** How long a reader who is behind is left alone before the rest of a line is offered again. */
const BEHIND_MS = 10

/**
 * Returns what writes lines to a file, at once. One that it cannot take, for its disk is full or
 * nobody reads any more, is counted, and the first that it takes again comes behind that count.
 */
export function openLines(
  file: number,
  write: (file: number, bytes: Uint8Array) => number = writeSync,
): (line: string) => void {
  let lost = 0
  let isCut = false

  function put(line: string): boolean {
    let rest = Buffer.from(isCut ? `\n${line}` : line)
    while (rest.length > 0) {
      try {
        rest = rest.subarray(write(file, rest))
        isCut = rest.length > 0
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return false
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BEHIND_MS)
      }
    }
    return true
  }

  return (line) => {
    if (lost > 0 && put(lostLine(lost))) lost = 0
    if (!put(line)) lost += 1
  }
}

function lostLine(lines: number): string {
  const fields = { level: 'warn', time: new Date().toISOString(), event: 'log.lost', lines }
  return `${JSON.stringify({ ...fields, message: 'lines of the log could not be written' })}\n`
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
