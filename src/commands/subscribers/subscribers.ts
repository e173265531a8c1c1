// Adds subscribers by hand and lists them.
import { ZodError } from 'zod'
import { readConfig } from '../../config.ts'
import { sayWishes } from '../../digest/wishes.ts'
import { counted } from '../../digest/words.ts'
import { UsageError } from '../../errors.ts'
import {
  type Choices,
  DEFAULT_RHYTHM,
  PHRASE_MAX_CHARACTERS,
  PHRASES_MAX,
  parseCadence,
  parseChoices,
  type Rhythm,
  rhythmInWords,
  WEEKDAYS,
} from '../../subscriber/preferences.ts'
import { insertSubscriber, listSubscribers, type NewSubscriber } from '../../subscriber/store.ts'
import type { Subscriber } from '../../subscriber/subscriber.ts'
import { UnknownZoneError } from '../../subscriber/zone.ts'
import { parseAddress, parseAll, parseWhole } from '../arguments.ts'
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

function parseSubscriber(text: string, options: AddOptions): NewSubscriber {
  const { papers } = options
  const { address, rhythm, choices } = parseAll({
    address: () => parseAddress(text),
    rhythm: () => rhythmFrom(options),
    papers: () => papers === undefined || parseWhole('--papers', papers, 1, 50),
    choices: () => choicesFrom(options),
    settings: () => readConfig('stores'),
  })
  return { ...rhythm, address, choices, consentSource: 'operator' }
}

/** The zone is asked about where it is written. */
function rhythmFrom({
  cadence = DEFAULT_RHYTHM.cadence,
  hour = String(DEFAULT_RHYTHM.hour),
  zone = DEFAULT_RHYTHM.zone,
}: AddOptions): Rhythm {
  const { said } = parseAll({
    said: () => {
      const parsed = parseCadence(cadence)
      if (parsed) return parsed
      throw new UsageError(`--cadence ${cadence} is not daily, working-days or weekly:${WEEKDAYS.join('|')}`)
    },
    hour: () => parseWhole('--hour', hour, 0, 23),
  })
  return { ...said, hour: Number(hour), zone }
}

/** A number of papers that does not hold is refused beside it. */
function choicesFrom(options: AddOptions): Choices {
  const papers = Number(options.papers)
  try {
    return parseChoices({
      ...(papers >= 1 && papers <= 50 ? { papers: Math.floor(papers) } : {}),
      ...(options.length === undefined ? {} : { length: options.length }),
      include: options.include,
      mute: options.mute,
      authors: options.author,
      organisations: options.organisation,
      ...(options.only ? { includeMeans: 'only' } : {}),
    })
  } catch (error) {
    if (error instanceof ZodError) throw refusalOf(error, options)
    throw error
  }
}

/** Names the option of each value that does not hold, once: of the lists and the length above. */
function refusalOf(error: ZodError, options: AddOptions): UsageError {
  const sentences = error.issues.map(({ path, message }) => {
    const field = String(path[0])
    if (field === 'length') return `--length ${options.length} is not titles, short or full`
    const option = { authors: '--author', organisations: '--organisation' }[field] ?? `--${field}`
    return `${option}: at most ${PHRASES_MAX} phrases of 2 to ${PHRASE_MAX_CHARACTERS} characters each (${message})`
  })
  return new UsageError([...new Set(sentences)])
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
  return [counted(choices.papers, 'paper'), choices.length, ...sayWishes(choices)].join(', ')
}
