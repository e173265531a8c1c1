// The few kinds of failure that code decides by. Anything else that is thrown is a passing fault:
// the queue retries it.

/**
 * Ends a job for good: trying again cannot help. The reason belongs on the row that the job was
 * about.
 */
export class PermanentError extends Error {
  override name = 'PermanentError'
}

/** Asks for the job again in `retryAfterMs` milliseconds. It is a wait, not a failed attempt. */
export class LaterError extends Error {
  override name = 'LaterError'
  readonly retryAfterMs: number

  constructor(message: string, retryAfterMs: number, options?: ErrorOptions) {
    super(message, options)
    this.retryAfterMs = retryAfterMs
  }
}

/**
 * Asks for a wait that concerns every request to the provider: nobody dispatches for `retryAfterMs`
 * milliseconds.
 */
export class HoldError extends LaterError {
  override name = 'HoldError'
}

/**
 * A command was called wrongly or its settings do not hold: exit code 2. One line a problem: what,
 * where, what to do.
 */
export class UsageError extends Error {
  override name = 'UsageError'
  readonly problems: readonly string[]

  constructor(problems: string | readonly string[]) {
    const list = typeof problems === 'string' ? [problems] : problems
    super(list.join('\n'))
    this.problems = list
  }
}

/** One thing that was looked at: what is so, and what to do where that is not as it should be. */
export interface Finding {
  /** `error` keeps paper-round from doing its work; `warning` is a promise or a reader at risk. */
  state: 'ok' | 'warning' | 'error'
  says: string
  /** Left out where all is well. */
  remedy?: string
}

/**
 * Returns the sentence of anything thrown, with the sentences of its causes; a group of errors
 * (AggregateError) gives its first.
 */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const first: unknown = error instanceof AggregateError ? error.errors[0] : undefined
  const own = wordsOf(error) || (first === undefined ? error.name : describeError(first))
  return error.cause === undefined ? own : `${own}: ${describeError(error.cause)}`
}

/** By PostgreSQL's code: its own words have a language. */
const SQLSTATE_WORDS = new Map<unknown, string>([
  ['25006', 'PostgreSQL takes no writes at present: see "doctor"'],
  ['53100', "PostgreSQL's disk is full: make room there"],
])
/**
 * What Node says of a connection and Redis of a write, and how people say it; `$1` is whom Node
 * tried to reach.
 */
const KNOWN_WORDS: readonly [RegExp, string][] = [
  [/^connect ECONNREFUSED (.+)$/, '$1 refuses the connection'],
  [/^connect (?:ETIMEDOUT|EHOSTUNREACH|ENETUNREACH) (\S+).*$/, '$1 cannot be reached'],
  [/^connect ENOENT (.+)$/, 'there is no socket $1'],
  [/^getaddrinfo (?:ENOTFOUND|EAI_AGAIN) (.+)$/, 'the DNS knows no address of $1'],
  [/^read ECONNRESET$/, 'the other end cut the connection'],
  [/^OOM .*$/s, 'Redis takes no writes, for its memory is full: raise its maxmemory, or see what else fills it'],
  [/^MISCONF .*$/s, 'Redis takes no writes, for it cannot save them: make room on its disk, and see its log'],
  [/^READONLY .*$/s, 'Redis takes no writes, for it follows another server: name that one as REDIS_URL'],
]

/** Takes codes and system calls out of what Node and the stores say. */
function wordsOf(error: Error): string {
  const { message } = error
  const refused = 'code' in error && SQLSTATE_WORDS.get(error.code)
  if (refused) return refused
  const known = KNOWN_WORDS.find(([says]) => says.test(message))
  if (known) return message.replace(...known)
  return message.replace(/^E[A-Z]+: ([^,]+), \w+( '.*')?$/s, '$1')
}
