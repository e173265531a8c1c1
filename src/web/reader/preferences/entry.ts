// The preferences form read back: what a reader typed becomes a change, or sentences about what
// cannot be. Pure.
import * as z from 'zod'
import { SILENCES } from '../../../database/states.ts'
import type { Preferences } from '../../../subscriber/change.ts'
import {
  PAPERS_MAX,
  PHRASE_MAX_CHARACTERS,
  PHRASES_MAX,
  parseChoices,
  parseRhythm,
} from '../../../subscriber/preferences.ts'
import type { Form } from '../../page/form.ts'
import { UNKNOWN_ZONE } from '../../page/rhythm.ts'

const LISTS = ['include', 'authors', 'organisations', 'mute'] as const
type List = (typeof LISTS)[number]

/** What stood in the form, as it came: shown again, never trusted. */
export type Entry = Record<
  'cadence' | 'weekday' | 'hour' | 'zone' | 'papers' | 'length' | 'minimumVotes' | 'includeMeans' | 'silence' | List,
  string
> & { onlyWithCode: boolean }

export type EntryProblems = Partial<Record<keyof Entry, string>>

/** What a form can set. */
type Wanted = Omit<Preferences, 'pausedUntil'>

const whole = z
  .string()
  .trim()
  .regex(/^\d{1,6}$/)
  .transform(Number)

const LIST_PROBLEM = `At most ${PHRASES_MAX} lines, each of 2 to ${PHRASE_MAX_CHARACTERS} characters.`
const PROBLEMS: Record<keyof Entry, string> = {
  cadence: 'Choose how often.',
  weekday: 'Choose a weekday.',
  hour: 'Choose an hour.',
  zone: UNKNOWN_ZONE,
  papers: `A whole number from 1 to ${PAPERS_MAX}.`,
  length: 'Choose a length.',
  minimumVotes: 'A whole number from 0 to 100000.',
  onlyWithCode: 'Tick it or leave it.',
  includeMeans: 'Choose what including means.',
  silence: 'Choose what a day without papers brings.',
  include: LIST_PROBLEM,
  authors: LIST_PROBLEM,
  organisations: LIST_PROBLEM,
  mute: LIST_PROBLEM,
}

/** Returns what the form asks for, or what is wrong with it, field by field. */
export function parsePreferences(form: Form): { entry: Entry; wanted?: Wanted; problems: EntryProblems } {
  const entry = entryOf(form)
  const { rhythm, wrong: inRhythm = [] } = parseRhythm(entry)
  const silence = SILENCES.find((known) => known === entry.silence)
  const numbers = { papers: whole.safeParse(entry.papers), minimumVotes: whole.safeParse(entry.minimumVotes) }
  const choices = tryChoices({
    papers: numbers.papers.data ?? Number.NaN,
    minimumVotes: numbers.minimumVotes.data ?? Number.NaN,
    length: entry.length,
    onlyWithCode: entry.onlyWithCode,
    includeMeans: entry.includeMeans,
    ...Object.fromEntries(LISTS.map((list) => [list, linesOf(entry[list])])),
  })
  const inChoices = choices.issues.map(({ path }) => path[0] as keyof Entry)
  const wrong = [...inRhythm, ...(silence ? [] : (['silence'] as const)), ...inChoices]
  const problems = Object.fromEntries(wrong.map((field) => [field, PROBLEMS[field]]))
  if (!rhythm || !silence || !choices.value) return { entry, problems }
  return { entry, wanted: { ...rhythm, silence, choices: choices.value }, problems }
}

/** Returns the form of what stands now. */
export function entryFrom({ choices, ...rhythm }: Wanted): Entry {
  return {
    cadence: rhythm.cadence,
    weekday: String(rhythm.weekday),
    hour: String(rhythm.hour),
    zone: rhythm.zone,
    silence: rhythm.silence,
    papers: String(choices.papers),
    length: choices.length,
    minimumVotes: String(choices.minimumVotes),
    onlyWithCode: choices.onlyWithCode,
    includeMeans: choices.includeMeans,
    include: choices.include.join('\n'),
    authors: choices.authors.join('\n'),
    organisations: choices.organisations.join('\n'),
    mute: choices.mute.join('\n'),
  }
}

function entryOf(form: Form): Entry {
  const text = (name: keyof Entry) => form.get(name)
  return {
    cadence: text('cadence'),
    weekday: text('weekday'),
    hour: text('hour'),
    zone: text('zone'),
    silence: text('silence'),
    papers: text('papers'),
    length: text('length'),
    minimumVotes: text('minimumVotes'),
    onlyWithCode: text('onlyWithCode') !== '',
    includeMeans: text('includeMeans'),
    include: text('include'),
    authors: text('authors'),
    organisations: text('organisations'),
    mute: text('mute'),
  }
}

/** One phrase a line; a comma ends one too, as people write lists both ways. */
function linesOf(text: string): string[] {
  return text
    .split(/[\r\n,]+/)
    .map((line) => line.trim())
    .filter((line) => line !== '')
}

function tryChoices(given: unknown): { value?: ReturnType<typeof parseChoices>; issues: z.core.$ZodIssue[] } {
  try {
    return { value: parseChoices(given), issues: [] }
  } catch (error) {
    if (error instanceof z.ZodError) return { issues: error.issues }
    throw error
  }
}
