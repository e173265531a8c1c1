// How often a network, a reader or everybody may ask for what costs something. Counted in
// PostgreSQL, as several web processes share the limits; the counters hold no addresses, only keyed
// names.
import { CompiledQuery, type Kysely } from 'kysely'
import { RateLimiterPostgres, RateLimiterRes } from 'rate-limiter-flexible'
import type { Database } from '../../database/schema.ts'

export interface Limits {
  /**
   * A sign-up from these networks (keyed names, the narrowest first): returns 0, or how many
   * seconds to wait.
   */
  takeSignUp(networks: readonly string[]): Promise<number>
  /** A link asked for from these networks, counted apart from sign-ups; like takeSignUp. */
  takeLink(networks: readonly string[]): Promise<number>
  /**
   * Tells whether whoever signs up now has to prove something first: everybody while many do, a
   * network that has signed up several already. It asks nothing of an address.
   */
  isAsked(networks: readonly string[]): Promise<boolean>
  /** Counts one sign-up of everybody's. */
  takeOfAll(): Promise<void>
  /**
   * A sign-up for a host of addresses (keyed name), of which `hourly` may come in an hour, half of
   * them without a solved challenge: returns 0, or how many seconds to wait. `solver` is the
   * network (keyed name) that solved one, null where nobody did; one that had solved none for a
   * month finds a reserve beyond the hour.
   */
  takeHost(host: string, hourly: number, solver: string | null): Promise<number>
  /** Everybody is asked for the next hour: a host is used up. */
  markBusy(): Promise<void>
  /** Uses something up that counts once (keyed name): tells whether it was the first time. */
  takeOnce(name: string, seconds: number): Promise<boolean>
  /** Opens a ticket for a network: tells whether it may have another one. */
  takeTicket(network: string): Promise<boolean>
  /** A live preview or a change of a reader (public id): returns 0, or how many seconds to wait. */
  takeChange(reader: string): Promise<number>
  /** A reader (public id) has another address asked: returns 0, or how many seconds to wait. */
  takeMove(reader: string): Promise<number>
}

const HOUR_S = 3_600
const MINUTE_S = 60
/**
 * As many as an office signs up on the day it hears of us; a provider's customers and whole sites
 * share the wider ones.
 */
const SIGN_UPS_A_NETWORK = [10, 20, 40]
/** A household. From the next one on, its network is asked. */
const UNASKED_A_NETWORK = 3
/** Above any honest hour; from there on everybody is asked. */
const UNASKED_OF_ALL = 1_000
/**
 * Solved sign-ups of a day by which a network is new. Half of what is kept for who solves is for
 * new ones: an attack that goes on uses up its networks, not the share of every later hour.
 */
const NEW_BY_SOLVED = 3
const DAY_S = 24 * HOUR_S
/**
 * What a host takes in a month beyond its hours, each from a network that had solved none for as
 * long. An attack can use each of its networks once for it, however slowly it solves: one of up to
 * so many networks leaves room for whoever comes for the first time.
 */
const RESERVE_A_HOST = 500
const MONTH_S = 30 * DAY_S
/** Waiting costs nobody anything, so a network can only wait in few places at once. */
const TICKETS_A_NETWORK = 3
export const TICKET_LIFE_S = 10 * MINUTE_S
/** A slider that is dragged asks a few times a second, for a while. */
const CHANGES_A_READER = 120
/** Each is an email to whom the reader names. Whoever mistypes an address has some more. */
const MOVES_A_READER = 5
/** For counters whose limit is the caller's to know. */
const NO_LIMIT = 1_000_000_000

/** Opens the limits on the tables of `db`. */
export function openLimits(db: Kysely<Database>): Limits {
  // The one method that the limiter asks of a connection, through our own pool.
  const storeClient = {
    async query({ text, values }: { text: string; values: unknown[] }) {
      const { rows } = await db.executeQuery(CompiledQuery.raw(text, values))
      return { rows, rowCount: rows.length }
    },
  }
  const open = (keyPrefix: string, points: number, duration: number) =>
    new RateLimiterPostgres({
      storeClient,
      storeType: 'client',
      tableName: 'rate_limits',
      tableCreated: true,
      keyPrefix,
      points,
      duration,
      clearExpiredByTimeout: true,
    })
  const openNetworks = (prefix: string) =>
    SIGN_UPS_A_NETWORK.map((points, width) => open(`${prefix}${width === 0 ? '' : `-${width}`}`, points, HOUR_S))
  const networks = openNetworks('sign-up')
  const links = openNetworks('link')
  const all = open('sign-up-all', NO_LIMIT, HOUR_S)
  const busy = open('sign-up-busy', NO_LIMIT, HOUR_S)
  const unsolved = open('host', NO_LIMIT, HOUR_S)
  const kept = open('host-solved', NO_LIMIT, HOUR_S)
  const keptForNew = open('host-new', NO_LIMIT, HOUR_S)
  const reserve = open('host-reserve', NO_LIMIT, MONTH_S)
  const solvers = open('solver', NO_LIMIT, DAY_S)
  const known = open('solver-month', 1, MONTH_S)
  const once = open('once', 1, HOUR_S)
  const tickets = open('ticket', TICKETS_A_NETWORK, TICKET_LIFE_S)
  const readers = open('change', CHANGES_A_READER, MINUTE_S)
  const moves = open('move', MOVES_A_READER, DAY_S)
  return {
    takeSignUp: (names) => takeEach(networks, names),
    takeLink: (names) => takeEach(links, names),
    async isAsked([network = '']) {
      const [ofAll, used, own] = await Promise.all([all.get('all'), busy.get('all'), networks[0]?.get(network)])
      if (used !== null || (ofAll?.consumedPoints ?? 0) >= UNASKED_OF_ALL) return true
      return (own?.consumedPoints ?? 0) >= UNASKED_A_NETWORK
    },
    async takeOfAll() {
      await all.consume('all')
    },
    async takeHost(host, hourly, solver) {
      const half = Math.ceil(hourly / 2)
      if (solver === null) return takeUpTo(unsolved, host, half)
      // Whoever solved takes of what is kept for them first, so that each part is of use.
      const forAll = Math.ceil((hourly - half) / 2)
      const { consumedPoints } = await solvers.consume(solver)
      const isFirst = (await take(known, solver)) === 0
      const isNew = consumedPoints <= NEW_BY_SOLVED
      if (isNew && (await takeUpTo(keptForNew, host, hourly - half - forAll)) === 0) return 0
      if ((await takeUpTo(kept, host, forAll)) === 0) return 0
      const waitS = await takeUpTo(unsolved, host, half)
      if (waitS === 0 || !isFirst) return waitS
      return (await takeUpTo(reserve, host, RESERVE_A_HOST)) === 0 ? 0 : waitS
    },
    async markBusy() {
      await busy.set('all', 1, HOUR_S)
    },
    takeOnce: async (name, seconds) => (await take(once, name, { customDuration: seconds })) === 0,
    takeTicket: async (network) => (await take(tickets, network)) === 0,
    takeChange: (reader) => take(readers, reader),
    takeMove: (reader) => take(moves, reader),
  }
}

/** A network that is over its own limit does not use up the wider ones. */
async function takeEach(limiters: readonly RateLimiterPostgres[], names: readonly string[]): Promise<number> {
  for (const [width, name] of names.entries()) {
    const limiter = limiters[width]
    const waitS = limiter ? await take(limiter, name) : 0
    if (waitS > 0) return waitS
  }
  return 0
}

async function takeUpTo(limiter: RateLimiterPostgres, key: string, points: number): Promise<number> {
  const { consumedPoints, msBeforeNext } = await limiter.consume(key)
  return consumedPoints <= points ? 0 : secondsOf(msBeforeNext)
}

async function take(
  limiter: RateLimiterPostgres,
  key: string,
  options: { customDuration?: number } = {},
): Promise<number> {
  try {
    await limiter.consume(key, 1, options)
    return 0
  } catch (refused) {
    // A refusal is thrown as a result; anything else is a fault of the store.
    if (!(refused instanceof RateLimiterRes)) throw refused
    return secondsOf(refused.msBeforeNext)
  }
}

function secondsOf(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1000))
}
