// The preferences page's values: what stands or what was typed, what was told, what is wrong. Pure.
import { shortDate } from '../../../digest/text/words.ts'
import type { Preferences } from '../../../subscriber/change.ts'
import { PAPERS_MAX } from '../../../subscriber/preferences.ts'
import { maskAddress, type Subscriber } from '../../../subscriber/subscriber.ts'
import { type Choice, type RhythmValues, rhythmOf, rhythmValues } from '../../page/rhythm.ts'
import { RISERS_ON_TOP } from './change-words.ts'
import { type Entry, type EntryProblems, entryFrom } from './entry.ts'
import type { LookBackValues } from './look-back.ts'

export interface PreferencesValues {
  /** Masked. */
  address: string
  rhythmWords: string
  /** '' while nothing is paused. */
  pausedWords: string
  /** Whether a snooze would make the pause a longer one. */
  maySnooze: boolean
  /** What was just changed or done, in sentences. */
  told: string[]
  /** Takes it back; ''. */
  undoPath: string
  /** Why nothing was saved; ''. */
  problem: string
  /** Sent back with every form. */
  formToken: string
  rhythm: RhythmValues
  papers: string
  papersMax: number
  /** What comes on top of the most. */
  papersHelp: string
  papersProblem: string
  minimumVotes: string
  minimumVotesProblem: string
  lengths: Choice[]
  onlyWithCode: boolean
  lists: { name: string; label: string; help: string; value: string; problem: string }[]
  includeMeanings: Choice[]
  silences: Choice[]
  lookBack: LookBackValues
  until: string
  untilMin: string
  untilMax: string
  untilProblem: string
  newAddress: string
  addressProblem: string
  feedPath: string
  unsubscribePath: string
}

/** What one visit brings to the page beside the reader. */
export interface Visit {
  /** What was typed and not saved; what stands is shown without it. */
  entry?: Entry
  problems?: EntryProblems
  told?: string[]
  undoPath?: string
  problem?: string
  until?: string
  untilProblem?: string
  newAddress?: string
  addressProblem?: string
}

const LENGTHS = [
  ['titles', 'Titles only'],
  ['short', 'Short'],
  ['full', 'Full abstracts'],
] as const
const INCLUDE_MEANINGS = [
  ['first', 'These first'],
  ['only', 'Only these'],
] as const
const SILENCES = [
  ['silent', 'Stay silent'],
  ['note', 'A short note'],
] as const
const LISTS = [
  ['include', 'Topics', 'One a line: diffusion, protein folding'],
  ['authors', 'Authors', 'One a line, as papers print them'],
  ['organisations', 'Organisations', 'One a line'],
  ['mute', 'Never these topics', 'One a line; they win over everything else'],
] as const

/** Returns the page for a reader. `today` is their local date. */
export function preferencesValues(
  reader: Subscriber,
  visit: Visit,
  given: Pick<PreferencesValues, 'formToken' | 'lookBack' | 'feedPath' | 'unsubscribePath' | 'maySnooze'>,
  days: Pick<PreferencesValues, 'untilMin' | 'untilMax'>,
): PreferencesValues {
  const entry = visit.entry ?? entryFrom(reader)
  const problems = visit.problems ?? {}
  return {
    ...given,
    ...days,
    address: reader.address === null ? '' : maskAddress(reader.address),
    rhythmWords: rhythmOf(reader),
    pausedWords: pausedWords(reader, days.untilMin),
    told: visit.told ?? [],
    undoPath: visit.undoPath ?? '',
    problem: visit.problem ?? '',
    rhythm: rhythmValues(entry, problems.zone, false),
    papers: entry.papers,
    papersMax: PAPERS_MAX,
    papersHelp: RISERS_ON_TOP,
    papersProblem: problems.papers ?? '',
    minimumVotes: entry.minimumVotes,
    minimumVotesProblem: problems.minimumVotes ?? '',
    lengths: choicesOf(LENGTHS, entry.length),
    onlyWithCode: entry.onlyWithCode,
    lists: LISTS.map(([name, label, help]) => ({
      name,
      label,
      help,
      value: entry[name],
      problem: problems[name] ?? '',
    })),
    includeMeanings: choicesOf(INCLUDE_MEANINGS, entry.includeMeans),
    silences: choicesOf(SILENCES, entry.silence),
    until: visit.until ?? '',
    untilProblem: visit.untilProblem ?? '',
    newAddress: visit.newAddress ?? '',
    addressProblem: visit.addressProblem ?? '',
  }
}

/** A pause that is over by the reader's own date says nothing any more. `tomorrow` is theirs. */
function pausedWords({ pausedUntil }: Pick<Preferences, 'pausedUntil'>, tomorrow: string): string {
  const lasts = pausedUntil !== null && pausedUntil >= tomorrow
  return lasts ? `Paused through ${shortDate(pausedUntil)}.` : ''
}

function choicesOf(list: readonly (readonly [value: string, label: string])[], chosen: string): Choice[] {
  return list.map(([value, label]) => ({ value, label, selected: value === chosen }))
}
