// Lifts the hold of a restored copy, once it is known or decided what of the gap had gone.
import { confirm } from '@clack/prompts'
import type { Kysely } from 'kysely'
import { readConfig } from '../config.ts'
import { type Context, openConfiguredProviders, openConfiguredWatch } from '../context.ts'
import type { Database } from '../database/schema.ts'
import { bringWishes, type Replayed } from '../delivery/request/replaying.ts'
import { type Healed, type HealingParts, healAsAgain, healAsFound, healAsSent } from '../delivery/restoring/healing.ts'
import { followMoves } from '../delivery/restoring/moves.ts'
import { withPapers } from '../delivery/restoring/papers.ts'
import { readAccepted } from '../delivery/restoring/reading.ts'
import { counted } from '../digest/text/words.ts'
import { ensureRestoredHold, findRestoredHold, type RestoredHold } from '../edition/restored.ts'
import { UsageError } from '../errors.ts'
import { openJournal } from '../subscriber/journal/journal.ts'
import { deriveLinkKeys } from '../subscriber/token.ts'
import { momentInWords } from './accounts.ts'
import { parseAll } from './arguments.ts'
import { withStores } from './session.ts'
import { openTerminal } from './terminal.ts'

export interface RestoredOptions {
  date?: string
  weekly?: boolean
  as?: string
  /** Reads every email of the gap for its papers. */
  exact?: boolean
  yes?: boolean
  json?: boolean
  /** For tests: between the two readings, in milliseconds. */
  betweenMs?: number
}

type Decision = 'found' | 'sent' | 'again'

export async function resumeRestoredCommand(options: RestoredOptions): Promise<void> {
  const { as } = parseAll({
    as: () => parseDecision(options.as ?? 'found'),
    edition: () => refuseEdition(options),
    exact: () => refuseExact(options),
    settings: () => readConfig('mail'),
  })
  const terminal = openTerminal(options)
  await withStores('mail', async (context) => {
    const { db } = context.stores
    const providers = await openConfiguredProviders(context)
    const watch = await openConfiguredWatch(context, providers)
    // So that a copy can be healed before its first start.
    await watch.compare()
    const hold = (await findRestoredHold(db)) ?? (await holdByWord(db, options))
    const journal = context.keep(openJournal(context.config, context.logger))
    if (!hold) {
      const wishes = await bringWishes(db, journal, context.logger)
      return terminal.print({ as, held: false, wishes }, [
        'Nothing is held: this database is not older than its witness.',
        wishesInWords(wishes),
        'If it is a restored copy all the same (its witnesses are lost too), name what to do: --as found, sent or again.',
      ])
    }
    terminal.say(restoredInWords(hold))
    if (as === 'again') await askFirst('again', options.yes ?? false)
    const say = (line: string) => terminal.say(line)
    const { betweenMs, exact = false } = options
    const healed = await heal(context, hold, as, async () => {
      const asked = { db, providers, watch, say, ...(betweenMs === undefined ? {} : { betweenMs }) }
      const digests = await followMoves(db, await readAccepted(asked, hold), await journal.list())
      return exact ? withPapers(asked, digests) : digests
    })
    const wishes = await bringWishes(db, journal, context.logger)
    await watch.startBranch()
    terminal.print({ as, held: true, why: hold.why, gapFrom: hold.gapFrom, heldAt: hold.heldAt, ...healed, wishes }, [
      `${counted(healed.submitted, 'digest')} of the gap now ${healed.submitted === 1 ? 'counts' : 'count'} as submitted; ${healed.again} that had been under way ${healed.again === 1 ? 'goes' : 'go'} once more; ${counted(healed.late, 'notice')} withheld as late.`,
      wishesInWords(wishes),
      'The hold is lifted. Workers may be started again.',
    ])
  })
}

function wishesInWords({ left, returned, erased, suppressed, lifted }: Replayed): string {
  return `Of the journal: ${left} left, ${returned} came back, ${erased} erased, ${suppressed} suppressed, ${lifted} lifted.`
}

async function heal(
  { config, stores }: Context,
  hold: RestoredHold,
  as: Decision,
  read: () => ReturnType<typeof withPapers>,
): Promise<Healed> {
  const parts: HealingParts = {
    db: stores.db,
    cutoffMinutes: config.cutoffMinutes,
    latenessMs: config.latenessMs,
    keyId: deriveLinkKeys(config.linkSecrets).currentKeyId,
  }
  switch (as) {
    case 'found':
      return healAsFound(parts, hold, await read())
    case 'sent':
      return healAsSent(parts, hold)
    case 'again':
      return healAsAgain(parts, hold)
  }
}

/** Says since when and why a restored copy is held. */
export function restoredInWords({ heldAt, gapFrom, why }: RestoredHold): string {
  return `Held since ${momentInWords(heldAt)} as a restored copy: ${why}. What it lacks came after ${momentInWords(gapFrom)}.`
}

function parseDecision(text: string): Decision {
  if (text === 'found' || text === 'sent' || text === 'again') return text
  throw new UsageError(
    `--as ${text}: say found (ask the provider who got what), sent (count everyone due in the gap as served) or again (send to all, which may double)`,
  )
}

/** Only what is found can be read. */
function refuseExact({ as = 'found', exact }: RestoredOptions): void {
  if (exact && as !== 'found') throw new UsageError(`--exact reads the emails that were found: not with --as ${as}`)
}

/** The hold is of the database: no edition of it can be healed alone. */
function refuseEdition({ date, weekly }: RestoredOptions): void {
  if (date !== undefined || weekly)
    throw new UsageError('--restored lifts the whole hold: leave out --date and --weekly')
}

/**
 * Holds a copy that no witness can tell from the world, by the operator's word: only where `--as`
 * was named, and they say yes.
 */
async function holdByWord(db: Kysely<Database>, { as, yes }: RestoredOptions): Promise<RestoredHold | undefined> {
  if (as === undefined) return undefined
  await askFirst('unnoticed', yes ?? false)
  await ensureRestoredHold(db, 'the operator says that it was restored from a backup')
  return findRestoredHold(db)
}

const QUESTIONS = {
  again: {
    refusal: '--as again may send every digest of the gap a second time: say --yes to do so',
    message: 'Whoever got a digest since the copy was made may get it twice. Send again?',
  },
  unnoticed: {
    refusal: 'nothing says that this database is a restored copy: say --yes to treat it as one',
    message: 'Nothing says that this database is a restored copy. Treat it as one?',
  },
}

async function askFirst(what: keyof typeof QUESTIONS, yes: boolean): Promise<void> {
  if (yes) return
  const { refusal, message } = QUESTIONS[what]
  if (!process.stdin.isTTY || !process.stderr.isTTY) throw new UsageError(refusal)
  const answer = await confirm({ message, initialValue: false, output: process.stderr })
  if (answer !== true) throw new Error('the hold stays as it is')
}
