// Which provider a batch goes to. One that was attempted stays with its provider; any other takes
// the first of the list that is not out. Decides from Postgres alone, so that all workers agree.
import { sql } from 'kysely'
import { listOutProviders, type Out } from '../delivery/provider/out.ts'
import type { Provider } from '../delivery/provider/provider.ts'
import { getLeft, type Left } from '../delivery/provider/quota.ts'
import type { Job } from './queue/job.ts'
import type { Round } from './round.ts'

/** A provider as it stands now. */
export interface Standing {
  provider: Provider
  /** What its quota leaves. */
  left: Left
  /** Why nothing goes to it, undefined when something may. */
  out: Out | undefined
}

type RouteRound = Pick<Round, 'db' | 'providers'>

/** Returns all providers of the round in their order. */
export async function readStandings({ db, providers }: RouteRound): Promise<Standing[]> {
  const out = await listOutProviders(db)
  return Promise.all(
    providers.map(async (provider) => {
      const left = await getLeft(db, provider)
      const spent = left.mails > 0 ? undefined : { reason: left.reason, waitMs: left.waitMs }
      return { provider, left, out: out.get(provider.name) ?? spent }
    }),
  )
}

/** Returns why nothing goes anywhere: the reason of the provider that is back first. */
export function firstBack(standings: readonly Standing[]): Out {
  const outs = standings.flatMap(({ out }) => out ?? [])
  return outs.reduce((first, out) => ((out.waitMs ?? Infinity) < (first.waitMs ?? Infinity) ? out : first))
}

/**
 * Returns the jobs that dispatch these batches, each in the queue of the provider that it goes to.
 */
export async function dispatchJobs(round: RouteRound, batchIds: readonly number[]): Promise<Job[]> {
  const [only, ...others] = round.providers
  if (batchIds.length === 0 || others.length === 0) return batchIds.map((id) => dispatchJob(id, only?.name))
  const free = (await readStandings(round)).find(({ out }) => !out)?.provider.name ?? only?.name
  const { rows } = await sql<{ id: number; provider: string }>`
    select id, provider from batches where id = any(${[...batchIds]}::int[]) and provider is not null`.execute(round.db)
  const bound = new Map(rows.map((row) => [row.id, row.provider]))
  const known = new Set<string>(round.providers.map(({ name }) => name))
  return batchIds.map((id) => {
    const own = bound.get(id)
    return dispatchJob(id, own !== undefined && known.has(own) ? own : free)
  })
}

/**
 * Returns the job that dispatches a batch; without a provider it goes to the first one's queue,
 * which passes it on.
 */
export function dispatchJob(batchId: number, provider?: string): Job {
  return { name: 'dispatch', batchId, ...(provider === undefined ? {} : { provider }) }
}
