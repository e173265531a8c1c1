// Changes what one reader chose, or pauses them, at the operator's hand: as their own page does it.
import type { Kysely } from 'kysely'
import { readConfig } from '../../config.ts'
import type { Database } from '../../database/schema.ts'
import { shiftDate } from '../../edition/edition.ts'
import { UsageError } from '../../errors.ts'
import { markChanged, type Preferences, type Wanted } from '../../subscriber/change.ts'
import { rhythmInWords } from '../../subscriber/preferences.ts'
import { findSubscriberByAddress } from '../../subscriber/store.ts'
import { UnknownZoneError } from '../../subscriber/zone.ts'
import { parseAddress, parseAll, parseDate, parseWhole } from '../arguments.ts'
import { withStores } from '../session.ts'
import { openTerminal } from '../terminal.ts'
import {
  type ChoiceOptions,
  parseChoiceOptions,
  parseRhythmOptions,
  parseSilence,
  type RhythmOptions,
} from './preferences.ts'
import { choicesInWords } from './subscribers.ts'

interface SetOptions extends RhythmOptions, ChoiceOptions {
  json?: boolean
}

interface PauseOptions {
  until?: string
  days?: string
  end?: boolean
  json?: boolean
}

const PAUSE_DAYS_MAX = 366

export async function setSubscriberCommand(email: string, options: SetOptions): Promise<void> {
  const { address, rhythm, choices, silence } = parseAll({
    address: () => parseAddress(email),
    rhythm: () => parseRhythmOptions(options),
    choices: () => parseChoiceOptions(options),
    silence: () => parseSilence(options.silence),
    settings: () => readConfig('stores'),
  })
  const names = [...Object.keys(rhythm), ...Object.keys(choices), ...(silence === undefined ? [] : ['silence'])]
  if (names.length === 0) throw new UsageError('nothing is to be set: name a preference, such as --hour 8 (see --help)')
  await changeReader(address, options, async (db) => {
    const subscriber = await findSubscriberByAddress(db, address)
    const chosen = Object.keys(choices).length > 0 && subscriber ? { ...subscriber.choices, ...choices } : undefined
    return { ...rhythm, ...(silence && { silence }), ...(chosen && { choices: chosen }) }
  })
}

export async function pauseSubscriberCommand(email: string, options: PauseOptions): Promise<void> {
  const { address, change } = parseAll({
    address: () => parseAddress(email),
    change: () => parsePause(options),
    settings: () => readConfig('stores'),
  })
  await changeReader(address, options, async () => change)
}

async function changeReader(
  address: string,
  options: { json?: boolean },
  read: (db: Kysely<Database>) => Promise<Wanted>,
): Promise<void> {
  const { id, after } = await withStores('stores', ({ config, stores: { db } }) =>
    db.transaction().execute(async (trx) => {
      const subscriber = await findSubscriberByAddress(trx, address)
      if (!subscriber) throw new Error(`${address} is not a subscriber`)
      const changed = await markChanged(trx, subscriber.id, await read(trx), config)
      if (!changed) throw new Error(`${address} is ${subscriber.consent}: only a confirmed subscriber has preferences`)
      return { id: subscriber.id, after: changed.after }
    }),
  ).catch((error: unknown) => {
    throw error instanceof UnknownZoneError ? new UsageError(`--zone: ${error.message}`) : error
  })
  const { choices, ...rhythm } = after
  openTerminal(options).print({ address, id, ...rhythm, ...choices }, [`${address}: ${inWords(after)}.`])
}

function inWords(preferences: Preferences): string {
  const { choices, silence, pausedUntil } = preferences
  return [
    rhythmInWords(preferences),
    choicesInWords(choices),
    ...(silence === 'note' ? ['a note on days without a digest'] : []),
    ...(pausedUntil === null ? [] : [`paused until ${pausedUntil}`]),
  ].join(', ')
}

function parsePause({ until, days, end }: PauseOptions): Wanted {
  const named = [until, days, end].filter((each) => each !== undefined && each !== false)
  if (named.length !== 1) {
    throw new UsageError('say one of --until DATE (that day included), --days N, or --end')
  }
  if (end) return { pausedUntil: null }
  if (days !== undefined) {
    const count = parseWhole('--days', days, 1, PAUSE_DAYS_MAX)
    return ({ today }) => ({ pausedUntil: shiftDate(today, count) })
  }
  const date = parseUntil(until)
  if (date < new Date().toISOString().slice(0, 10)) throw new UsageError(`--until ${date} is over: use --end`)
  return { pausedUntil: date }
}

function parseUntil(text: string | undefined): string {
  try {
    return parseDate(text)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    throw new UsageError(error.problems.map((problem) => problem.replace(/^--date/, '--until')))
  }
}
