// The one alarm that cannot be noted: PostgreSQL is away. Each scheduler posts it once an outage,
// and its end; the email follows when there is a database again, from one of them.
import { randomUUID } from 'node:crypto'
import type { Outage } from '../database/outage.ts'
import type { Alarm } from '../delivery/alarm/judging.ts'
import { limitInWords } from '../delivery/alarm/limits.ts'
import { claimOutage, type Post } from '../delivery/alarm/store.ts'
import { type AlarmSettings, bodyOf, sendPost, wordNews } from '../delivery/alarm/telling.ts'
import { insertNotice } from '../delivery/notice/asking.ts'
import { describeError } from '../errors.ts'
import type { Round } from './round.ts'

function awayAlarm(limitMs: number): Alarm {
  const sentence = `PostgreSQL has not answered for ${limitInWords(limitMs)}: nothing is planned, sent or noted until it does.`
  return { name: 'database', subject: '', sentence }
}

/** How long an outage has lasted, as far as this process knows. */
interface Away {
  since: Date
  awayMs: number
}

/**
 * Returns what tells of an outage when it is called now and then. It never throws; what was not
 * taken is told again by the next call, and forgotten with the process.
 */
export function openAwayAlarm({
  round: { db, linkKeys, host, logger },
  outage,
  settings,
}: {
  round: Pick<Round, 'db' | 'linkKeys' | 'host' | 'logger'>
  outage: Pick<Outage, 'awayMs'>
  settings: AlarmSettings
}): () => Promise<void> {
  const { alarmUrl, limits } = settings
  const alarm = awayAlarm(limits.database)
  let away: Away | undefined
  let unmailed: Away[] = []
  let unposted: Post[] = []

  function keepUnposted(type: 'alarm.opened' | 'alarm.ended', since: Date): void {
    if (alarmUrl === null) return
    unposted.push({ id: randomUUID(), body: bodyOf(type, { ...alarm, since }, host.publicUrl, new Date()) })
  }

  function follow(awayMs: number | null): void {
    if (awayMs !== null && awayMs >= limits.database) {
      if (away === undefined) {
        away = { since: new Date(Date.now() - awayMs), awayMs }
        logger.error({ event: 'alarm.opened', alarm: alarm.name }, 'an alarm was opened')
        keepUnposted('alarm.opened', away.since)
      }
      away.awayMs = awayMs
    }
    if (awayMs !== null || away === undefined) return
    logger.info({ event: 'alarm.ended', alarm: alarm.name }, 'an alarm is over')
    keepUnposted('alarm.ended', away.since)
    unmailed.push(away)
    away = undefined
  }

  /** In order, each the same until it is taken. */
  async function postAll(url: string): Promise<void> {
    for (const post of [...unposted]) {
      const failure = await sendPost(url, settings.alarmSecrets, post)
      if (failure !== null) {
        logger.warn({ event: 'alarm.unposted', reason: failure }, 'ALARM_URL did not take a post')
        return
      }
      unposted = unposted.filter((each) => each !== post)
    }
  }

  /** Whatever process sends notices takes it from there. */
  async function mail({ since, awayMs }: Away, address: string): Promise<void> {
    await db.transaction().execute(async (trx) => {
      if (!(await claimOutage(trx, awayMs))) return
      const words = wordNews({ opened: [], ended: [{ ...alarm, since }] })
      await insertNotice(trx, linkKeys, { kind: 'alarm', subscriberId: null, address, ...words })
    })
  }

  return async () => {
    try {
      follow(outage.awayMs())
      if (alarmUrl !== null) await postAll(alarmUrl)
      for (const over of [...unmailed]) {
        if (settings.operatorEmail !== null) await mail(over, settings.operatorEmail)
        unmailed = unmailed.filter((each) => each !== over)
      }
    } catch (error) {
      logger.warn({ event: 'alarms.failed', reason: describeError(error) }, 'an alarm could not be told yet')
    }
  }
}
