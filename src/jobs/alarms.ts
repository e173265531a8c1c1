// The alarms of every tick: facts are read and judged under one lock, what is news is noted with
// its email and its posts in one transaction, and only then told. Whatever fails here is logged and
// never fails the tick. While PostgreSQL is away, away.ts speaks.
import { statfs } from 'node:fs/promises'
import { hostname } from 'node:os'
import { readFacts } from '../delivery/alarm/facts.ts'
import { judge, type Surroundings } from '../delivery/alarm/judging.ts'
import {
  claimBeat,
  claimLook,
  claimPosts,
  insertPosts,
  markAlarms,
  markUnbeaten,
  type News,
  type Post,
  prunePost,
} from '../delivery/alarm/store.ts'
import { type AlarmSettings, bodyOf, sendBeat, sendPost, wordNews } from '../delivery/alarm/telling.ts'
import { insertNotice } from '../delivery/notice/asking.ts'
import { describeError } from '../errors.ts'
import { SECOND_MS, within } from '../time.ts'
import { notify } from './notify.ts'
import type { Queue } from './queue/queue.ts'
import type { Round } from './round.ts'

export interface Alarms {
  /** Judges and tells what is news. Never throws; two at a time tell nothing twice. */
  look(): Promise<void>
}

export interface AlarmOptions {
  round: Round
  queue: Pick<Queue, 'check'>
  settings: AlarmSettings
  /** Whether emails may leave from here; otherwise the sweep gives them to who may. */
  sends: boolean
  /** Whose disks are looked at; those that are not there are passed over. */
  folders: readonly string[]
  /** In milliseconds, never going back. */
  now?: () => number
  /** Of the heartbeat, in UTC. */
  morningHour: number
}

const QUEUE_ANSWERS_MS = 5 * SECOND_MS

export function openAlarms({
  round,
  queue,
  settings,
  sends,
  folders,
  now = () => performance.now(),
  morningHour,
}: AlarmOptions): Alarms {
  const { db, logger, linkKeys, host } = round
  let queueFailedAt: number | null = null

  async function look(): Promise<void> {
    const surroundings = { queue: await findQueueFailure(), disk: await findFullestDisk(folders) }
    const { news, noticeId } = await noteNews(surroundings)
    // What is called a subject here is none of an email, which the log would not tell.
    for (const { name, subject: about, sentence } of news.opened) {
      logger.error({ event: 'alarm.opened', alarm: name, about, sentence }, 'an alarm was opened')
    }
    for (const { name, subject: about } of news.ended) {
      logger.info({ event: 'alarm.ended', alarm: name, about }, 'an alarm is over')
    }
    // Here and at once: the queue may be what fails. What does not leave now, the sweep repeats.
    if (noticeId !== null && sends) await quietly('the email', () => notify(round, noticeId))
    await postWaiting()
    await beat()
  }

  async function noteNews(surroundings: Surroundings): Promise<{ news: News; noticeId: number | null }> {
    return db.transaction().execute(async (trx) => {
      await claimLook(trx)
      const facts = await readFacts(trx, round.latenessMs)
      // What is issued within the second of the hold would be held itself.
      if (facts.restored !== null && facts.now.getTime() - facts.restored.heldAt.getTime() < SECOND_MS) return NO_NEWS
      const news = await markAlarms(trx, judge(facts, surroundings, settings.limits))
      if (news.opened.length + news.ended.length === 0) return { news, noticeId: null }
      if (settings.alarmUrl !== null) {
        await insertPosts(trx, [
          ...news.opened.map((alarm) => bodyOf('alarm.opened', alarm, host.publicUrl, facts.now)),
          ...news.ended.map((alarm) => bodyOf('alarm.ended', alarm, host.publicUrl, facts.now)),
        ])
      }
      if (settings.operatorEmail === null) return { news, noticeId: null }
      const words = { kind: 'alarm', subscriberId: null, address: settings.operatorEmail, ...wordNews(news) } as const
      return { news, noticeId: await insertNotice(trx, linkKeys, words) }
    })
  }

  async function findQueueFailure(): Promise<Surroundings['queue']> {
    try {
      await within(QUEUE_ANSWERS_MS, 'its answer', queue.check())
      queueFailedAt = null
      return null
    } catch (error) {
      queueFailedAt ??= now()
      return { forMs: now() - queueFailedAt, reason: describeError(error) }
    }
  }

  async function postWaiting(): Promise<void> {
    const { alarmUrl } = settings
    if (alarmUrl === null) return
    await Promise.all(
      (await claimPosts(db)).map(async (post) => {
        if (await isTaken(post)) await prunePost(db, post.id)
      }),
    )
  }

  async function isTaken(post: Post): Promise<boolean> {
    const failure = await sendPost(settings.alarmUrl as string, settings.alarmSecrets, post)
    if (failure !== null) logger.warn({ event: 'alarm.unposted', reason: failure }, 'ALARM_URL did not take a post')
    return failure === null
  }

  async function beat(): Promise<void> {
    const { heartbeatUrl } = settings
    if (heartbeatUrl === null || !(await claimBeat(db, morningHour))) return
    const failure = await sendBeat(heartbeatUrl)
    if (failure === null) return
    await markUnbeaten(db)
    logger.warn({ event: 'heartbeat.failed', reason: failure }, 'HEARTBEAT_URL did not answer')
  }

  async function quietly(what: string, act: () => Promise<void>): Promise<void> {
    try {
      await act()
    } catch (error) {
      logger.warn({ event: 'alarms.failed', what, reason: describeError(error) }, 'an alarm could not be told yet')
    }
  }

  return { look: () => quietly('a look', look) }
}

const NO_NEWS = { news: { opened: [], ended: [] }, noticeId: null }

/** Returns the folder with the least room; null where none can be looked at. */
async function findFullestDisk(folders: readonly string[]): Promise<Surroundings['disk']> {
  const found: NonNullable<Surroundings['disk']>[] = []
  for (const folder of folders) {
    const disk = await statfs(folder).catch(() => undefined)
    if (disk !== undefined) found.push({ host: hostname(), folder, freeBytes: disk.bavail * disk.bsize })
  }
  return found.sort((a, b) => a.freeBytes - b.freeBytes)[0] ?? null
}
