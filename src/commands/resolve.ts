// The operator's word on deliveries that stay unknown: send them once more, or leave them.
import { confirm } from '@clack/prompts'
import { getUnresolved, markLeftUnknown, markToSendAgain } from '../delivery/resolving.ts'
import { findEdition } from '../edition/store.ts'
import { UsageError } from '../errors.ts'
import { deriveLinkKeys } from '../subscriber/token.ts'
import { editionName } from './accounts.ts'
import { kindOf, parseDate } from './arguments.ts'
import { withStores } from './session.ts'
import { openTerminal } from './terminal.ts'

interface ResolveOptions {
  date?: string
  weekly?: boolean
  as?: string
  yes?: boolean
  json?: boolean
}

export async function resolveCommand(options: ResolveOptions): Promise<void> {
  const date = parseDate(options.date)
  const kind = kindOf(options)
  const as = parseDecision(options.as)
  const terminal = openTerminal(options)
  // To send again is to sign links anew.
  await withStores(as === 'again' ? 'mail' : 'stores', async ({ config, stores: { db } }) => {
    const edition = await findEdition(db, date, kind)
    if (!edition) throw new Error(`nothing is known of ${editionName({ date, kind })}`)
    const found = await getUnresolved(db, edition.id)
    if (found === 0) {
      return terminal.print({ date, kind, as, resolved: 0 }, [
        `Nothing of ${editionName(edition)} is unknown for good.`,
      ])
    }
    if (as === 'again') await askFirst(found, options.yes ?? false)
    const resolved =
      as === 'again'
        ? await markToSendAgain(db, edition.id, deriveLinkKeys(config.linkSecrets).currentKeyId)
        : await markLeftUnknown(db, edition.id)
    terminal.print({ date, kind, as, resolved }, [
      as === 'again'
        ? `${resolved} of ${editionName(edition)} go again under a new key; the running workers take them up within a minute.`
        : `${resolved} of ${editionName(edition)} stay unknown and are marked as resolved.`,
    ])
  })
}

function parseDecision(text: string | undefined): 'again' | 'drop' {
  if (text === 'again' || text === 'drop') return text
  throw new UsageError(`--as ${text ?? 'is missing'}: say again (send under a new key) or drop (leave them unknown)`)
}

/** Doubling is the one thing that this program otherwise never does: it takes a person's yes, or a script's `--yes`. */
async function askFirst(count: number, yes: boolean): Promise<void> {
  if (yes) return
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new UsageError(`--as again may send ${count} mails a second time: say --yes to do so`)
  }
  const message = `${count} mails may have arrived already and would come twice. Send them again?`
  const answer = await confirm({ message, initialValue: false, output: process.stderr })
  if (answer !== true) throw new Error('nothing was sent again')
}
