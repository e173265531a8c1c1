// Adds subscribers by hand and lists them.
import { readConfig } from '../../config.ts'
import { sayWishes } from '../../digest/choosing/wishes.ts'
import { counted } from '../../digest/text/words.ts'
import { UsageError } from '../../errors.ts'
import { type Choices, DEFAULT_RHYTHM, parseChoices, rhythmInWords } from '../../subscriber/preferences.ts'
import {
  insertSubscriber,
  type ListFacts,
  listFacts,
  listSubscribers,
  type NewSubscriber,
} from '../../subscriber/store.ts'
import type { Subscriber } from '../../subscriber/subscriber.ts'
import { UnknownZoneError } from '../../subscriber/zone.ts'
import { parseAddress, parseAll, parseNote } from '../arguments.ts'
import { withStores } from '../session.ts'
import { openTerminal } from '../terminal.ts'
import { type ChoiceOptions, parseChoiceOptions, parseRhythmOptions, type RhythmOptions } from './preferences.ts'

interface AddOptions extends RhythmOptions, ChoiceOptions {
  note?: string
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
  await withStores('stores', async ({ stores: { db } }) => {
    let count = 0
    let last = 0
    if (options.json) write('{"subscribers":[')
    for (let page = await listSubscribers(db, last, PAGE); page.length > 0; ) {
      const facts = await listFacts(db, last, PAGE)
      for (const subscriber of page) {
        const known = facts.get(subscriber.id)
        write(
          options.json
            ? `${count > 0 ? ',' : ''}${JSON.stringify(fieldsOf(subscriber, known))}`
            : `${lineOf(subscriber, known)}\n`,
        )
        count++
        last = subscriber.id
      }
      page = await listSubscribers(db, last, PAGE)
    }
    if (options.json) write(']}\n')
    else if (count === 0) write('No subscribers yet: add one with "subscribers add ADDRESS".\n')
  })
}

function parseSubscriber(text: string, options: AddOptions): NewSubscriber {
  const { address, rhythm, choices, note } = parseAll({
    address: () => parseAddress(text),
    rhythm: () => parseRhythmOptions(options),
    choices: () => parseChoiceOptions(options),
    note: () => parseNote('--note', options.note),
    settings: () => readConfig('stores'),
  })
  const consent = { consentSource: 'operator', consentPage: 'subscribers add', consentNote: note }
  return { ...DEFAULT_RHYTHM, ...rhythm, address, choices: parseChoices(choices), ...consent }
}

function fieldsOf(subscriber: Subscriber, known: ListFacts | undefined) {
  const { address, consent, cadence, weekday, hour, zone, pausedUntil, choices, nextDueAt } = subscriber
  const facts = { createdAt: known?.createdAt ?? null, suppressed: known?.suppressed ?? null }
  return { address, consent, cadence, weekday, hour, zone, pausedUntil, ...choices, nextDueAt, ...facts }
}

function lineOf(subscriber: Subscriber, known: ListFacts | undefined): string {
  const { address, consent, choices, pausedUntil } = subscriber
  const paused = pausedUntil ? `, paused until ${pausedUntil}` : ''
  const suppressed = known?.suppressed ? `, suppressed (${known.suppressed})` : ''
  const since = known === undefined ? '' : `, since ${known.createdAt.toISOString().slice(0, 10)}`
  return `${(address ?? '(erased)').padEnd(32)}  ${consent.padEnd(12)}  ${rhythmInWords(subscriber)}, ${choicesInWords(choices)}${paused}${suppressed}${since}`
}

export function choicesInWords(choices: Choices): string {
  return [counted(choices.papers, 'paper'), choices.length, ...sayWishes(choices)].join(', ')
}
