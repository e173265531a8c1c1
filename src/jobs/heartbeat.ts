// The heartbeat of a process that marks or plans, and its ear for the others: what a silent one
// held goes back into the queue. It must never wait for anything but the database: a late beat
// would be taken for death.
import { hostname } from 'node:os'
import {
  BEAT_EVERY_MS,
  handOver,
  markAlive,
  type Process,
  type TakenOver,
  takeOverdue,
  takeOverSilent,
} from '../delivery/sending/heartbeats.ts'
import { describeError } from '../errors.ts'
import { within } from '../time.ts'
import type { Job } from './queue/job.ts'
import type { Queue } from './queue/queue.ts'
import type { Round } from './round.ts'
import { singleJobs } from './routes.ts'
import { fingerprintsOf, type SettingsRound } from './settings-apart.ts'

type HeartbeatRound = Pick<Round, 'db' | 'providers' | 'holder' | 'logger'>

export interface Heartbeat {
  /** Hands over what is still held, and is not heard any more. After the last of the work. */
  close(): Promise<void>
}

/** Begins to beat and to listen. Rejects when the first beat cannot be written. */
export async function openHeartbeat(
  round: HeartbeatRound & SettingsRound,
  queue: Pick<Queue, 'put'>,
  roles: readonly string[],
  everyMs = BEAT_EVERY_MS,
): Promise<Heartbeat> {
  const { db, holder: id, logger } = round
  if (id === null) throw new Error('a process without a name has no heartbeat')
  const self: Process = { id, roles, host: hostname(), settings: fingerprintsOf(round, roles) }
  let timer: NodeJS.Timeout | undefined
  let isClosed = false
  let isMissed = false
  let taking: Promise<void> | undefined

  async function beat(): Promise<void> {
    const startedAt = performance.now()
    try {
      const isSilent = await within(BEAT_EVERY_MS, 'Writing the heartbeat', markAlive(db, self))
      isMissed = false
      if (isSilent) {
        taking ??= take().finally(() => {
          taking = undefined
        })
      }
    } catch (error) {
      // Said once: every beat of an outage would say the same.
      if (!isMissed) logger.warn({ event: 'heartbeat.missed', reason: describeError(error) }, 'a heartbeat was missed')
      isMissed = true
    }
    if (isClosed) return
    timer = setTimeout(
      () => {
        beating = beat()
      },
      Math.max(0, startedAt + everyMs - performance.now()),
    )
  }

  async function take(): Promise<void> {
    try {
      const { silent, ...taken } = await takeOverSilent(db, id as string)
      for (const other of silent) logger.warn({ event: 'process.silent', ...other }, 'a process was not heard any more')
      await queue.put(await takenJobs(round, taken))
    } catch (error) {
      // What was taken is free, and the next sweep finds it.
      logger.warn({ event: 'takeover.failed', reason: describeError(error) }, 'what a silent process held has to wait')
    }
  }

  await markAlive(db, self)
  let beating = beat()
  return {
    async close() {
      isClosed = true
      clearTimeout(timer)
      await beating
      await taking
      await queue.put(await takenJobs(round, await handOver(db, self.id)))
    },
  }
}

/** Takes what hangs, and returns its jobs. */
export async function overdueJobs(round: HeartbeatRound): Promise<Job[]> {
  return takenJobs(round, await takeOverdue(round.db))
}

/**
 * Returns the jobs of what was taken over. By their epoch the queue tells them from those that it
 * may still believe in the hands of the dead.
 */
async function takenJobs(round: HeartbeatRound, { batches, notices }: TakenOver): Promise<Job[]> {
  const epochs = new Map(batches.map(({ id, epoch }) => [id, epoch]))
  const jobs = await singleJobs(round, [...epochs.keys()])
  return [
    ...notices.map(({ id, epoch }): Job => ({ name: 'notify', noticeId: id, epoch })),
    ...jobs.map((job) => (job.name === 'dispatch' ? { ...job, epoch: epochs.get(job.batchId) as number } : job)),
  ]
}
