// Stops all digests, or one edition, until the operator resumes. It is one row in PostgreSQL, which
// every worker reads before it marks anything: Redis is not asked.
import { readConfig } from '../config.ts'
import { getUnderWay } from '../delivery/account/behind.ts'
import { counted } from '../digest/text/words.ts'
import { ensureStop } from '../edition/stop.ts'
import { parseAll, parseEdition, parseNote } from './arguments.ts'
import { withStores } from './session.ts'
import { stoppedName } from './stopped.ts'
import { openTerminal } from './terminal.ts'

interface StopOptions {
  date?: string
  weekly?: boolean
  reason?: string
  json?: boolean
}

export async function stopCommand(options: StopOptions): Promise<void> {
  const { edition, reason } = parseAll({
    edition: () => parseEdition(options),
    reason: () => parseNote('--reason', options.reason),
    settings: () => readConfig('stores'),
  })
  await withStores('stores', async ({ stores: { db } }) => {
    const stop = await ensureStop(db, edition, reason)
    const underWay = await getUnderWay(db, edition)
    openTerminal(options).print(
      {
        date: edition?.date ?? null,
        kind: edition?.kind ?? null,
        reason: stop.reason,
        since: stop.since,
        finishing: underWay,
      },
      [
        `Stopped ${stoppedName(stop)}. Confirmations and other notices still go.`,
        underWay.requests === 0
          ? 'Nothing was being sent.'
          : `${counted(underWay.requests, 'request')} (${counted(underWay.emails, 'email')}) had begun and will finish; nothing else is sent until you say "resume".`,
      ],
    )
  })
}
