// A worker on an SMTP server, for tests to kill: sends stretch after stretch until nothing is left.

import { openDatabase } from '../../src/database/client.ts'
import { UNPACED } from '../../src/delivery/pace/paces.ts'
import { openSmtp } from '../../src/delivery/provider/smtp/smtp.ts'
import { BATCH } from '../../src/delivery/sending/batch.ts'
import { listWaiting } from '../../src/delivery/sending/waiting.ts'
import { LaterError } from '../../src/errors.ts'
import { dispatchStretch } from '../../src/jobs/dispatch.ts'
import type { Job } from '../../src/jobs/queue/job.ts'
import { dispatchJobs } from '../../src/jobs/routes.ts'
import { openLogger } from '../../src/logger.ts'
import { deriveLinkKeys } from '../../src/subscriber/token.ts'
import { UNWATCHED } from '../support/unwatched.ts'

const [databaseUrl = '', port = '', pool = '', secret = ''] = process.argv.slice(2)
const server = { host: '127.0.0.1', port: Number(port), secure: false, login: null, pool: Number(pool) }
const provider = openSmtp({ server, dkim: null, requestsPerSecond: null })
const db = openDatabase(databaseUrl, { applicationName: 'smtp-worker' })
const round = {
  ...{ db, providers: [provider] as const, linkKeys: deriveLinkKeys([secret]), leaseMs: 90_000, holder: null },
  // What a copy would need is none of its business.
  witness: UNWATCHED,
  paces: UNPACED,
  logger: openLogger('silent'),
}
const run = async (job: Job) => {
  if (job.name !== 'dispatch' || job.stretch === undefined) throw new Error('not a stretch')
  const later = (error: unknown) => {
    if (!(error instanceof LaterError)) throw error
  }
  await dispatchStretch(round, { from: job.batchId, count: job.stretch }, 'smtp', async () => {}).catch(later)
}
// Two at a time, as the queue has it.
for (let ids = await listWaiting(db, BATCH, 100); ids.length > 0; ids = await listWaiting(db, BATCH, 100)) {
  const jobs = (await dispatchJobs(round, ids)).values()
  const work = async () => {
    for (const job of jobs) await run(job)
  }
  await Promise.all([work(), work()])
}
await provider.close?.()
await db.destroy()
