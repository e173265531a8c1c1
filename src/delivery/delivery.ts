// The states of a delivery and how an edition's accounts are read from them. Pure.
/** Why a delivery was not sent, as readers and operators see it. */
export type WithheldReason = 'filtered' | 'late' | 'merged' | 'left' | 'paused' | 'suppressed' | 'reserved-domain'

/**
 * An edition's accounts. `due` is the stored number; the others are counted from the rows and must
 * add up to it.
 */
export interface Accounts {
  due: number
  submitted: number
  withheld: Record<string, number>
  rejected: number
  unknown: number
  /** Planned, attempting and deferred. */
  waiting: number
}

/**
 * One group of an edition's deliveries as counted in the database; `state` is the batch's while the
 * delivery is planned.
 */
export interface StateCount {
  state: string
  reason: string | null
  count: number
}

/**
 * Sums state counts into accounts. Throws on a state it does not know: a count must never be
 * dropped silently.
 */
export function accountsFrom(due: number, counts: readonly StateCount[]): Accounts {
  const accounts: Accounts = { due, submitted: 0, withheld: {}, rejected: 0, unknown: 0, waiting: 0 }
  for (const { state, reason, count } of counts) {
    if (state === 'withheld') accounts.withheld[reason ?? '?'] = (accounts.withheld[reason ?? '?'] ?? 0) + count
    else if (state === 'submitted' || state === 'rejected' || state === 'unknown') accounts[state] += count
    else if (state === 'planned' || state === 'attempting' || state === 'deferred') accounts.waiting += count
    else throw new Error(`deliveries in a state that has no account: ${state}`)
  }
  return accounts
}

/** Adds up the accounts of several editions. */
export function sumAccounts(list: readonly Accounts[]): Accounts {
  const sum: Accounts = { due: 0, submitted: 0, withheld: {}, rejected: 0, unknown: 0, waiting: 0 }
  for (const accounts of list) {
    for (const field of ['due', 'submitted', 'rejected', 'unknown', 'waiting'] as const) sum[field] += accounts[field]
    for (const [reason, count] of Object.entries(accounts.withheld)) {
      sum.withheld[reason] = (sum.withheld[reason] ?? 0) + count
    }
  }
  return sum
}

/** Tells whether accounts add up: due = submitted + withheld + rejected + unknown + waiting. */
export function addsUp(accounts: Accounts): boolean {
  const withheld = Object.values(accounts.withheld).reduce((sum, count) => sum + count, 0)
  return accounts.due === accounts.submitted + withheld + accounts.rejected + accounts.unknown + accounts.waiting
}

/**
 * Domains that are set aside for examples and tests (RFC 2606, RFC 6761): nobody can be reached
 * there.
 */
const RESERVED_DOMAIN = /(^|\.)(example|test|invalid|localhost)$|(^|\.)example\.(com|net|org)$/

/** Tells whether an address is at a domain reserved for examples. */
export function isReserved(address: string): boolean {
  return RESERVED_DOMAIN.test(address.slice(address.lastIndexOf('@') + 1))
}
