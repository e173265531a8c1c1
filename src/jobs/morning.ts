// The morning report: once a day, from its hour on, one email to the host. Whatever fails here is
// logged and tried again at the next tick; what was claimed is a notice like any other.
import { readMorning } from '../delivery/account/morning.ts'
import { claimReport, isReportDue, listAlarms } from '../delivery/alarm/store.ts'
import { insertNotice } from '../delivery/notice/asking.ts'
import { renderReport } from '../digest/report.ts'
import { dateOf } from '../edition/edition.ts'
import { findStopReason } from '../edition/stop.ts'
import { describeError } from '../errors.ts'
import type { EditionDate } from '../source/paper.ts'
import { MINUTE_MS } from '../time.ts'
import { type Coming, wordReport } from './morning-words.ts'
import { notify } from './notify.ts'
import { readOutlook } from './outlook.ts'
import type { Round } from './round.ts'

export interface MorningOptions {
  round: Round
  operatorEmail: string | null
  /** Whether it may leave from here; otherwise the sweep gives it to who may. */
  sends: boolean
  /** From when on it is sent, in UTC. */
  hour: number
}

/** Returns what sends the report when it is due; it never throws. */
export function openMorning({ round, operatorEmail, sends, hour }: MorningOptions): { look(): Promise<void> } {
  const { db, logger } = round
  if (operatorEmail === null) return { look: async () => {} }

  async function look(address: string): Promise<void> {
    if (!(await isReportDue(db, hour))) return
    const { report, mail } = await makeReport(round)
    const id = await db.transaction().execute(async (trx) => {
      if (!(await claimReport(trx, hour))) return null
      const content = { kind: 'report', subject: report.subject, ...mail } as const
      return insertNotice(trx, round.linkKeys, { ...content, subscriberId: null, address })
    })
    if (id === null) return
    logger.info({ event: 'morning.reported' }, 'the morning report was made')
    if (sends) await notify(round, id)
  }

  return {
    async look() {
      try {
        await look(operatorEmail)
      } catch (error) {
        logger.warn({ event: 'morning.failed', reason: describeError(error) }, 'the morning report has to wait')
      }
    },
  }
}

/** Reads and renders the report of this moment. Writes nothing. */
async function makeReport(round: Round) {
  const morning = await readMorning(round.db)
  const open = dateOf(new Date(morning.now.getTime() - round.cutoffMinutes * MINUTE_MS))
  const coming = [await readComing(round, open, 'daily')]
  if (isSunday(open)) coming.push(await readComing(round, open, 'weekly'))
  const report = wordReport(morning, await listAlarms(round.db), coming)
  const { theme, ...template } = await round.reportTemplate()
  return { report, mail: renderReport(report, round.host, theme, template) }
}

async function readComing(round: Round, date: EditionDate, kind: Coming['kind']): Promise<Coming> {
  const outlook = await readOutlook(round, { date, kind })
  return { date, kind, outlook, stopped: await findStopReason(round.db, { date, kind }) }
}

/** A week ends with it. */
function isSunday(date: EditionDate): boolean {
  return new Date(`${date}T00:00:00Z`).getUTCDay() === 0
}
