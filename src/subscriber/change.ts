// A reader's change of mind: one row under its lock, told back as before and after, so that a page
// can say it in a sentence and an undo can put it back.
import { sql, type Transaction } from 'kysely'
import type { Database } from '../database/schema.ts'
import type { Silence } from '../database/states.ts'
import { shiftDate } from '../edition/edition.ts'
import { localDateSql } from './calendar.ts'
import { moveClock } from './clock.ts'
import { type Choices, type Rhythm, readChoices } from './preferences.ts'
import { ensurePreferences } from './store.ts'
import { assertZones } from './zone.ts'

/** Everything that a reader may choose, as it stands. */
export interface Preferences extends Rhythm {
  choices: Choices
  silence: Silence
  /** A local date, that day included; null where nothing is paused. */
  pausedUntil: string | null
}

/** What is to be another: what is left out stays. */
export type Change = Partial<Preferences>

/** Preferences as they stand, with their reader's own date. */
export type Standing = Preferences & { today: string }

/**
 * A change, or what makes one, or none, of what stands once nobody else can change it. A zone is
 * asked about before that.
 */
export type Wanted = Change | ((standing: Standing) => Omit<Change, 'zone'> | undefined)

/** What a move of the clock goes by: see Round. */
export interface ChangeClock {
  cutoffMinutes: number
}

export interface Changed {
  before: Preferences
  after: Preferences
  /** The local time of the one digest between two rhythms of a week; null where none is needed. */
  extra?: string | null
}

/** Less instead of nothing: the offers of a mail's foot and of the page for leaving, in order. */
export const STEPS = [
  {
    step: 'weekly',
    brief: 'Weekly',
    label: 'Weekly instead',
    question: 'One digest a week?',
    button: 'Weekly from now on',
  },
  { step: 'pause', brief: 'Pause', label: 'Pause for two weeks', question: 'Pause for two weeks?', button: 'Pause' },
  { step: 'fewer', brief: 'Fewer', label: 'Fewer papers', question: 'Fewer papers?', button: 'Fewer papers' },
] as const
export type Step = (typeof STEPS)[number]['step']

/** A snooze and a pause from a mail's foot. */
const SNOOZE_DAYS = 14

/**
 * Returns what a step down changes for a reader: the week's edition on Mondays, two weeks of
 * silence, or half as many papers. Undefined where it would be none: who has the week keeps their
 * day of it, and a pause never becomes shorter.
 */
export function stepDown(
  step: Step,
  { cadence, choices, pausedUntil, today }: Pick<Standing, 'cadence' | 'choices' | 'pausedUntil' | 'today'>,
): Omit<Change, 'zone'> | undefined {
  switch (step) {
    case 'weekly':
      return cadence === 'weekly' ? undefined : { cadence: 'weekly', weekday: 1 }
    case 'pause': {
      const until = shiftDate(today, SNOOZE_DAYS)
      return pausedUntil !== null && pausedUntil >= until ? undefined : { pausedUntil: until }
    }
    case 'fewer':
      return choices.papers > 1 ? { choices: { ...choices, papers: Math.ceil(choices.papers / 2) } } : undefined
  }
}

/** Returns the step down that a text names, undefined for anything else. */
export function stepFrom(text: string | undefined): Step | undefined {
  return STEPS.find(({ step }) => step === text)?.step
}

/**
 * Changes what a confirmed reader chose. Editions of another kind, a pause or its end begin to be
 * waited for anew; other days, another hour or zone move the clock on, what is frozen waits for it,
 * no day falls between two weeks, and one digest a local day stays the rule by the ledger's own
 * key. Returns undefined when nobody is confirmed under this id; throws an UnknownZoneError for an
 * unknown zone.
 */
export async function markChanged(
  trx: Transaction<Database>,
  id: number,
  wanted: Wanted,
  { cutoffMinutes }: ChangeClock,
): Promise<Changed | undefined> {
  if ('zone' in wanted && wanted.zone !== undefined) await assertZones(trx, new Set([wanted.zone]))
  const { rows } = await sql<Omit<Standing, 'choices'> & { choices: unknown }>`
    select p.choices, s.silence, s.cadence, s.weekday, s.hour, s.zone, s.paused_until as "pausedUntil",
      ${localDateSql('s', sql`round_now()`)} as today
    from subscribers s join preferences p on p.id = s.preferences_id
    where s.id = ${id} and s.consent = 'confirmed' for no key update of s`.execute(trx)
  const row = rows[0]
  if (!row) return undefined
  const { today, choices, ...rhythm } = row
  const before: Preferences = { ...rhythm, choices: readChoices(choices) }
  const change = typeof wanted === 'function' ? wanted({ ...before, today }) : wanted
  if (!change) return { before, after: before, extra: null }
  // What this program does not know of them is kept.
  const after: Preferences = { ...before, ...change, choices: { ...before.choices, ...change.choices } }
  // Choices that stay are not written again: their row may hold what cannot be read here.
  const [preferencesId = null] = change.choices ? await ensurePreferences(trx, [after.choices]) : []
  const isOtherKind = (after.cadence === 'weekly') !== (before.cadence === 'weekly')
  // A pause that is over by itself does not end once more.
  const pauseOf = ({ pausedUntil }: Preferences) => (pausedUntil !== null && pausedUntil >= today ? pausedUntil : null)
  const waitsAnew = isOtherKind || pauseOf(after) !== pauseOf(before)
  const clockMoves = (['cadence', 'weekday', 'hour', 'zone'] as const).some((key) => after[key] !== before[key])
  await sql`
    update subscribers s set preferences_id = coalesce(${preferencesId}::int, s.preferences_id), silence = ${after.silence}, cadence = ${after.cadence},
      weekday = ${after.weekday}, hour = ${after.hour}, zone = ${after.zone}, paused_until = ${after.pausedUntil}::date, changed_at = round_now()
    where s.id = ${id}`.execute(trx)
  // Whose clock stays as it is, waits for no planner that is about to move it.
  if (!waitsAnew && !clockMoves) return { before, after, extra: null }
  return { before, after, extra: await moveClock(trx, id, { waitsAnew, clockMoves, cutoffMinutes }) }
}
