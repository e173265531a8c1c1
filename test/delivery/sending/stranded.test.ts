import { sql } from 'kysely'
import { expect, it } from 'vitest'
import { listStranded, sayStranded, tellStranded } from '../../../src/delivery/sending/stranded.ts'
import { LaterError } from '../../../src/errors.ts'
import { dispatch } from '../../../src/jobs/dispatch.ts'
import { drainEdition } from '../../../src/jobs/drain.ts'
import { openLogger } from '../../../src/logger.ts'
import { keepRound } from '../../support/kept-round.ts'
import {
  endWaits,
  only,
  openScriptedProvider,
  planFor,
  readAccounts,
  readBatch,
  type TestRound,
} from '../../support/round.ts'

let round: TestRound
keepRound((opened) => {
  round = opened
})

/** Two readers whose request to Resend had no answer. */
async function attempt() {
  const resend = openScriptedProvider({ name: 'resend', replayMs: 23 * 3_600_000 })
  const { edition, batchIds } = await planFor({ ...round, ...only(resend) }, ['ada', 'bob'])
  const id = batchIds[0] as number
  resend.script.push({ kind: 'unknown', reason: 'the connection was cut' })
  await expect(dispatch({ ...round, ...only(resend) }, id)).rejects.toThrow(LaterError)
  return { resend, edition, id }
}

it('is what was attempted through a provider that is no longer named, until its keys are forgotten', async () => {
  await attempt()
  expect(await listStranded(round.db, ['smtp', 'resend'])).toEqual([])
  const [found, ...others] = await listStranded(round.db, ['smtp'])
  expect([found, others]).toMatchObject([{ provider: 'resend', emails: 2 }, []])
  const hours = ((found?.until.getTime() ?? 0) - Date.now()) / 3_600_000
  expect(hours).toBeGreaterThan(22.9)
  expect(hours).toBeLessThan(23.1)
  await sql`update batches set first_attempt_at = now() - interval '23 hours 1 minute'`.execute(round.db)
  expect(await listStranded(round.db, ['smtp'])).toEqual([])
})

it('is warned of, once a provider, where it is needed', async () => {
  await attempt()
  const lines: string[] = []
  const logger = openLogger('warn', { write: (line) => void lines.push(line) })
  await tellStranded({ db: round.db, providers: [{ name: 'smtp' }], logger })
  await tellStranded({ db: round.db, providers: [{ name: 'smtp' }, { name: 'resend' }], logger })
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { event: 'provider.missing', provider: 'resend', emails: 2, message: expect.stringContaining('MAIL_PROVIDER') },
  ])
})

it('goes on once its provider is back, though others have had it in hand', async () => {
  const { resend, edition, id } = await attempt()
  const smtp = openScriptedProvider({ name: 'smtp', replayMs: 0 })
  await endWaits(round.db)
  expect(await dispatch({ ...round, ...only(smtp) }, id)).toEqual([])
  expect(smtp.requests).toEqual([])
  expect(await readBatch(round.db, id)).toMatchObject({ state: 'unknown', reason: 'it was attempted through resend' })
  // A `send` that cannot repeat it ends, and says why.
  const queue = { put: async () => {} }
  const drained = await drainEdition({ ...round, ...only(smtp), queue }, edition.id, null, () => {})
  expect(drained.standstill).toMatch(/^what is left has to wait/)
  await endWaits(round.db)
  expect(await dispatch({ ...round, ...only(resend) }, id)).toEqual([])
  expect(resend.requests[1]).toEqual(resend.requests[0])
  expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 2, submitted: 2 })
})

it('is said with the provider, how many and until when', () => {
  expect(sayStranded({ provider: 'resend', emails: 1, until: new Date('2026-03-05T11:30:59Z') })).toBe(
    'whether resend took 1 email is not known, and MAIL_PROVIDER does not name it: only there can they be repeated, until 2026-03-05 11:30 UTC',
  )
})
