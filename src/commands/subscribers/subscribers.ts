// Adds subscribers by hand and lists them.
import { ZodError } from 'zod'
import { sayWishes } from '../../digest/wishes.ts'
import { UsageError } from '../../errors.ts'
import {
  type Choices,
  DEFAULT_RHYTHM,
  PHRASE_MAX_CHARACTERS,
  PHRASES_MAX,
  parseCadence,
  parseChoices,
  parseRhythm,
  type Rhythm,
  rhythmInWords,
  WEEKDAYS,
} from '../../subscriber/preferences.ts'
import { insertSubscriber, listSubscribers, type NewSubscriber } from '../../subscriber/store.ts'
import type { Subscriber } from '../../subscriber/subscriber.ts'
import { UnknownZoneError } from '../../subscriber/zone.ts'
import { parseAddress, parseWhole } from '../arguments.ts'
import { withStores } from '../session.ts'
import { openTerminal } from '../terminal.ts'

interface AddOptions {
  cadence?: string
  hour?: string
  zone?: string
  papers?: string
  length?: string
  include?: string[]
  mute?: string[]
  author?: string[]
  organisation?: string[]
  only?: boolean
  json?: boolean
}

/** Rows that one page of the list holds: the whole list passes in flat memory. */
const PAGE = 1_000

export async function addSubscriberCommand(address: string, options: AddOptions): Promise<void> {
  const subscriber = parseSubscriber(address, options)
  const insertion = await withStores('stores', ({ stores }) => insertSubscriber(stores.db, subscriber)).catch(
    (error: unknown) => {
      throw error instanceof UnknownZoneError ? new UsageError(`--zone: ${error.message}`) : error
    },
  )
  if (insertion === 'suppressed') {
    throw new Error(`${subscriber.address} is suppressed and must not be written to: it was not added`)
  }
  const { choices } = subscriber
  openTerminal(options).print({ address: subscriber.address, result: insertion }, [
    insertion === 'added'
      ? `Added ${subscriber.address}: ${rhythmInWords(subscriber)}, ${choicesInWords(choices)}.`
      : `${subscriber.address} is known already and stays as it is.`,
  ])
}

export async function listSubscribersCommand(options: { json?: boolean }): Promise<void> {
  const write = (text: string) => process.stdout.write(text)
  await withStores('stores', async ({ stores }) => {
    let count = 0
    let page = await listSubscribers(stores.db, 0, PAGE)
    if (options.json) write('{"subscribers":[')
    for (let last = page.at(-1); last; last = page.at(-1)) {
      for (const subscriber of page) {
        write(
          options.json ? `${count > 0 ? ',' : ''}${JSON.stringify(fieldsOf(subscriber))}` : `${lineOf(subscriber)}\n`,
        )
        count++
      }
      page = await listSubscribers(stores.db, last.id, PAGE)
    }
    if (options.json) write(']}\n')
    else if (count === 0) write('No subscribers yet: add one with "subscribers add ADDRESS".\n')
  })
}

function parseSubscriber(address: string, options: AddOptions): NewSubscriber {
  try {
    return {
      ...rhythmFrom(options),
      address: parseAddress(address),
      choices: parseChoices({
        ...(options.papers === undefined ? {} : { papers: parseWhole('--papers', options.papers, 1, 50) }),
        ...(options.length === undefined ? {} : { length: options.length }),
        include: options.include,
        mute: options.mute,
        authors: options.author,
        organisations: options.organisation,
        ...(options.only ? { includeMeans: 'only' } : {}),
      }),
      consentSource: 'operator',
    }
  } catch (error) {
    if (error instanceof ZodError) throw refusalOf(error, options)
    throw error
  }
}

/** The zone is asked about where it is written. */
function rhythmFrom({
  cadence = DEFAULT_RHYTHM.cadence,
  hour = String(DEFAULT_RHYTHM.hour),
  zone,
}: AddOptions): Rhythm {
  const said = parseCadence(cadence)
  if (!said) throw new UsageError(`--cadence ${cadence} is not daily, working-days or weekly:${WEEKDAYS.join('|')}`)
  const typed = { cadence: said.cadence, weekday: String(said.weekday), hour, zone: zone ?? DEFAULT_RHYTHM.zone }
  const { rhythm } = parseRhythm(typed, () => true)
  if (!rhythm) throw new UsageError(`--hour ${hour} is not a whole number from 0 to 23`)
  return rhythm
}

/**
 * Names the option that a value came from: of the numbers and names above, all others are parsed
 * already.
 */
function refusalOf(error: ZodError, options: AddOptions): UsageError {
  const [issue] = error.issues
  const field = String(issue?.path[0])
  if (field === 'length') return new UsageError(`--length ${options.length} is not titles, short or full`)
  const option = { authors: '--author', organisations: '--organisation' }[field] ?? `--${field}`
  return new UsageError(
    `${option}: at most ${PHRASES_MAX} phrases of 2 to ${PHRASE_MAX_CHARACTERS} characters each (${issue?.message})`,
  )
}

function fieldsOf(subscriber: Subscriber) {
  const { address, consent, cadence, weekday, hour, zone, pausedUntil, choices, nextDueAt } = subscriber
  return { address, consent, cadence, weekday, hour, zone, pausedUntil, ...choices, nextDueAt }
}

function lineOf(subscriber: Subscriber): string {
  const { address, consent, choices, pausedUntil } = subscriber
  const paused = pausedUntil ? `, paused until ${pausedUntil}` : ''
  return `${(address ?? '(erased)').padEnd(32)}  ${consent.padEnd(12)}  ${rhythmInWords(subscriber)}, ${choicesInWords(choices)}${paused}`
}

function choicesInWords(choices: Choices): string {
  return [`${choices.papers} papers`, choices.length, ...sayWishes(choices)].join(', ')
}
