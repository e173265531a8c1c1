// The jobs of the round: their names, the ids that they carry, and what their handlers may do. How
// they travel is the queue's.
import type { EditionKind } from '../../database/states.ts'
import { PermanentError } from '../../errors.ts'

export type Job =
  | { name: 'tick' }
  | { name: 'collect'; date: string }
  | { name: 'rank'; date: string; kind: EditionKind }
  | { name: 'plan' }
  /**
   * In the queue of `provider`, of the first one where it names none. `epoch` is that of something
   * taken over: a job of its own beside the one that its last holder has. With `stretch` it is
   * about so many ids from `batchId` on, whatever waits among them.
   */
  | { name: 'dispatch'; batchId: number; stretch?: number; provider?: string; epoch?: number }
  | { name: 'notify'; noticeId: number; provider?: string; epoch?: number }
  | { name: 'sweep' }

/**
 * What each job does. A handler returns when it is done, throws PermanentError to stop, LaterError
 * to come again, HoldError to hold every dispatch to its provider; anything else it throws is tried
 * again. It may run twice for one job, and must find out for itself.
 */
export type Handlers = { [N in Job['name']]: (job: Extract<Job, { name: N }>) => Promise<void> }

/** What a command gives that only sends. */
export type DispatchOnly = Pick<Handlers, 'dispatch'> & Partial<Pick<Handlers, 'notify'>>

/** What makes requests to the provider shares its queue and pace. */
export function isSending(job: Job): job is Extract<Job, { provider?: string }> {
  return job.name === 'dispatch' || job.name === 'notify'
}

/** One job a name and ids: the key by which the queue knows that it has a job already. */
export function idOf({ name, ...ids }: Job): string {
  return [name, ...Object.values(ids)].join('-')
}

/** Rejects with a PermanentError when nobody here knows the job: another version put it. */
export async function runJob(handlers: Partial<Handlers>, job: Job): Promise<void> {
  const handler = handlers[job.name] as ((job: Job) => Promise<void>) | undefined
  if (handler === undefined) throw new PermanentError(`this version knows no job called ${job.name}`)
  await handler(job)
}
