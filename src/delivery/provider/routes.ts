// Which provider something goes to now. What was attempted stays with its provider; what never was
// goes to the first that is not out. Read from PostgreSQL alone, so that all workers agree.
import type { Kysely } from 'kysely'
import type { Database } from '../../database/schema.ts'
import { MINUTE_MS } from '../../time.ts'
import { listOutProviders, type Out } from './out.ts'
import { refuseReplay } from './outcome.ts'
import type { Provider } from './provider.ts'
import { type Allowance, getAllowance, recallAllowance } from './quota.ts'
import { leftToOthersMs } from './replay.ts'

/** A provider, and whether something may go to it now. */
export interface Route {
  provider: Provider
  allowance: Allowance
  /** Why nothing goes to it, undefined when something may. */
  out: Out | undefined
}

export type Way =
  | { kind: 'open'; route: Route }
  /** Nothing goes there now, or not from here. */
  | { kind: 'shut'; out: Out }
  /** What was attempted must not be sent again, through nobody. */
  | { kind: 'over'; reason: string }

/**
 * How soon another process may take what this one cannot repeat, in milliseconds: later than a
 * `send` that has nothing else to do waits for.
 */
const LEFT_TO_OTHERS_MS = 2 * MINUTE_MS

interface RouteParts {
  db: Kysely<Database>
  providers: readonly Provider[]
  /** Those that are out now, by name, where somebody has just read it. */
  out?: ReadonlyMap<string, Out>
  /** Whatever is left of a sender's ramp: no ramp holds a notice back, which somebody waits for. */
  isBeyondRamp?: boolean
}

/** Returns all providers in their order, with what their quotas leave at this moment. */
export async function readRoutes(parts: RouteParts): Promise<Route[]> {
  return routesBy(parts, getAllowance)
}

async function routesBy(
  { db, providers, out: known, isBeyondRamp = false }: RouteParts,
  read: typeof recallAllowance,
): Promise<Route[]> {
  const out = known ?? (await listOutProviders(db))
  return Promise.all(
    providers.map(async (provider) => {
      const { name, quota, batchSize } = provider
      const limits = isBeyondRamp ? { ...quota, ramp: undefined } : quota
      const allowance = await read(db, { name, batchSize, quota: limits })
      const spent = allowance.mails > 0 ? undefined : { reason: allowance.reason, waitMs: allowance.waitMs }
      return { provider, allowance, out: out.get(provider.name) ?? spent }
    }),
  )
}

/**
 * Finds the way of something of which `fixed` was attempted (null: nothing was). `versions` are
 * those that the code could build again. What another process may still repeat, with a provider or
 * by a newer program that is not here, is left to it.
 */
export async function findWay(
  parts: RouteParts,
  fixed: { provider: string; version: number; ageMs: number } | null,
  versions: readonly number[],
): Promise<Way> {
  const routes = await routesBy(parts, recallAllowance)
  if (fixed === null) {
    const route = routes.find(({ out }) => !out)
    return route ? { kind: 'open', route } : { kind: 'shut', out: firstBack(routes) }
  }
  const route = routes.find(({ provider }) => provider.name === fixed.provider)
  if (!route) return leaveToOthers(fixed, `it was attempted through ${fixed.provider}`)
  const reason = refuseReplay(route.provider, fixed, versions)
  if (reason !== undefined) {
    return fixed.version > Math.max(...versions) ? leaveToOthers(fixed, reason) : { kind: 'over', reason }
  }
  return route.out ? { kind: 'shut', out: route.out } : { kind: 'open', route }
}

/** As long as it may be repeated at all. */
function leaveToOthers({ provider, ageMs }: { provider: string; ageMs: number }, reason: string): Way {
  const leftMs = leftToOthersMs(provider) - ageMs
  if (leftMs <= 0) return { kind: 'over', reason }
  return { kind: 'shut', out: { reason, waitMs: Math.min(leftMs, LEFT_TO_OTHERS_MS) } }
}

/** Tells whether another provider could take what this one cannot. */
export async function isAnotherFree(parts: RouteParts, provider: Provider): Promise<boolean> {
  if (parts.providers.length === 1) return false
  // What this one did not take counts in the ramp until it is put back.
  return (await readRoutes({ ...parts, isBeyondRamp: true })).some((route) => route.provider !== provider && !route.out)
}

/** Returns why nothing goes anywhere: the reason of the provider that is back first. */
function firstBack(routes: readonly Route[]): Out {
  const outs = routes.flatMap(({ out }) => out ?? [])
  return outs.reduce((first, out) => ((out.waitMs ?? Infinity) < (first.waitMs ?? Infinity) ? out : first))
}
