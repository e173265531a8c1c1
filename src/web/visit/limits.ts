// How often a network, a reader or everybody may ask for what costs something. Counted in
// PostgreSQL, as several web processes share the limits; the counters hold no addresses, only keyed
// names.
import { CompiledQuery, type Kysely } from 'kysely'
import { RateLimiterPostgres, RateLimiterRes } from 'rate-limiter-flexible'
import type { Database } from '../../database/schema.ts'

export interface Limits {
  /** A sign-up of a network (its keyed name): returns 0, or how many seconds to wait. */
  takeSignUp(network: string): Promise<number>
  /** A live preview or a change of a reader (public id): returns 0, or how many seconds to wait. */
  takeChange(reader: string): Promise<number>
}

const HOUR_S = 3_600
const MINUTE_S = 60
/** As many as an office signs up on the day it hears of us; see notes on signing up. */
const SIGN_UPS_A_NETWORK = 10
/** Above any honest hour, below what would cost the sender's good name. */
const SIGN_UPS_OF_ALL = 1_000
/** A slider that is dragged asks a few times a second, for a while. */
const CHANGES_A_READER = 120

/** Opens the limits on the tables of `db`. */
export function openLimits(db: Kysely<Database>): Limits {
  // The one method that the limiter asks of a connection, through our own pool.
  const storeClient = {
    query: ({ text, values }: { text: string; values: unknown[] }) => db.executeQuery(CompiledQuery.raw(text, values)),
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
  const networks = open('sign-up', SIGN_UPS_A_NETWORK, HOUR_S)
  const all = open('sign-up-all', SIGN_UPS_OF_ALL, HOUR_S)
  const readers = open('change', CHANGES_A_READER, MINUTE_S)
  return {
    // A network that is over its own limit does not use up everybody's.
    takeSignUp: async (network) => (await take(networks, network)) || (await take(all, 'all')),
    takeChange: (reader) => take(readers, reader),
  }
}

async function take(limiter: RateLimiterPostgres, key: string): Promise<number> {
  try {
    await limiter.consume(key)
    return 0
  } catch (refused) {
    // A refusal is thrown as a result; anything else is a fault of the store.
    if (!(refused instanceof RateLimiterRes)) throw refused
    return Math.max(1, Math.ceil(refused.msBeforeNext / 1000))
  }
}
