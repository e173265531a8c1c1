// Days that go by half an hour at a time: at each step whoever is due is planned, the quota
// rationed and what may go dispatched, as the pipeline does. At half past midnight that is done
// before the edition freezes, and again once it has.
import { sql } from 'kysely'
import { BATCH } from '../../src/delivery/sending/batch.ts'
import { listWaiting } from '../../src/delivery/sending/waiting.ts'
import { shiftDate } from '../../src/edition/edition.ts'
import { dispatch } from '../../src/jobs/dispatch.ts'
import { planDue } from '../../src/jobs/plan.ts'
import { ration } from '../../src/jobs/ration.ts'
import type { Rhythm } from '../../src/subscriber/preferences.ts'
import { isReaderDue, listWantedWeeks } from '../../src/subscriber/store.ts'
import { DAY_MS, MINUTE_MS } from '../../src/time.ts'
import { setKeptClock } from './clock.ts'
import { addReader, freezeEdition, type TestRound } from './round.ts'

/** An email that was accepted: when, whose, and of which edition. */
export interface Went {
  at: string
  reader: string
  edition: string
}

const STEP_MS = 30 * MINUTE_MS
/** How long after its cut-off an edition freezes. */
const FREEZING_MS = 20_000

export interface Days {
  went: Went[]
  /** Ids by date and kind, as in `2026-03-05 daily`. */
  editions: Map<string, number>
  /** Goes on to a moment, `upTo` and what happens at it included. */
  goOn(upTo: string): Promise<void>
  /** Does what is to be done at this moment. */
  work(): Promise<void>
}

/** Begins the days of a round with a kept clock, with readers by name who have just come. */
export async function beginDays(
  round: TestRound,
  from: string,
  readers: Readonly<Record<string, Partial<Rhythm>>>,
): Promise<Days> {
  const went: Went[] = []
  const editions = new Map<string, number>()
  let now = Date.parse(from)
  await setKeptClock(round.databaseUrl, from)
  for (const [name, rhythm] of Object.entries(readers)) await addReader(round.db, name, rhythm)
  await sql`update reader_clocks set waiting_since = round_now()`.execute(round.db)

  async function freeze(date: string, kind: 'daily' | 'weekly', whileOpen: () => Promise<void>): Promise<void> {
    const { id } = await freezeEdition(round, date, { kind })
    await sql`update editions set state = 'open', frozen_at = null where id = ${id}`.execute(round.db)
    await whileOpen()
    await sql`update editions set state = 'frozen', frozen_at = round_now() where id = ${id}`.execute(round.db)
    editions.set(`${date} ${kind}`, id)
  }

  async function work(): Promise<void> {
    if (await isReaderDue(round.db)) while ((await planDue(round)) > 0);
    for (;;) {
      await ration(round)
      const ids = await listWaiting(round.db, BATCH, 1_000)
      if (ids.length === 0) return
      for (const id of ids) {
        const before = round.provider.accepted.length
        await dispatch(round, id)
        const edition = round.provider.requests.at(-1)?.edition
        for (const { to } of round.provider.accepted.slice(before)) {
          const at = new Date(now).toISOString().slice(0, 16)
          went.push({ at, reader: to.split('@')[0] as string, edition: `${edition?.date} ${edition?.kind}` })
        }
      }
    }
  }

  return {
    went,
    editions,
    work,
    async goOn(upTo) {
      while (now < Date.parse(upTo)) {
        now += STEP_MS
        await setKeptClock(round.databaseUrl, new Date(now).toISOString())
        if (now % DAY_MS === STEP_MS) {
          await freeze(shiftDate(new Date(now).toISOString().slice(0, 10), -1), 'daily', async () => {
            await work()
            await setKeptClock(round.databaseUrl, new Date(now + FREEZING_MS).toISOString())
          })
          for (const week of await listWantedWeeks(round.db, round.cutoffMinutes)) await freeze(week, 'weekly', work)
        }
        await work()
      }
    },
  }
}
