// Lists of subscribers as tables: what the columns of our own files and of others' mean, row by
// row. Pure. Nothing here makes a consent out of nothing: who left, bounced or was blocked
// elsewhere is taken over as unsubscribed.
import { ZodError } from 'zod'
import { CADENCES, type Consent, SILENCES, type Silence } from '../../database/states.ts'
import { UsageError } from '../../errors.ts'
import { sayIssues } from '../../issues.ts'
import { type Choices, DEFAULT_RHYTHM, parseChoices, parseRhythm, type Rhythm, WEEKDAYS } from '../preferences.ts'
import { describeRefused, normalizeAddress } from '../subscriber.ts'
import { type Cell, CellError, guardCell, oneOf, phrasesFrom, timeFrom, unguardCell } from './cells.ts'
import { findStanding, type Standing } from './standing.ts'

/** A subscriber as a list tells of them. Moments are ISO 8601. */
export interface ListedSubscriber extends Rhythm {
  /** Normalised. */
  address: string
  consent: Consent
  consentSource: string
  consentPage: string | null
  askedAt: string | null
  confirmedAt: string | null
  leftAt: string | null
  pausedUntil: string | null
  silence: Silence
  choices: Choices
  /** What is said of the consent: by the operator, or by the list that it comes from. */
  consentNote: string | null
  /** Null: now. */
  createdAt: string | null
  /**
   * Why nothing may be written to the address, with what the operator says of it; null where it
   * may.
   */
  suppressed: { reason: string; note: string | null; since: string | null } | null
}

export type ListFormat = 'own' | 'mailchimp' | 'listmonk' | 'buttondown' | 'substack' | 'ghost' | 'addresses'

export interface ListReader {
  format: ListFormat
  /** Columns that say nothing to us, as they are called there. */
  unread: readonly string[]
  /** What whoever imports it should know before, in words; undefined where there is nothing. */
  caution: string | undefined
  /**
   * Returns the subscriber of a row, or why it is refused, in words. `remark` hears what was read
   * otherwise than it stands there.
   */
  read(
    cells: readonly string[],
    zones: ReadonlySet<string>,
    remark?: (words: string) => void,
  ): ListedSubscriber | string
}

/** The columns of our own files, in order. */
export const LIST_COLUMNS = [
  'email',
  'consent',
  'consent_source',
  'consent_page',
  'asked_at',
  'confirmed_at',
  'left_at',
  'cadence',
  'weekday',
  'hour',
  'zone',
  'silence',
  'paused_until',
  'papers',
  'length',
  'minimum_votes',
  'only_with_code',
  'include',
  'mute',
  'authors',
  'organisations',
  'include_means',
  'consent_note',
  'created_at',
  'suppressed',
  'suppressed_note',
  'suppressed_since',
] as const
/** What the lists of other programs hold besides, and what whoever writes one by hand may add. */
const FOREIGN_COLUMNS = ['timezone', 'time_zone', 'created_at', 'zone', 'hour', 'cadence', 'weekday']
const MAILCHIMP_COLUMNS = [
  ...['timezone', 'time_zone', 'created_at'],
  ...['optin_time', 'optin_ip', 'confirm_time', 'confirm_ip', 'unsub_time', 'clean_time'],
  // Told by, and of no use.
  ...['member_rating', 'leid', 'euid'],
]
/** By which columns the list of another program is told; each of them is enough. */
const MARKS: Partial<Record<ListFormat, readonly string[]>> = {
  own: ['consent'],
  mailchimp: ['optin_time', 'confirm_time', 'member_rating', 'leid'],
  listmonk: ['attributes', 'uuid'],
  buttondown: ['unsubscription_date'],
  substack: ['email_disabled', 'active_subscription'],
  ghost: ['subscribed_to_emails'],
}
const CAUTIONS: Partial<Record<ListFormat, string>> = {
  listmonk:
    "listmonk's file does not tell who has left a list: import one that was made with /api/subscribers/export?list_id=…&subscription_status=confirmed, or people who left get emails",
}

const ADDRESS_COLUMNS = ['email', 'email_address', 'e_mail', 'mail', 'address']
const CONSENTS: readonly Consent[] = ['pending', 'confirmed', 'unsubscribed']

/**
 * Returns what reads the rows below a header; `rhythm` stands for what a row leaves out. Throws a
 * UsageError when no column holds addresses.
 */
export function readHeader(header: readonly string[], rhythm: Rhythm = DEFAULT_RHYTHM): ListReader {
  const names = header.map(nameOf)
  const at = findAddresses(names)
  if (at === undefined) throw new UsageError(missingIn(header))
  const format = formatOf(names)
  const standing = findStanding(header, names)
  const isRead = (name: string, index: number) =>
    index === at || name === '' || columnsOf(format).includes(name) || (format !== 'own' && standing.includes(name))
  const cellsOf = (cells: readonly string[]) => {
    const values = new Map(names.map((name, index) => [name, (cells[index] ?? '').trim()]))
    return (name: string) => values.get(name) ?? ''
  }
  return {
    format,
    caution: CAUTIONS[format],
    unread: header.filter((_, index) => !isRead(names[index] ?? '', index)).map((name) => name.trim()),
    read(cells, zones, remark = () => {}) {
      const given = format === 'own' ? cells.map(unguardCell) : cells
      const typed = given[at] ?? ''
      const address = normalizeAddress(typed)
      if (address === undefined) return describeRefused(typed)
      const cell = cellsOf(given)
      try {
        const row = { address, cell, zones, rhythm }
        return format === 'own' ? readOwn(row) : readForeign(row, format, standing.read(cell), remark)
      } catch (error) {
        return reasonOf(error)
      }
    },
  }
}

/**
 * Returns the cells of our own file: no spreadsheet takes one for a formula, and reading takes the
 * guard off again.
 */
export function listCells(subscriber: ListedSubscriber): string[] {
  const { choices } = subscriber
  const list = (phrases: readonly string[]) => (phrases.length === 0 ? '' : JSON.stringify(phrases))
  const cells = [
    subscriber.address,
    subscriber.consent,
    subscriber.consentSource,
    subscriber.consentPage ?? '',
    subscriber.askedAt ?? '',
    subscriber.confirmedAt ?? '',
    subscriber.leftAt ?? '',
    subscriber.cadence,
    WEEKDAYS[subscriber.weekday - 1] ?? '',
    String(subscriber.hour),
    subscriber.zone,
    subscriber.silence,
    subscriber.pausedUntil ?? '',
    String(choices.papers),
    choices.length,
    String(choices.minimumVotes),
    choices.onlyWithCode ? 'yes' : 'no',
    list(choices.include),
    list(choices.mute),
    list(choices.authors),
    list(choices.organisations),
    choices.includeMeans,
    subscriber.consentNote ?? '',
    subscriber.createdAt ?? '',
    subscriber.suppressed?.reason ?? '',
    subscriber.suppressed?.note ?? '',
    subscriber.suppressed?.since ?? '',
  ]
  return cells.map(guardCell)
}

function nameOf(column: string): string {
  return column
    .trim()
    .toLowerCase()
    .replace(/[\s-]+/g, '_')
}

function findAddresses(names: readonly string[]): number | undefined {
  return ADDRESS_COLUMNS.map((name) => names.indexOf(name)).find((index) => index >= 0)
}

/** Why no column of a header holds addresses. */
function missingIn(header: readonly string[]): string {
  if (normalizeAddress(header[0] ?? '') !== undefined) {
    return 'the first line is an address already: write a line above it that names the columns, email for one'
  }
  return findSeparator(header.join()) ?? 'no column of the first line is called email or Email Address'
}

/** Says what to do where other signs than commas separate the columns of a header. */
export function findSeparator(line: string): string | undefined {
  const [, name] =
    [
      [';', 'semicolons'],
      ['\t', 'tabs'],
    ].find(([sign = '']) => findAddresses(line.replaceAll('"', '').split(sign).map(nameOf)) !== undefined) ?? []
  return name && `${name} separate the columns of the first line: save the file with commas between them`
}

function formatOf(names: readonly string[]): ListFormat {
  const marked = Object.entries(MARKS).find(([, columns]) => columns.some((name) => names.includes(name)))
  return (marked?.[0] as ListFormat | undefined) ?? 'addresses'
}

function columnsOf(format: ListFormat): readonly string[] {
  if (format === 'own') return LIST_COLUMNS
  return format === 'mailchimp' ? MAILCHIMP_COLUMNS : FOREIGN_COLUMNS
}

/** A row that is read, and what stands for what it leaves out. */
interface ReadRow {
  /** Normalised. */
  address: string
  cell: Cell
  zones: ReadonlySet<string>
  rhythm: Rhythm
}

function readOwn({ address, cell, zones, rhythm: defaults }: ReadRow): ListedSubscriber {
  const list = (name: string) => (cell(name) === '' ? [] : phrasesFrom(name, cell(name)))
  const whole = (name: string) => (cell(name) === '' ? undefined : Number(cell(name)))
  const rhythm = readRhythm(cell, zones, defaults)
  const choices = {
    papers: whole('papers'),
    length: cell('length') || undefined,
    minimumVotes: whole('minimum_votes'),
    onlyWithCode: cell('only_with_code') === '' ? undefined : oneOf(cell, 'only_with_code', ['yes', 'no']) === 'yes',
    include: list('include'),
    mute: list('mute'),
    authors: list('authors'),
    organisations: list('organisations'),
    includeMeans: cell('include_means') || undefined,
  }
  return {
    ...rhythm,
    address,
    consent: oneOf(cell, 'consent', CONSENTS),
    consentSource: cell('consent_source') || 'import',
    consentPage: cell('consent_page') || null,
    askedAt: timeFrom(cell, 'asked_at'),
    confirmedAt: timeFrom(cell, 'confirmed_at'),
    leftAt: timeFrom(cell, 'left_at'),
    silence: cell('silence') === '' ? 'silent' : oneOf(cell, 'silence', SILENCES),
    pausedUntil: timeFrom(cell, 'paused_until', 'T00:00')?.slice(0, 10) ?? null,
    choices: parseChoices(choices),
    consentNote: cell('consent_note') || null,
    createdAt: timeFrom(cell, 'created_at'),
    suppressed:
      cell('suppressed') === ''
        ? null
        : {
            reason: cell('suppressed'),
            note: cell('suppressed_note') || null,
            since: timeFrom(cell, 'suppressed_since'),
          },
  }
}

function readRhythm(cell: Cell, zones: ReadonlySet<string>, defaults: Rhythm): Rhythm {
  const typed = {
    cadence: cell('cadence') || defaults.cadence,
    weekday: String(cell('weekday') === '' ? defaults.weekday : WEEKDAYS.indexOf(cell('weekday')) + 1),
    hour: cell('hour') || String(defaults.hour),
    zone: cell('zone') || defaults.zone,
  }
  const { rhythm, wrong } = parseRhythm(typed, (zone) => zones.has(zone))
  if (rhythm) return rhythm
  throw new CellError(
    {
      cadence: `cadence is none of ${CADENCES.join(', ')}`,
      weekday: `weekday is none of ${WEEKDAYS.join(', ')}`,
      hour: 'hour is not a whole number from 0 to 23',
      zone: `unknown time zone ${JSON.stringify(typed.zone)}`,
    }[wrong[0] as keyof Rhythm],
  )
}

function readForeign(
  { address, cell, zones, rhythm }: ReadRow,
  format: ListFormat,
  { consent, because, leftAt }: Standing,
  remark: (words: string) => void,
): ListedSubscriber {
  const source = format === 'addresses' ? 'import' : `import: ${format}`
  // Whoever writes a list by hand calls the columns as ours are called, beside one of states or
  // not; a zone that nobody knows is no reason to lose a reader.
  const isByHand = format !== 'mailchimp'
  const own = isByHand ? readRhythm((name) => (name === 'zone' ? '' : cell(name)), zones, rhythm) : rhythm
  const zone = cell('timezone') || cell('time_zone') || (isByHand ? cell('zone') : '')
  const isKnown = zones.has(zone)
  if (zone !== '' && !isKnown) remark(`unknown time zone ${JSON.stringify(zone)}: ${rhythm.zone} is used`)
  return {
    ...own,
    address,
    consent,
    consentSource: because === '' ? source : `${source}, ${because}`,
    consentPage: 'subscribers import',
    askedAt: timeFrom(cell, 'optin_time') ?? timeFrom(cell, 'created_at'),
    confirmedAt: timeFrom(cell, 'confirm_time'),
    leftAt,
    zone: isKnown ? zone : rhythm.zone,
    pausedUntil: null,
    silence: 'silent',
    choices: parseChoices({}),
    consentNote: askedFrom(cell),
    createdAt: null,
    suppressed: null,
  }
}

/** Whence somebody asked and confirmed: what Mailchimp keeps as the proof of a consent. */
function askedFrom(cell: Cell): string | null {
  const facts = [
    ...(cell('optin_ip') === '' ? [] : [`asked from ${cell('optin_ip')}`]),
    ...(cell('confirm_ip') === '' ? [] : [`confirmed from ${cell('confirm_ip')}`]),
  ]
  return facts.length > 0 ? facts.join(', ') : null
}

function reasonOf(error: unknown): string {
  if (error instanceof CellError) return error.message
  if (!(error instanceof ZodError)) throw error
  // A column is called as its field, in small letters.
  const problems = sayIssues(error, 'the row').map((problem) =>
    problem.replace(/^\w+/, (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)),
  )
  return [...new Set(problems)].join('; ')
}
