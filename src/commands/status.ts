// The accounts of an edition, from one snapshot of the ledger.
import { readConfig } from '../config.ts'
import { getNow } from '../database/clock.ts'
import { getAccounts, getFates, listWaitingReasons } from '../delivery/account/accounting.ts'
import { addsUp } from '../delivery/delivery.ts'
import { listOutProviders } from '../delivery/provider/out.ts'
import { getUnresolved } from '../delivery/sending/unknown.ts'
import { counted } from '../digest/words.ts'
import { findEdition, findNewestEdition } from '../edition/store.ts'
import {
  accountFields,
  accountLines,
  editionName,
  feedbackLines,
  reasonLines,
  reasonsOf,
  stateInWords,
} from './accounts.ts'
import { kindOf, parseAll, parseDate } from './arguments.ts'
import { demoHint, withStores } from './session.ts'
import { openTerminal } from './terminal.ts'

export async function statusCommand(options: { date?: string; weekly?: boolean; json?: boolean }): Promise<void> {
  const kind = kindOf(options)
  const { date } = parseAll({
    date: () => (options.date === undefined ? undefined : parseDate(options.date)),
    settings: () => readConfig('stores'),
  })
  await withStores('stores', async ({ config, stores }) => {
    const edition = date ? await findEdition(stores.db, date, kind) : await findNewestEdition(stores.db, kind)
    if (!edition && date) {
      throw new Error(`nothing is known of ${editionName({ date, kind })}: collect it first${demoHint(config)}`)
    }
    if (!edition)
      throw new Error(
        `no ${kind} edition was frozen yet: name one with --date, or run collect first${demoHint(config)}`,
      )
    const accounts = await getAccounts(stores.db, edition.id)
    const waitingFor = await listWaitingReasons(stores.db, edition.id)
    const out = [...(await listOutProviders(stores.db))].map(([name, each]) => ({ name, ...each }))
    const fates = await getFates(stores.db, edition.id)
    const unresolved = await getUnresolved(stores.db, edition.id)
    const now = await getNow(stores.db)
    const { state, reason, incomplete, stoppedReason } = edition
    openTerminal(options).print(
      {
        ...{ date: edition.date, kind, state, reason, incomplete, stoppedReason },
        reasons: reasonsOf(edition, accounts, now),
        ...accountFields(accounts, 0),
        waitingFor,
        fates,
        unresolved,
        providersOut: out,
      },
      [
        `${editionName(edition)}: ${stateInWords(edition)}`,
        ...accountLines(accounts),
        ...reasonLines(edition, accounts, now),
        ...feedbackLines(accounts.submitted, fates, unresolved),
        ...Object.entries(waitingFor).map(
          ([why, count]) => `  ${count.toLocaleString('en')} ${count === 1 ? 'waits' : 'wait'} because of: ${why}`,
        ),
        ...out.map((each) => `${each.name} is out ${whenBack(each.waitMs)}: ${each.reason}`),
      ],
    )
    if (!addsUp(accounts)) throw new Error(`the accounts of ${editionName(edition)} do not add up: please report it`)
  })
}

function whenBack(waitMs: number | null): string {
  return waitMs === null ? 'until you say "resume"' : `for ${counted(Math.ceil(waitMs / 60_000), 'minute')} more`
}
