// Lifts what stopped an edition, and the stops of its providers; the running workers take it up
// within a minute.
import { readConfig } from '../config.ts'
import { markResumed } from '../delivery/sending/brake.ts'
import { findEdition } from '../edition/store.ts'
import { editionName } from './accounts.ts'
import { kindOf, parseAll, parseDate } from './arguments.ts'
import { withStores } from './session.ts'
import { openTerminal } from './terminal.ts'

export async function resumeCommand(options: { date?: string; weekly?: boolean; json?: boolean }): Promise<void> {
  const { date } = parseAll({ date: () => parseDate(options.date), settings: () => readConfig('stores') })
  const kind = kindOf(options)
  await withStores('stores', async ({ stores }) => {
    const edition = await findEdition(stores.db, date, kind)
    if (!edition) throw new Error(`nothing is known of ${editionName({ date, kind })}`)
    await markResumed(stores.db, edition.id)
    openTerminal(options).print({ date, kind, lifted: edition.stoppedReason }, [
      edition.stoppedReason
        ? `Resumed ${editionName(edition)}; it had stopped because ${edition.stoppedReason}.`
        : `${editionName(edition)} was not stopped.`,
    ])
  })
}
