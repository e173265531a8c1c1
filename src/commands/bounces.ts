// Reads the mailbox of bounces once: to see that it works, or by hand where no scheduler runs.
import { randomUUID } from 'node:crypto'
import { readConfig } from '../config.ts'
import { openConfiguredWishes } from '../context.ts'
import { openMailbox } from '../delivery/bounce/mailbox.ts'
import { claimMailbox, markMailboxFailed, pruneMailboxClaim } from '../delivery/bounce/store.ts'
import { toReason } from '../delivery/provider/outside.ts'
import { counted } from '../digest/text/words.ts'
import { describeError, UsageError } from '../errors.ts'
import { type BouncesRead, readBounces } from '../jobs/bounces.ts'
import { deriveLinkKeys } from '../subscriber/token.ts'
import { withStores } from './session.ts'
import { openTerminal } from './terminal.ts'

export async function bouncesCommand(options: { json?: boolean }): Promise<void> {
  const { bounces } = readConfig('mail')
  if (bounces === null) {
    throw new UsageError('BOUNCE_ADDRESS is not set: bounces of emails by SMTP go to MAIL_FROM, and nothing reads them')
  }
  const terminal = openTerminal(options)
  await withStores('mail', async (context) => {
    const { config, stores, logger, keep } = context
    const { db } = stores
    const reader = randomUUID()
    if (!(await claimMailbox(db, reader))) {
      const nothing: BouncesRead = { applied: {}, known: 0, passedOver: {} }
      return terminal.print({ ...nothing, readByScheduler: true }, [
        'A scheduler reads the mailbox as it is: see status.',
      ])
    }
    try {
      const wishes = await openConfiguredWishes(context)
      const mailbox = keep(await openMailbox(bounces.mailbox))
      const linkKeys = deriveLinkKeys(config.linkSecrets)
      const read = await readBounces({ db, linkKeys, home: bounces.home, note: wishes.note, logger }, mailbox)
      terminal.print({ ...read, readByScheduler: false }, linesOf(read))
    } catch (error) {
      await markMailboxFailed(db, toReason(describeError(error)))
      throw error
    } finally {
      await pruneMailboxClaim(db, reader)
    }
  })
}

function linesOf({ applied, known, passedOver }: BouncesRead): string[] {
  const lines = [
    ...Object.entries(applied).map(([type, count]) => `  ${counted(count, 'report')} of ${TYPES[type] ?? type}`),
    ...(known > 0 ? [`  ${counted(known, 'report')} that had come before`] : []),
    ...Object.entries(passedOver).map(
      ([why, count]) => `  ${counted(count, 'message')} passed over: ${WHY[why] ?? why}`,
    ),
  ]
  return lines.length > 0 ? ['Read and moved:', ...lines] : ['The mailbox is empty.']
}

const TYPES: Record<string, string> = {
  'hard-bounce': 'a mailbox that is gone',
  'soft-bounce': 'a mailbox that did not take one email',
  complained: 'a complaint',
  delayed: 'a delay',
  delivered: 'an arrival',
  sent: 'an email that was passed on',
  failed: 'an address that its reader has left',
}

const WHY: Record<string, string> = {
  unaddressed: 'no address of an email of ours, or one older than 30 days',
  unknown: 'its email is not known here any more',
  'auto-reply': 'the answer of a machine',
  'no-report': 'no report',
  unreadable: 'it cannot be read',
}
