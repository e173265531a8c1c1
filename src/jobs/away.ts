// The one alarm that cannot be noted: PostgreSQL is away, or takes no writes. Each scheduler posts
// it once an outage, and its end; the email follows when there is a database again, from one of
// them.
import { randomUUID } from 'node:crypto'
import { READ_ONLY_WORDS, type ReadOnlyCause, tryWriting } from '../database/inspecting.ts'
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

function refusedAlarm(cause: ReadOnlyCause): Alarm {
  const { says, remedy } = READ_ONLY_WORDS[cause]
  return { name: 'database', subject: '', sentence: `${says}, so nothing is planned or sent: ${remedy}.` }
}

/** How long an outage has lasted, as far as this process knows. */
interface Away {
  alarm: Alarm
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
  findRefusal = () => tryWriting(db),
  now = () => performance.now(),
}: {
  round: Pick<Round, 'db' | 'linkKeys' | 'host' | 'logger'>
  outage: Pick<Outage, 'awayMs'>
  settings: AlarmSettings
  /** Returns why nothing can be written; rejects where PostgreSQL does not answer. */
  findRefusal?: () => Promise<ReadOnlyCause | null>
  /** In milliseconds, never going back. */
  now?: () => number
}): () => Promise<void> {
  const { alarmUrl, limits } = settings
  let refusedAt: number | null = null
  let away: Away | undefined
  let unmailed: Away[] = []
  let unposted: Post[] = []

  /** Returns what is wrong now, and for how long; null where PostgreSQL serves. */
  async function look(): Promise<Omit<Away, 'since'> | null> {
    const cause = outage.awayMs() === null ? await findRefusal().catch(() => null) : null
    // Also where it went away while it was asked.
    const awayMs = outage.awayMs()
    if (awayMs !== null) return { alarm: awayAlarm(limits.database), awayMs }
    if (cause === null) {
      refusedAt = null
      return null
    }
    refusedAt ??= now()
    return { alarm: refusedAlarm(cause), awayMs: now() - refusedAt }
  }

  function keepUnposted(type: 'alarm.opened' | 'alarm.ended', { alarm, since }: Away): void {
    if (alarmUrl === null) return
    unposted.push({ id: randomUUID(), body: bodyOf(type, { ...alarm, since }, host.publicUrl, new Date()) })
  }

  function follow(found: Omit<Away, 'since'> | null): void {
    if (found !== null && found.awayMs >= limits.database) {
      if (away === undefined) {
        away = { ...found, since: new Date(Date.now() - found.awayMs) }
        const { name, sentence } = found.alarm
        logger.error({ event: 'alarm.opened', alarm: name, sentence }, 'an alarm was opened')
        keepUnposted('alarm.opened', away)
      }
      away.awayMs = found.awayMs
    }
    if (found !== null || away === undefined) return
    logger.info({ event: 'alarm.ended', alarm: away.alarm.name }, 'an alarm is over')
    keepUnposted('alarm.ended', away)
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
  async function mail({ alarm, since, awayMs }: Away, address: string): Promise<void> {
    await db.transaction().execute(async (trx) => {
      if (!(await claimOutage(trx, awayMs))) return
      const words = wordNews({ opened: [], ended: [{ ...alarm, since }] })
      await insertNotice(trx, linkKeys, { kind: 'alarm', subscriberId: null, address, ...words })
    })
  }

  return async () => {
    try {
      follow(await look())
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
