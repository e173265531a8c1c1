// Tells a PostgreSQL that cannot serve now from a fault of ours. Whoever asked may come again:
// nothing is wrong with what they asked for.
import { LateError } from '../time.ts'

/**
 * `away`: it does not answer, or takes no writes at present. `busy`: it answers, but somebody else
 * kept what was wanted for longer than the asker may wait.
 */
export type Unavailability = 'away' | 'busy'

/** Every connection that this process may open is in use. */
export class BusyError extends Error {
  override name = 'BusyError'

  constructor() {
    super('every connection is in use')
  }
}

const SYSTEM_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
])
/**
 * 08: the connection failed, 57P01…5: it shuts down, starts or dropped us, 53300: no connection is
 * left, 25006: a standby that takes no writes yet, 53100: its disk is full.
 */
const AWAY_STATE = /^(08...|57P0[1-5]|53300|25006|53100)$/
/** A lock that was not had in time, a statement cut off by its time limit. */
const BUSY_STATE = /^(55P03|57014)$/
/** What the driver says without a code. */
const AWAY_WORDS =
  /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection)/

/** Returns how PostgreSQL was unavailable, undefined where the error says something else. */
export function unavailabilityOf(error: unknown): Unavailability | undefined {
  if (!(error instanceof Error)) return undefined
  if (error instanceof BusyError) return 'busy'
  if (error instanceof LateError) return 'away'
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  if (BUSY_STATE.test(code)) return 'busy'
  if (SYSTEM_CODES.has(code) || AWAY_STATE.test(code) || AWAY_WORDS.test(error.message)) return 'away'
  return error.cause === undefined ? undefined : unavailabilityOf(error.cause)
}
