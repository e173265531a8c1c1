// The operator's word on deliveries that stay unknown: ask the provider, send them once more, or
// leave them.
import { confirm } from '@clack/prompts'
import type { Kysely } from 'kysely'
import { type Config, type Reach, readConfig } from '../config.ts'
import { type Context, openConfiguredProviders } from '../context.ts'
import { getNow } from '../database/clock.ts'
import type { Database } from '../database/schema.ts'
import { markLookedUp } from '../delivery/feedback/looking-up.ts'
import { markResolved } from '../delivery/sending/parts.ts'
import { getUnresolved } from '../delivery/sending/unknown.ts'
import { counted } from '../digest/text/words.ts'
import { findEdition } from '../edition/store.ts'
import { UsageError } from '../errors.ts'
import { deriveLinkKeys } from '../subscriber/token.ts'
import { editionName, prunedInWords, unknownInWords } from './accounts.ts'
import { kindOf, parseAll, parseDate } from './arguments.ts'
import { withStores } from './session.ts'
import { openTerminal, type Terminal } from './terminal.ts'

interface ResolveOptions {
  date?: string
  weekly?: boolean
  as?: string
  yes?: boolean
  json?: boolean
}

type Decision = 'found' | 'again' | 'drop'

export async function resolveCommand(options: ResolveOptions): Promise<void> {
  const kind = kindOf(options)
  const { date, as } = parseAll({
    date: () => parseDate(options.date),
    as: () => parseDecision(options.as),
    // To ask takes a provider's key, and to send again signs links anew.
    settings: () => readConfig(reachOf(options.as)),
  })
  const terminal = openTerminal(options)
  await withStores(reachOf(as), async (context) => {
    const {
      config,
      stores: { db },
    } = context
    const edition = await findEdition(db, date, kind)
    if (!edition) throw new Error(unknownInWords({ date, kind }, await getNow(db), 'none of it was ever sent'))
    const name = editionName(edition)
    if ((await getUnresolved(db, edition.id)) === 0) {
      return terminal.print({ date, kind, as, found: 0, resolved: 0 }, [`Nothing of ${name} is permanently unknown.`])
    }
    if (as === 'again' && edition.prunedAt !== null) {
      throw new Error(prunedInWords(edition, 'say --as drop to leave what is unknown'))
    }
    const found = as === 'drop' ? 0 : await lookUp(context, edition.id, terminal)
    const left = await getUnresolved(db, edition.id)
    if (as === 'again' && left > 0) await askFirst(left, options.yes ?? false)
    const resolved = await decide(db, edition.id, as, config)
    const asked =
      found === 0
        ? []
        : [`${counted(found, 'email')} of ${name} had been accepted, by the provider's own word: now submitted.`]
    const lines = {
      found:
        left > 0
          ? `Still unknown: ${counted(left, 'email')}. The provider knows nothing of what is left, or could not be asked.`
          : '',
      again: `${counted(resolved, 'email')} to go again under a new key; the running workers begin within a minute.`,
      drop: `${counted(resolved, 'email')} of ${name} left unknown, marked as resolved.`,
    }
    terminal.print(
      { date, kind, as, found, resolved },
      [...asked, lines[as]].filter((line) => line !== ''),
    )
  })
}

/** Asks the providers before anybody decides: what they know needs no decision. */
async function lookUp(context: Context, editionId: number, terminal: Terminal): Promise<number> {
  const providers = await openConfiguredProviders(context)
  const { found, failures } = await markLookedUp(context.stores.db, editionId, providers)
  for (const failure of failures) terminal.say(`Could not be asked: ${failure}`)
  return found
}

async function decide(db: Kysely<Database>, editionId: number, as: Decision, config: Config): Promise<number> {
  switch (as) {
    case 'found':
      return 0
    case 'again':
      return markResolved(db, editionId, deriveLinkKeys(config.linkSecrets).currentKeyId)
    case 'drop':
      return markResolved(db, editionId, null)
  }
}

function reachOf(as: string | undefined): Reach {
  return as === 'found' || as === 'again' ? 'mail' : 'stores'
}

function parseDecision(text: string | undefined): Decision {
  if (text === 'found' || text === 'again' || text === 'drop') return text
  throw new UsageError(
    `--as ${text ?? 'is missing'}: say found (what the provider knows of), again (send under a new key) or drop (leave them unknown)`,
  )
}

/**
 * Doubling is the one thing that this program otherwise never does: it takes a person's yes, or a
 * script's `--yes`.
 */
async function askFirst(count: number, yes: boolean): Promise<void> {
  if (yes) return
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new UsageError(`--as again may send ${counted(count, 'email')} a second time: say --yes to do so`)
  }
  const message = `${counted(count, 'email')} may have arrived already and would come twice. Send again?`
  const answer = await confirm({ message, initialValue: false, output: process.stderr })
  if (answer !== true) throw new Error('nothing was sent again')
}
