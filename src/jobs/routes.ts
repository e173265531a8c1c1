// In whose queue a batch's job runs. Decides from PostgreSQL alone, so that all workers agree.
import { sql } from 'kysely'
import { readRoutes } from '../delivery/provider/routes.ts'
import type { Job } from './queue/job.ts'
import type { Round } from './round.ts'

type RouteRound = Pick<Round, 'db' | 'providers'>

/** Ids of batches that one job takes together, where emails go one by one. */
const ONE_BY_ONE = 32
/**
 * Where each batch is a request: a job and a claim cost less for several, but the last jobs of an
 * edition should end together.
 */
const REQUESTS_MAX = 4
/** No job takes more requests than the pace lets through in such a part of a second. */
const PART_OF_SECOND = 8

/**
 * Returns the jobs that dispatch these batches, each in the queue of the provider that it goes to.
 * Where emails go one by one, or the pace is fast, a job takes a whole stretch of ids, the same
 * ones whoever asks.
 */
export async function dispatchJobs(round: RouteRound, batchIds: readonly number[]): Promise<Job[]> {
  return jobsBy(round, batchIds, stretchOf)
}

/**
 * The same for what a job has left behind: never a stretch of requests, which might be the very one
 * that is still at work, and the queue has a job once.
 */
export async function jobsBehind(round: RouteRound, batchIds: readonly number[]): Promise<Job[]> {
  return jobsBy(round, batchIds, ({ oneByOne }) => (oneByOne ? ONE_BY_ONE : 1))
}

async function jobsBy(
  round: RouteRound,
  batchIds: readonly number[],
  lengthOf: (provider: RouteRound['providers'][number]) => number,
): Promise<Job[]> {
  const lengths = new Map<string, number>(round.providers.map((provider) => [provider.name, lengthOf(provider)]))
  const jobs = new Map<string, Job>()
  for (const job of await singleJobs(round, batchIds)) {
    const provider = job.name === 'dispatch' ? job.provider : undefined
    const stretch = (provider === undefined ? undefined : lengths.get(provider)) ?? 1
    if (job.name !== 'dispatch' || provider === undefined || stretch === 1) {
      jobs.set(`${jobs.size}`, job)
      continue
    }
    const batchId = job.batchId - (job.batchId % stretch)
    jobs.set(`${provider} ${batchId}`, { name: 'dispatch', batchId, stretch, provider })
  }
  return [...jobs.values()]
}

function stretchOf({ oneByOne, requestsPerSecond }: RouteRound['providers'][number]): number {
  if (oneByOne) return ONE_BY_ONE
  return Math.max(1, Math.min(REQUESTS_MAX, Math.floor((requestsPerSecond ?? 0) / PART_OF_SECOND)))
}

/** The same, one job a batch. */
export async function singleJobs(round: RouteRound, batchIds: readonly number[]): Promise<Job[]> {
  const [only, ...others] = round.providers
  if (batchIds.length === 0 || others.length === 0) return batchIds.map((id) => dispatchJob(id, only?.name))
  const free = (await readRoutes(round)).find(({ out }) => !out)?.provider.name ?? only?.name
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
