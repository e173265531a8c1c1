// What a reader may choose: when (rhythm) and what (choices). Parsed here once; trusted everywhere
// else.
import { createHash } from 'node:crypto'
import * as z from 'zod'
import { CADENCES, type Cadence, LENGTHS, SILENCES } from '../database/states.ts'
import { readStored } from '../database/stored.ts'
import { inWords } from '../issues.ts'

export const INCLUDE_MEANINGS = ['only', 'first'] as const

/** More than these a reader would not read, and a mail could not hold. */
export const PAPERS_MAX = 50

/**
 * Phrases of a list, and characters of one: more than a person keeps in mind, and far below what
 * would slow a plan.
 */
export const PHRASES_MAX = 30
export const PHRASE_MAX_CHARACTERS = 80

/**
 * A topic, an author or an organisation as its reader wrote it: one line, in NFC. Comparing folds
 * case.
 */
const phrase = z
  .string()
  .transform((text) =>
    text
      .normalize('NFC')
      .replace(/[\s\p{Cc}\p{Cf}]+/gu, ' ')
      .trim(),
  )
  .pipe(z.string().min(2).max(PHRASE_MAX_CHARACTERS))

/** Without repetitions, in the reader's order. */
const phrases = z
  .array(phrase)
  .transform((list) => [...new Map(list.toReversed().map((text) => [text.toLowerCase(), text])).values()].toReversed())
  .pipe(z.array(z.string()).max(PHRASES_MAX))

/**
 * What is chosen where nothing is said. Once released, a default never changes: rows without a
 * field mean it, and equal choices share a row by what differs from these.
 */
export const DEFAULT_CHOICES = {
  papers: 10,
  length: 'short',
  minimumVotes: 0,
  onlyWithCode: false,
  include: [] as string[],
  mute: [] as string[],
  authors: [] as string[],
  organisations: [] as string[],
  includeMeans: 'first',
} as const

/**
 * The choices that decide a selection. Readers with equal choices share one row and, with the same
 * history, one selection.
 */
const fields = {
  /** Most papers a digest, without late risers. */
  papers: z.int().min(1).max(PAPERS_MAX),
  length: z.enum(LENGTHS),
  minimumVotes: z.int().min(0).max(100_000),
  onlyWithCode: z.boolean(),
  /** Topics wanted, and topics never wanted. */
  include: phrases,
  mute: phrases,
  /** Followed: they count as included. */
  authors: phrases,
  organisations: phrases,
  /**
   * What including means, where anything is included or followed: nothing but these, or these
   * first.
   */
  includeMeans: z.enum(INCLUDE_MEANINGS),
}
const choicesSchema = z.strictObject(fields)

export type Choices = z.infer<typeof choicesSchema>

/** What of a stored list can be read, however long it is: a mute is not lost with its neighbour. */
const storedPhrases = z
  .array(z.unknown())
  .transform((list) => list.flatMap((text) => phrase.safeParse(text).data ?? []))
  .catch([])

const storedSchema = z.looseObject({
  papers: fields.papers.catch(DEFAULT_CHOICES.papers),
  length: fields.length.catch(DEFAULT_CHOICES.length),
  minimumVotes: fields.minimumVotes.catch(DEFAULT_CHOICES.minimumVotes),
  onlyWithCode: fields.onlyWithCode.catch(DEFAULT_CHOICES.onlyWithCode),
  include: storedPhrases,
  mute: storedPhrases,
  authors: storedPhrases,
  organisations: storedPhrases,
  includeMeans: fields.includeMeans.catch(DEFAULT_CHOICES.includeMeans),
})

/** When a reader's digest falls due, in their own zone. */
export interface Rhythm {
  cadence: Cadence
  /** 1 Monday … 7 Sunday; counts for weekly only. */
  weekday: number
  /** 0–23. */
  hour: number
  /** An IANA name. */
  zone: string
}

/** Released, and so never to change: see DEFAULT_CHOICES. */
export const DEFAULT_RHYTHM: Rhythm = { cadence: 'daily', weekday: 1, hour: 7, zone: 'UTC' }
/** In the order of their numbers: the first is 1. */
export const WEEKDAY_NAMES = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'] as const
/** As commands and lists write them: `mon`. */
export const WEEKDAYS = WEEKDAY_NAMES.map((name) => name.slice(0, 3).toLowerCase())
const HOUR_MAX = 23
/** The fields of a stored rhythm, with what stands for a missing one. */
export const STORED_RHYTHM = {
  cadence: z.enum(CADENCES).catch(DEFAULT_RHYTHM.cadence),
  weekday: z.int().min(1).max(WEEKDAYS.length).catch(DEFAULT_RHYTHM.weekday),
  hour: z.int().min(0).max(HOUR_MAX).catch(DEFAULT_RHYTHM.hour),
  zone: z.string().refine(isZone).catch(DEFAULT_RHYTHM.zone),
  silence: z.enum(SILENCES).catch('silent'),
  choices: z.unknown().optional().transform(readChoices),
}

/** Fills in what is left open and throws a ZodError for anything out of range. */
export function parseChoices(given: unknown): Choices {
  return choicesSchema.parse(
    typeof given === 'object' && given !== null ? { ...DEFAULT_CHOICES, ...withoutHoles(given) } : given,
    { error: inWords },
  )
}

/** Reads choices as they were stored: see readStored. Fields that are not known here stay. */
export function readChoices(stored: unknown): Choices {
  return readStored(storedSchema, stored)
}

/** Reads rows that hold choices, each set of preferences once, however many readers share it. */
export function openChoices(): (row: { preferences_id: number; choices: unknown }) => Choices {
  const known = new Map<number, Choices>()
  return ({ preferences_id: id, choices }) => {
    const read = known.get(id) ?? readChoices(choices)
    known.set(id, read)
    return read
  }
}

/**
 * Returns the cadence and weekday of `daily`, `working-days` or `weekly:mon`; undefined for
 * anything else.
 */
export function parseCadence(text: string): Pick<Rhythm, 'cadence' | 'weekday'> | undefined {
  const [cadence, day, ...rest] = text.split(':')
  const known = CADENCES.find((name) => name === cadence)
  if (!known || rest.length > 0 || (day !== undefined && known !== 'weekly')) return undefined
  const weekday = day === undefined ? 1 : WEEKDAYS.indexOf(day) + 1
  return weekday === 0 ? undefined : { cadence: known, weekday }
}

/**
 * Reads a rhythm as it was typed, and names the fields that are wrong where any is. `isKnown` tells
 * which zones may be chosen.
 */
export function parseRhythm(
  typed: Record<keyof Rhythm, string>,
  isKnown: (zone: string) => boolean = isZone,
): { rhythm: Rhythm; wrong?: never } | { rhythm?: never; wrong: (keyof Rhythm)[] } {
  const cadence = CADENCES.find((name) => name === typed.cadence)
  const weekday = wholeFrom(typed.weekday, 1, WEEKDAYS.length)
  const hour = wholeFrom(typed.hour, 0, HOUR_MAX)
  const zone = isKnown(typed.zone) ? typed.zone : undefined
  if (cadence !== undefined && weekday !== undefined && hour !== undefined && zone !== undefined) {
    return { rhythm: { cadence, weekday, hour, zone } }
  }
  const read = { cadence, weekday, hour, zone }
  return { wrong: (Object.keys(read) as (keyof Rhythm)[]).filter((field) => read[field] === undefined) }
}

function wholeFrom(text: string, min: number, max: number): number | undefined {
  const value = /^\s*\d{1,6}\s*$/.test(text) ? Number(text) : Number.NaN
  return value >= min && value <= max ? value : undefined
}

/** Returns `07:00` for a reader's hour. */
export function clockOf(hour: number): string {
  return `${String(hour).padStart(2, '0')}:00`
}

/** Returns `daily 07:00 UTC`, `weekly:mon 07:00 Asia/Tokyo`: as commands write it. */
export function rhythmInWords({ cadence, weekday, hour, zone }: Rhythm): string {
  const day = cadence === 'weekly' ? `weekly:${WEEKDAYS[weekday - 1]}` : cadence
  return `${day} ${clockOf(hour)} ${zone}`
}

/**
 * Tells whether this runtime knows the zone; PostgreSQL is asked as well when it is written, as
 * each accepts names the other refuses.
 */
export function isZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }) !== undefined && /^[A-Za-z]/.test(name)
  } catch {
    return false
  }
}

/**
 * Returns the key under which equal choices share a row: of the fields that differ from their
 * defaults, so that rows from before and after a new field stay equal.
 */
export function hashChoices(choices: Choices): Buffer {
  const defaults: Record<string, unknown> = DEFAULT_CHOICES
  const own = Object.entries(choices)
    .filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(defaults[name]))
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return createHash('sha256').update(JSON.stringify(own)).digest()
}

function withoutHoles(given: object): object {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}
