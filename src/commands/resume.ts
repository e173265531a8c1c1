// Lifts what is stopped, all of it or one edition, and says what it was: by the operator, by the
// edition itself, and which providers were out. The running workers take it up within a minute. A
// restored copy is found and told of here too, and stays held.
import { readConfig } from '../config.ts'
import { openConfiguredWatch } from '../context.ts'
import { type Lifted, markResumed } from '../delivery/sending/brake.ts'
import { findRestoredHold } from '../edition/restored.ts'
import { type EditionKey, listStops, pruneStops, type Stop } from '../edition/stop.ts'
import { findEdition } from '../edition/store.ts'
import { UsageError } from '../errors.ts'
import { editionName } from './accounts.ts'
import { parseAll, parseEdition } from './arguments.ts'
import { restoredInWords, resumeRestoredCommand } from './restored.ts'
import { withStores } from './session.ts'
import { stopFields, stopInWords, stoppedName } from './stopped.ts'
import { openTerminal } from './terminal.ts'

interface ResumeOptions {
  date?: string
  weekly?: boolean
  restored?: boolean
  as?: string
  exact?: boolean
  yes?: boolean
  json?: boolean
}

export async function resumeCommand(options: ResumeOptions): Promise<void> {
  if (options.restored) return resumeRestoredCommand(options)
  const { edition } = parseAll({
    restored: () => refuseDecision(options),
    edition: () => parseEdition(options),
    settings: () => readConfig('stores'),
  })
  await withStores('stores', async (context) => {
    const { db } = context.stores
    // So that a copy is found before its first start. Whoever sends has the providers to ask.
    await (await openConfiguredWatch(context, [])).compareWithWitnesses()
    const known = edition === null ? undefined : await findEdition(db, edition.date, edition.kind)
    const { stops, lifted } = await db.transaction().execute(async (trx) => {
      const stops = await pruneStops(trx, edition)
      if (edition !== null && known === undefined && stops.length === 0) {
        throw new Error(`nothing is known of ${editionName(edition)}`)
      }
      const nothing: Lifted = { editions: [], providers: [] }
      return { stops, lifted: edition !== null && !known ? nothing : await markResumed(trx, known?.id ?? null) }
    })
    const hold = await findRestoredHold(db)
    const others = (await listStops(db)).filter((stop) => edition !== null && stop.edition === null)
    openTerminal(options).print(
      {
        date: edition?.date ?? null,
        kind: edition?.kind ?? null,
        lifted: lifted.editions[0]?.reason ?? stops[0]?.reason ?? null,
        stops: stops.map(stopFields),
        ...lifted,
        restored: hold ?? null,
      },
      [...linesOf(stops, lifted, edition), ...others.map(stillStopped), ...(hold ? [restoredInWords(hold)] : [])],
    )
    if (hold) throw new Error('a restored copy is held: only "resume --restored" lifts that')
  })
}

function refuseDecision({ as, yes, exact }: ResumeOptions): void {
  if (as !== undefined || yes || exact) throw new UsageError('--as, --exact and --yes belong to --restored')
}

function linesOf(stops: readonly Stop[], { editions, providers }: Lifted, edition: EditionKey | null): string[] {
  const lines = [
    ...stops.map((stop) => `Resumed ${stoppedName(stop)}: ${stopInWords(stop)}.`),
    ...editions.map((each) => `Resumed ${editionName(each)}: it had stopped because ${each.reason}.`),
    ...providers.map(({ name, reason }) => `${name} is used again: it was out because ${reason}.`),
  ]
  if (lines.length > 0) return [...lines, 'Running workers continue within a minute.']
  return [edition === null ? 'Nothing was stopped.' : `${editionName(edition)} was not stopped.`]
}

function stillStopped(stop: Stop): string {
  return `All digests are still stopped (${stopInWords(stop)}): "resume" without a date lifts that.`
}
