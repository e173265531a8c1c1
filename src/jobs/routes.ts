// In whose queue a batch's job runs. Decides from PostgreSQL alone, so that all workers agree.
import { sql } from 'kysely'
import { readRoutes } from '../delivery/provider/routes.ts'
import type { Job } from './queue/job.ts'
import type { Round } from './round.ts'

type RouteRound = Pick<Round, 'db' | 'providers'>

/** Ids of batches that one job takes together, where emails go one by one. */
const STRETCH = 32

/**
 * Returns the jobs that dispatch these batches, each in the queue of the provider that it goes to.
 * Where emails go one by one a job takes a whole stretch of ids, the same ones whoever asks.
 */
export async function dispatchJobs(round: RouteRound, batchIds: readonly number[]): Promise<Job[]> {
  const byOne = new Set<string>(round.providers.filter(({ oneByOne }) => oneByOne).map(({ name }) => name))
  const jobs = await singleJobs(round, batchIds)
  if (byOne.size === 0) return jobs
  const stretches = new Map<string, Job>()
  for (const job of jobs) {
    if (job.name !== 'dispatch' || job.provider === undefined || !byOne.has(job.provider)) {
      stretches.set(`${stretches.size}`, job)
      continue
    }
    const batchId = job.batchId - (job.batchId % STRETCH)
    stretches.set(`${job.provider} ${batchId}`, { name: 'dispatch', batchId, stretch: STRETCH, provider: job.provider })
  }
  return [...stretches.values()]
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
