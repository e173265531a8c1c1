// What this process has counted since its start, and how it fares itself. It counts by wrapping:
// what is counted knows nothing of it. Each process has tallies of its own, so they add up over
// processes; figures.ts is the same wherever it is asked.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { BatchOutcome, Provider } from '../../delivery/provider/provider.ts'
import { LaterError } from '../../errors.ts'
import type { Handlers } from '../../jobs/queue/job.ts'
import type { WishDesk } from '../../subscriber/journal/desk.ts'
import { SECOND_MS } from '../../time.ts'
import { VERSION } from '../../version.ts'

/** From a stand-in beside us to the deadline of a request, in seconds. */
const REQUEST_SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

type Leaving = Pick<WishDesk, 'leave' | 'bring'>

export interface Tallies {
  /** Returns the provider with its requests counted and timed. */
  countRequests<P extends Provider>(provider: P): P
  /** Returns the jobs with their failures counted: a wait that a job asks for is none. */
  countFailures(handlers: Handlers): Handlers
  /** Returns the desk with the wishes that it took counted, repeated ones too. */
  countLeaving<D extends Leaving>(desk: D): D
  /** In Prometheus' text format. */
  read(): Promise<string>
}

export function openTallies(roles: readonly string[]): Tallies {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  new Gauge({
    name: 'paper_round_build_info',
    help: 'Always 1: which version runs, on which Node, with which roles.',
    labelNames: ['version', 'node', 'roles'],
    registers,
  }).set({ version: VERSION, node: process.versions.node, roles: roles.join(',') }, 1)
  const requests = new Counter({
    name: 'paper_round_requests_total',
    help: 'Requests to a provider by outcome; what is a batch and what a notice is told by kind.',
    labelNames: ['provider', 'kind', 'outcome'],
    registers,
  })
  const seconds = new Histogram({
    name: 'paper_round_request_seconds',
    help: 'How long requests to a provider took.',
    labelNames: ['provider', 'kind'],
    buckets: REQUEST_SECONDS,
    registers,
  })
  const failures = new Counter({
    name: 'paper_round_jobs_failed_total',
    help: 'Runs of a job that failed; it is tried again.',
    // Prometheus has a `job` of its own, and calls this one `exported_job`: `name` keeps its name.
    labelNames: ['job', 'name'],
    registers,
  })
  const leavings = new Counter({
    name: 'paper_round_leavings_total',
    help: 'Wishes to leave that were taken: left at once, or kept until the database is back.',
    labelNames: ['answer'],
    registers,
  })
  // A series that is there before its first count is one that an increase can be seen of.
  for (const answer of ['left', 'kept']) leavings.inc({ answer }, 0)

  async function timed(provider: string, kind: string, asking: Promise<BatchOutcome>): Promise<BatchOutcome> {
    const startedAt = performance.now()
    let outcome = 'failed'
    try {
      const answer = await asking
      outcome = answer.kind
      return answer
    } finally {
      requests.inc({ provider, kind, outcome })
      seconds.observe({ provider, kind }, (performance.now() - startedAt) / SECOND_MS)
    }
  }

  function countFailures(handlers: Handlers): Handlers {
    const counted = Object.entries(handlers).map(([job, run]) => {
      failures.inc({ job, name: job }, 0)
      return [
        job,
        async (given: never) => {
          try {
            await run(given)
          } catch (error) {
            if (!(error instanceof LaterError)) failures.inc({ job, name: job })
            throw error
          }
        },
      ]
    })
    return Object.fromEntries(counted)
  }

  return {
    countRequests(provider) {
      for (const kind of ['batch', 'notice']) requests.inc({ provider: provider.name, kind, outcome: 'answered' }, 0)
      return {
        ...provider,
        send: (request) => timed(provider.name, 'batch', provider.send(request)),
        sendNotice: (request) => timed(provider.name, 'notice', provider.sendNotice(request)),
      }
    },
    countFailures,
    countLeaving: (desk) => ({
      ...desk,
      async leave(...whose) {
        const answer = await desk.leave(...whose)
        leavings.inc({ answer })
        return answer
      },
    }),
    read: () => registry.metrics(),
  }
}
