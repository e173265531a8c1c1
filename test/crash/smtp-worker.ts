// A worker on an SMTP server, for tests to kill: claims, sends and settles one batch after another
// until nothing is left.

import { openDatabase } from '../../src/database/client.ts'
import { openSmtp } from '../../src/delivery/provider/smtp/smtp.ts'
import { BATCH } from '../../src/delivery/sending/batch.ts'
import { listWaiting } from '../../src/delivery/sending/once.ts'
import { LaterError } from '../../src/errors.ts'
import { dispatch } from '../../src/jobs/dispatch.ts'
import { openLogger } from '../../src/logger.ts'
import { deriveLinkKeys } from '../../src/subscriber/token.ts'
import { UNWATCHED } from '../support/unwatched.ts'

const [databaseUrl = '', port = '', pool = '', secret = ''] = process.argv.slice(2)
const server = { host: '127.0.0.1', port: Number(port), secure: false, login: null, pool: Number(pool) }
const provider = openSmtp({ server, dkim: null, requestsPerSecond: null })
const db = openDatabase(databaseUrl)
const round = {
  ...{ db, providers: [provider] as const, linkKeys: deriveLinkKeys([secret]), leaseMs: 90_000, holder: null },
  // What a copy would need is none of its business.
  witness: UNWATCHED,
  logger: openLogger('silent'),
}
for (let ids = await listWaiting(db, BATCH, 10); ids.length > 0; ids = await listWaiting(db, BATCH, 10)) {
  for (const id of ids) {
    await dispatch(round, id, 'smtp').catch((error: unknown) => {
      if (!(error instanceof LaterError)) throw error
    })
  }
}
await provider.close?.()
await db.destroy()
