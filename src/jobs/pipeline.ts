// The round's table of contents. Each job does its own work; only this file knows what comes next.

import { NOTICE } from '../delivery/notice/sending.ts'
import { BATCH } from '../delivery/sending/batch.ts'
import { listWaiting } from '../delivery/sending/waiting.ts'
import { brakeByDays } from './brake.ts'
import { mendClockBack } from './clock-back.ts'
import { collect } from './collect.ts'
import { dispatch, dispatchStretch } from './dispatch.ts'
import { overdueJobs } from './heartbeat.ts'
import { makeNotes } from './notes.ts'
import { notify } from './notify.ts'
import { planDue } from './plan.ts'
import { tellProgress } from './progress.ts'
import type { Handlers, Job } from './queue/job.ts'
import type { Queue } from './queue/queue.ts'
import { rankDay, rankWeek } from './rank.ts'
import { isRationAwaited, ration } from './ration.ts'
import { pruneOld } from './retention.ts'
import type { Round } from './round.ts'
import { dispatchJobs, jobsBehind } from './routes.ts'
import { sweepAway } from './sweep.ts'
import { tick } from './tick.ts'

/** Batches that one sweep puts back; the next sweep takes the rest. */
const SWEEP_BATCHES_MAX = 5_000
const SWEEP_NOTICES_MAX = 1_000
/** Between two hand-overs to the queue while slices are planned, in milliseconds. */
const HAND_ON_EVERY_MS = 5_000

/**
 * Returns what each job does and which jobs it leads to: tick → collect → rank → plan → dispatch,
 * and sweep behind them. Each tick ends with a look of everybody who watches.
 */
export function openPipeline(
  round: Round,
  queue: Pick<Queue, 'put'>,
  watching: readonly { look(): Promise<void> }[] = [],
): Handlers {
  return {
    // Before the tick is noted: a gap is counted from the last one.
    tick: async () => {
      try {
        await round.witness.compare()
        await mendClockBack(round)
        await queue.put(await tick(round))
      } finally {
        // A tick that fails is when alarms are needed.
        for (const each of watching) await each.look()
      }
    },
    collect: async ({ date }) => {
      await collect(round, date)
      await queue.put([{ name: 'rank', date, kind: 'daily' }])
    },
    rank: async ({ date, kind }) => {
      const edition = kind === 'daily' ? await rankDay(round, date) : await rankWeek(round, date)
      if (edition?.state === 'frozen') await queue.put([{ name: 'plan' }])
    },
    plan: async () => {
      // The first emails leave while the last readers are still planned.
      const handOn = everyNow(HAND_ON_EVERY_MS, async () => queue.put(await waitingJobs(round)))
      while ((await planDue(round, handOn)) > 0) await queue.put(await waitingJobs(round))
      await tellProgress(round)
      await queue.put((await makeNotes(round)).map(notifyJob))
    },
    dispatch: async ({ batchId, stretch, provider }) => {
      const handOn = async (ids: readonly number[]) => queue.put(await jobsBehind(round, ids))
      if (stretch === undefined) await handOn(await dispatch(round, batchId, provider))
      else await dispatchStretch(round, { from: batchId, count: stretch }, provider, handOn)
    },
    notify: async ({ noticeId }) => notify(round, noticeId),
    // Whatever is stuck in Postgres goes into the queue again: a lost job, a lease that is
    // over, an emptied queue.
    sweep: async () => {
      await brakeByDays(round)
      await makeNotes(round)
      await queue.put([...(await overdueJobs(round)), ...(await waitingJobs(round))])
      await tellProgress(round)
      await sweepAway(round)
      await pruneOld(round)
    },
  }
}

/** Returns how pages hand on what they made: a notice, or a reader whose first digest is due. */
export function handingOn(queue: Pick<Queue, 'put'>): {
  queueNotice(noticeId: number): Promise<void>
  queueWelcome(): Promise<void>
} {
  return {
    queueNotice: (noticeId) => queue.put([notifyJob(noticeId)]),
    queueWelcome: () => queue.put([{ name: 'plan' }]),
  }
}

/** Returns the job that sends a notice. */
function notifyJob(noticeId: number): Job {
  return { name: 'notify', noticeId }
}

async function waitingJobs(round: Round): Promise<Job[]> {
  const notices = (await listWaiting(round.db, NOTICE, SWEEP_NOTICES_MAX)).map(notifyJob)
  if (await isRationAwaited(round)) return notices
  await ration(round)
  return [...notices, ...(await dispatchJobs(round, await listWaiting(round.db, BATCH, SWEEP_BATCHES_MAX)))]
}

/** Does what it is asked to at most once in so many milliseconds, and not at first. */
function everyNow(everyMs: number, act: () => Promise<void>): () => Promise<void> {
  let at = performance.now()
  return async () => {
    if (performance.now() - at < everyMs) return
    await act()
    at = performance.now()
  }
}
