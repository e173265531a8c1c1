// What a change of preferences means, told back in a sentence a person can check. Pure.
import { LATE_RISERS_MAX } from '../../../digest/choosing/selection.ts'
import { counted, longDate, shortDate } from '../../../digest/text/words.ts'
import type { Changed } from '../../../subscriber/change.ts'
import type { Choices } from '../../../subscriber/preferences.ts'
import { rhythmOf } from '../../page/rhythm.ts'

/** The most papers are the day's own: late risers come on top of them. A week has none. */
export const RISERS_ON_TOP = `Up to ${LATE_RISERS_MAX} earlier papers on the rise may come on top.`

const LENGTHS = { titles: 'titles only', short: 'short cards', full: 'full abstracts' }
/** More of a list than this is not read. */
const SHOWN_MAX = 5

/** Returns one sentence a difference, none when nothing differs. */
export function describeChange({ before, after, extra }: Changed): string[] {
  const [was, is] = [before.choices, after.choices]
  const sentences: string[] = []
  if (rhythmOf(before) !== rhythmOf(after)) {
    sentences.push(`Your digest now comes ${rhythmOf(after)}; it came ${rhythmOf(before)}.`)
    if (extra) sentences.push(extraSentence(extra))
  }
  if (before.pausedUntil !== after.pausedUntil) sentences.push(pauseSentence(after.pausedUntil))
  if (was.papers !== is.papers) {
    const most = `It holds at most ${counted(is.papers, 'paper')}; it held ${was.papers}.`
    sentences.push(after.cadence === 'weekly' ? most : `${most} ${RISERS_ON_TOP}`)
  }
  if (was.length !== is.length) sentences.push(`It shows ${LENGTHS[is.length]}; it showed ${LENGTHS[was.length]}.`)
  if (was.minimumVotes !== is.minimumVotes) {
    sentences.push(
      is.minimumVotes === 0
        ? 'Papers no longer need any votes.'
        : `Papers need ${counted(is.minimumVotes, 'vote')} or more; they needed ${was.minimumVotes}.`,
    )
  }
  if (was.onlyWithCode !== is.onlyWithCode)
    sentences.push(is.onlyWithCode ? 'You get only papers with code.' : 'You get papers without code too.')
  for (const [list, name] of LISTS) {
    if (was[list].join('\n') !== is[list].join('\n')) sentences.push(listSentence(name, is[list]))
  }
  if (meaningOf(was) !== meaningOf(is)) sentences.push(meaningOf(is))
  if (before.silence !== after.silence) {
    sentences.push(
      after.silence === 'note' ? 'A day without papers brings a short note.' : 'A day without papers stays silent.',
    )
  }
  return sentences
}

const LISTS = [
  ['include', 'Topics you include'],
  ['authors', 'Authors you follow'],
  ['organisations', 'Organisations you follow'],
  ['mute', 'Topics you mute'],
] as const

/** Whoever wants only what they include, and includes nothing yet, gets everything. */
function meaningOf({ includeMeans, include, authors, organisations }: Choices): string {
  if (includeMeans === 'first') return 'What you include or follow comes first, the rest after it.'
  return include.length + authors.length + organisations.length > 0
    ? 'You get only what you include or follow.'
    : 'As soon as you include or follow something, you get only that.'
}

function listSentence(name: string, list: readonly string[]): string {
  if (list.length === 0) return `${name}: none now.`
  const shown = list.slice(0, SHOWN_MAX).join(', ')
  return list.length > SHOWN_MAX ? `${name}: ${shown} and ${list.length - SHOWN_MAX} more.` : `${name}: ${shown}.`
}

/** Of a local time as `2026-03-13 07:00`. */
function extraSentence(extra: string): string {
  const [date = '', time] = extra.split(' ')
  return `One more comes on ${longDate(date)} at ${time}, so that no day is left out.`
}

function pauseSentence(until: string | null): string {
  return until === null
    ? 'Digests come again from now on.'
    : `You get nothing through ${shortDate(until)}; then digests come again.`
}
