// The operator's word on what is unknown of an edition whose text is gone.
import { expect, it } from 'vitest'
import { resolveCommand } from '../../src/commands/resolve.ts'
import { getUnresolved } from '../../src/delivery/sending/unknown.ts'
import { dispatch } from '../../src/jobs/dispatch.ts'
import { callOn } from '../support/command.ts'
import { keepRound } from '../support/kept-round.ts'
import { planFor, type TestRound } from '../support/round.ts'

let round: TestRound
keepRound((kept) => {
  round = kept
  round.provider.replayMs = 0
})

it('sends nothing of it again, and says what to do instead', async () => {
  const { edition, batchIds } = await planFor(round, ['ada', 'bob'])
  round.provider.script.push({ kind: 'unknown', reason: 'the connection was cut' })
  await dispatch(round, batchIds[0] as number)
  await round.db.updateTable('editions').set({ pruned_at: new Date() }).execute()
  const { date } = edition
  const resolve = (as: string) => callOn(round.databaseUrl, () => resolveCommand({ date, as, yes: true }))
  await expect(resolve('again')).rejects.toThrow(
    `the edition of ${date} can no longer be sent, because RETENTION has removed its text: say --as drop to leave what is unknown`,
  )
  expect(await getUnresolved(round.db, edition.id)).toBe(2)
  expect((await resolve('found')).stdout).toMatch(/^Still unknown: 2 emails/)
  expect((await resolve('drop')).stdout).toBe(`2 emails of the edition of ${date} left unknown, marked as resolved.\n`)
  expect((await resolve('again')).stdout).toBe(`Nothing of the edition of ${date} is permanently unknown.\n`)
})
