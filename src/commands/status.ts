// The accounts of an edition, from one snapshot of the ledger.
import { getAccounts, getFates } from '../delivery/accounting.ts'
import { addsUp } from '../delivery/delivery.ts'
import { getUnresolved } from '../delivery/resolving.ts'
import { findEdition, findNewestEdition } from '../edition/store.ts'
import { accountFields, accountLines, editionName, feedbackLines, stateInWords } from './accounts.ts'
import { kindOf, parseDate } from './arguments.ts'
import { withStores } from './session.ts'
import { openTerminal } from './terminal.ts'

export async function statusCommand(options: { date?: string; weekly?: boolean; json?: boolean }): Promise<void> {
  const kind = kindOf(options)
  const date = options.date === undefined ? undefined : parseDate(options.date)
  await withStores('stores', async ({ config, stores }) => {
    const edition = date ? await findEdition(stores.db, date, kind) : await findNewestEdition(stores.db, kind)
    if (!edition && date) {
      throw new Error(
        `nothing is known of ${editionName({ date, kind })}: collect it first (the demo keeps its own: DATA_DIR=${config.dataDir}/demo)`,
      )
    }
    if (!edition) throw new Error(`no ${kind} edition was frozen yet: name one with --date, or run collect first`)
    const accounts = await getAccounts(stores.db, edition.id)
    const fates = await getFates(stores.db, edition.id)
    const unresolved = await getUnresolved(stores.db, edition.id)
    const { state, reason, incomplete, stoppedReason } = edition
    const fields = { ...accountFields(accounts, 0), fates, unresolved }
    openTerminal(options).print({ date: edition.date, kind, state, reason, incomplete, stoppedReason, ...fields }, [
      `${editionName(edition)}: ${stateInWords(edition)}`,
      ...accountLines(accounts),
      ...feedbackLines(accounts.submitted, fates, unresolved),
    ])
    if (!addsUp(accounts)) throw new Error(`the accounts of ${editionName(edition)} do not add up: please report it`)
  })
}
