// Stops all digests, or one edition, until the operator resumes. It is one row in PostgreSQL, which
// every worker reads before it marks anything: Redis is not asked.
import { readConfig } from '../config.ts'
import { getUnderWay } from '../delivery/account/behind.ts'
import { counted } from '../digest/words.ts'
import { ensureStop } from '../edition/stop.ts'
import { UsageError } from '../errors.ts'
import { parseAll, parseEdition } from './arguments.ts'
import { withStores } from './session.ts'
import { stoppedName } from './stopped.ts'
import { openTerminal } from './terminal.ts'

interface StopOptions {
  date?: string
  weekly?: boolean
  reason?: string
  json?: boolean
}

/** It stands on one line of a terminal. */
const REASON_MAX_CHARACTERS = 200

export async function stopCommand(options: StopOptions): Promise<void> {
  const { edition, reason } = parseAll({
    edition: () => parseEdition(options),
    reason: () => parseReason(options.reason),
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

function parseReason(text: string | undefined): string | null {
  const reason = text?.replace(/\s+/g, ' ').trim() ?? ''
  if (reason.length > REASON_MAX_CHARACTERS) {
    throw new UsageError(`--reason is longer than ${REASON_MAX_CHARACTERS} characters: say it on one line`)
  }
  return reason === '' ? null : reason
}
