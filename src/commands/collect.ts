// Fetches dates and keeps them: papers, votes and what the guard says of each.
import { readConfig } from '../config.ts'
import { openConfiguredSource } from '../context.ts'
import { counted } from '../digest/text/words.ts'
import { collect, type Look } from '../jobs/collect.ts'
import { parseAll, parseDates, parseSource } from './arguments.ts'
import { withStores } from './session.ts'
import { openTerminal } from './terminal.ts'

export async function collectCommand(options: { date?: string; source?: string; json?: boolean }): Promise<void> {
  const { dates } = parseAll({
    dates: () => parseDates(options.date),
    source: () => parseSource(options.source),
    settings: () => readConfig('stores'),
  })
  const terminal = openTerminal(options)
  const looks: Look[] = []
  await withStores('stores', async (context) => {
    const source = openConfiguredSource(context, options.source)
    const { config, stores, logger } = context
    const progress = dates.length > 1 ? terminal.follow('Collecting') : undefined
    for (const date of dates) {
      looks.push(await collect({ db: stores.db, source, cutoffMinutes: config.cutoffMinutes, logger }, date))
      progress?.update(looks.length, dates.length)
    }
    progress?.end(`Collected ${counted(dates.length, 'date')}.`)
  })
  terminal.print({ collected: looks.map(fieldsOf) }, looks.map(lineOf))
  if (looks.some((look) => look.verdict.kind === 'refused')) process.exitCode = 1
}

function fieldsOf({ edition, verdict, listed, setAside }: Look) {
  const reason = verdict.kind === 'complete' ? null : verdict.reason
  return { date: edition.date, state: edition.state, verdict: verdict.kind, reason, listed, setAside }
}

function lineOf(look: Look): string {
  const { date, verdict, reason, listed, setAside } = fieldsOf(look)
  const why = reason === null ? '' : ` (${reason})`
  return `${date}  ${verdict}${why}: ${counted(listed, 'paper')}${setAside > 0 ? `, ${setAside} set aside` : ''}`
}
