// What a reader may choose, as options of add, set and import: parsed here, and refused by the name
// of the option.
import { ZodError } from 'zod'
import { SILENCES, type Silence } from '../../database/states.ts'
import { UsageError } from '../../errors.ts'
import {
  type Choices,
  DEFAULT_CHOICES,
  INCLUDE_MEANINGS,
  isZone,
  PHRASE_MAX_CHARACTERS,
  PHRASES_MAX,
  parseCadence,
  parseChoices,
  type Rhythm,
  WEEKDAYS,
} from '../../subscriber/preferences.ts'
import { parseAll, parseWhole } from '../arguments.ts'

export interface RhythmOptions {
  cadence?: string
  hour?: string
  zone?: string
}

export interface ChoiceOptions {
  papers?: string
  length?: string
  minVotes?: string
  onlyWithCode?: string
  include?: string[]
  mute?: string[]
  author?: string[]
  organisation?: string[]
  /** Included means only, as add says it. */
  only?: boolean
  /** only or first, as set says it. */
  includeMeans?: string
  silence?: string
  clear?: string[]
}

const LISTS = ['include', 'mute', 'authors', 'organisations'] as const
const VOTES_MAX = 100_000
const PAPERS = { min: 1, max: 50 }

/**
 * Returns the parts of a rhythm that a call names. A zone that this runtime knows may still be
 * unknown to the database, which is asked where it is written.
 */
export function parseRhythmOptions({ cadence, hour, zone }: RhythmOptions): Partial<Rhythm> {
  const { said, hours, zones } = parseAll({
    said: () => {
      if (cadence === undefined) return {}
      const parsed = parseCadence(cadence)
      if (parsed) return parsed
      throw new UsageError(`--cadence ${cadence} is not daily, working-days or weekly:${WEEKDAYS.join('|')}`)
    },
    hours: () => (hour === undefined ? {} : { hour: parseWhole('--hour', hour, 0, 23) }),
    zones: () => (zone === undefined ? {} : { zone: parseZone(zone) }),
  })
  return { ...said, ...hours, ...zones }
}

/** Returns the choices that a call names, each parsed. Throws with the problems of all of them. */
export function parseChoiceOptions(options: ChoiceOptions): Partial<Choices> {
  const { papers, votes, code, meaning, cleared, phrases } = parseAll({
    papers: () => wholeOf('--papers', options.papers, PAPERS.min, PAPERS.max),
    votes: () => wholeOf('--min-votes', options.minVotes, 0, VOTES_MAX),
    code: () => oneOf('--only-with-code', options.onlyWithCode, ['yes', 'no']),
    meaning: () => oneOf('--include-means', options.includeMeans, INCLUDE_MEANINGS),
    cleared: () => (options.clear ?? []).map((name) => oneOf('--clear', name, LISTS)),
    phrases: () => parsePhrases(options),
  })
  return {
    ...(papers === undefined ? {} : { papers }),
    ...(votes === undefined ? {} : { minimumVotes: votes }),
    ...(code === undefined ? {} : { onlyWithCode: code === 'yes' }),
    ...(options.only ? { includeMeans: 'only' as const } : {}),
    ...(meaning === undefined ? {} : { includeMeans: meaning }),
    ...Object.fromEntries(cleared.flatMap((name) => (name === undefined ? [] : [[name, DEFAULT_CHOICES[name]]]))),
    ...phrases,
  }
}

function parseZone(zone: string): string {
  if (!isZone(zone)) throw new UsageError(`--zone ${zone} is no known time zone: use an IANA name such as Europe/Paris`)
  return zone
}

/** Returns what happens on days without a digest, undefined where a call does not say. */
export function parseSilence(text: string | undefined): Silence | undefined {
  return oneOf('--silence', text, SILENCES)
}

/** The lists and the length, which the choices' own schema reads. */
function parsePhrases(options: ChoiceOptions): Partial<Choices> {
  const given = {
    length: options.length,
    include: options.include,
    mute: options.mute,
    authors: options.author,
    organisations: options.organisation,
  }
  try {
    const parsed = parseChoices(given)
    const named = Object.entries(given).filter(([, value]) => value !== undefined)
    return Object.fromEntries(named.map(([name]) => [name, parsed[name as keyof typeof given]]))
  } catch (error) {
    if (error instanceof ZodError) throw refusalOf(error, options)
    throw error
  }
}

/** Names the option of each value that does not hold, once. */
function refusalOf(error: ZodError, options: ChoiceOptions): UsageError {
  const sentences = error.issues.map(({ path }) => {
    const field = String(path[0])
    if (field === 'length') return `--length ${options.length} is not titles, short or full`
    const option = { authors: '--author', organisations: '--organisation' }[field] ?? `--${field}`
    return `${option}: at most ${PHRASES_MAX} phrases of 2 to ${PHRASE_MAX_CHARACTERS} characters each`
  })
  return new UsageError([...new Set(sentences)])
}

function wholeOf(option: string, text: string | undefined, min: number, max: number): number | undefined {
  return text === undefined ? undefined : parseWhole(option, text, min, max)
}

function oneOf<Name extends string>(
  option: string,
  text: string | undefined,
  names: readonly Name[],
): Name | undefined {
  if (text === undefined) return undefined
  const found = names.find((name) => name === text)
  if (!found) throw new UsageError(`${option} ${text} is none of ${names.join(', ')}`)
  return found
}
