// A step down in words: what it would bring its reader, or what they have already where it would be
// none. Pure.
import { DateTime } from 'luxon'
import { counted, shortDate } from '../../../digest/text/words.ts'
import type { Change, Preferences, Standing, Step } from '../../../subscriber/change.ts'
import type { Subscriber } from '../../../subscriber/subscriber.ts'
import { rhythmOf } from '../../page/rhythm.ts'
import { RISERS_ON_TOP } from './change-words.ts'

/** Returns where a reader stands at a moment. */
export function standingOf(reader: Subscriber, now: Date): Standing {
  const { choices, silence, pausedUntil, cadence, weekday, hour, zone } = reader
  const today = DateTime.fromJSDate(now, { zone }).toFormat('yyyy-MM-dd')
  return { choices, silence, pausedUntil, cadence, weekday, hour, zone, today }
}

/** Says what a step down, one that would change `change`, would bring. */
export function stepWords(step: Step, standing: Standing, change: Change): string {
  const { pausedUntil, today, cadence, choices } = standing
  switch (step) {
    case 'weekly':
      return `The week's papers, ${rhythmOf({ ...standing, ...change })}.`
    case 'pause': {
      const isPaused = pausedUntil !== null && pausedUntil >= today
      const longer = isPaused ? `You are paused through ${shortDate(pausedUntil)}; this makes it longer. ` : ''
      return `${longer}You get nothing for two weeks; then digests come again.`
    }
    case 'fewer': {
      const fewer = `At most ${change.choices?.papers} a digest instead of ${choices.papers}.`
      return cadence === 'weekly' ? fewer : `${fewer} ${RISERS_ON_TOP}`
    }
  }
}

/** Says what a reader has already; only for whom the step down would be none. */
export function alreadyWords(step: Step, { pausedUntil, choices, ...rhythm }: Preferences): string {
  switch (step) {
    case 'weekly':
      return `Your digest comes once a week already: ${rhythmOf(rhythm)}.`
    case 'pause':
      return `You are paused through ${shortDate(pausedUntil as string)} already.`
    case 'fewer':
      return `Your digest holds at most ${counted(choices.papers, 'paper')} already.`
  }
}
