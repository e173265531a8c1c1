// Ranks and prints an edition with its reasons; stores it only when asked to freeze.
import { readConfig } from '../config.ts'
import { hostOf, openConfiguredSource } from '../context.ts'
import type { EditionKind } from '../database/states.ts'
import { openTemplates } from '../digest/rendering.ts'
import { cleanLine, cleanText } from '../digest/text/text.ts'
import { counted } from '../digest/text/words.ts'
import { type Outlook, outlookFromSource, outlookFromStore } from '../edition/outlook.ts'
import { collect } from '../jobs/collect.ts'
import { rankDay, rankWeek } from '../jobs/rank.ts'
import { openLogger } from '../logger.ts'
import type { EditionDate } from '../source/paper.ts'
import { listVoteBars } from '../subscriber/store.ts'
import { editionName } from './accounts.ts'
import { kindOf, parseAll, parseDate, parseSource } from './arguments.ts'
import { withLook, withStores } from './session.ts'
import { openTerminal } from './terminal.ts'

interface EditionOptions {
  date?: string
  weekly?: boolean
  source?: string
  freeze?: boolean
  json?: boolean
}

export async function editionCommand(options: EditionOptions): Promise<void> {
  const { date } = parseAll({
    date: () => parseDate(options.date),
    source: () => parseSource(options.source),
    settings: () => readConfig(options.freeze ? 'pieces' : 'stores'),
  })
  const kind = kindOf(options)
  const outlook = options.freeze
    ? await freeze(date, kind, options.source)
    : options.source
      ? await lookAt(options.source, date, kind)
      : await lookInStores(date, kind)
  // One refused look takes nothing away from what earlier ones found.
  if (outlook.verdict === 'refused' && outlook.places.length === 0)
    throw new Error(`the answer for ${date} was refused: ${outlook.reason}`)
  openTerminal(options).print(fieldsOf(outlook), linesOf(outlook))
}

/** In memory only: no store is opened. */
async function lookAt(setting: string, date: EditionDate, kind: EditionKind): Promise<Outlook> {
  const config = readConfig('stores')
  const logger = openLogger(config.logLevel ?? 'warn')
  return outlookFromSource(openConfiguredSource({ config, logger }, setting), date, kind)
}

async function lookInStores(date: EditionDate, kind: EditionKind): Promise<Outlook> {
  return withLook(async (context) => {
    const { db } = context.stores
    const kept = await outlookFromStore(db, date, kind, await listVoteBars(db))
    return kept ?? outlookFromSource(openConfiguredSource(context), date, kind, db)
  })
}

/**
 * Collects the date when a source is named or nothing is kept of it, then freezes what the clock
 * allows.
 */
async function freeze(date: EditionDate, kind: EditionKind, setting: string | undefined): Promise<Outlook> {
  return withStores('pieces', async (context) => {
    const { config, logger } = context
    const { db } = context.stores
    const { templates } = openTemplates(config.templatesDir)
    const { cutoffMinutes, latenessMs } = config
    const round = { db, templates, host: hostOf(config), cutoffMinutes, latenessMs, logger }
    const kept = await outlookFromStore(db, date, kind, await listVoteBars(db))
    if (kind === 'daily' && kept?.state !== 'frozen' && (setting !== undefined || kept === undefined)) {
      await collect({ db, source: openConfiguredSource(context, setting), cutoffMinutes, logger }, date)
    }
    await (kind === 'daily' ? rankDay(round, date) : rankWeek(round, date))
    const outlook = await outlookFromStore(db, date, kind, await listVoteBars(db))
    if (outlook?.state === 'open') throw new Error(`votes for ${date} still count until its cut-off: it was not frozen`)
    if (!outlook) throw new Error(`nothing is known of ${editionName({ date, kind })}: collect its dates first`)
    return outlook
  })
}

function fieldsOf({ date, kind, state, verdict, reason, incomplete, places, setAside }: Outlook) {
  const papers = places
    .filter((place) => place.section !== 'late')
    .map((place) => ({
      id: place.paper.id,
      title: place.paper.title,
      rank: place.rank,
      upvotes: place.upvotes,
      comments: place.comments,
      reason: place.reason,
      lateRiser: place.section === 'rising',
    }))
  return { date, kind, state, verdict, reason, incomplete, papers, setAside }
}

function linesOf(outlook: Outlook): string[] {
  const { state, verdict, reason, incomplete, places, setAside } = outlook
  const ranked = places.filter((place) => place.section === 'ranked')
  const rising = places.filter((place) => place.section === 'rising')
  const said = state === 'open' ? verdict : state
  const line = (place: Outlook['places'][number]) =>
    `${String(place.rank).padStart(3)}. ${column(place.upvotes, 'vote', 4)}  ${column(place.comments, 'comment', 3)}  ${cleanText(place.paper.title)}\n     ${place.reason}`
  return [
    `${editionName(outlook)}: ${said}${reason ? ` (${reason})` : ''}${incomplete ? ', incomplete' : ''}, ${counted(ranked.length, 'paper')}`,
    ...ranked.map(line),
    ...(rising.length > 0 ? ['', 'Late risers, each with the place on its own date:', ...rising.map(line)] : []),
    ...(setAside.length > 0
      ? ['', 'Set aside:', ...setAside.map((row) => `  row ${row.index + 1}: ${cleanLine(row.reason)}`)]
      : []),
  ]
}

/** A count that stands in a column, its noun in the number's form. */
function column(count: number, noun: string, digits: number): string {
  return `${String(count).padStart(digits)} ${count === 1 ? `${noun} ` : `${noun}s`}`
}
