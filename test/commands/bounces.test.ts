import { expect, it } from 'vitest'
import { bouncesCommand } from '../../src/commands/bounces.ts'
import { claimMailbox, findMailbox } from '../../src/delivery/bounce/store.ts'
import { callOn, readJson } from '../support/command.ts'
import { keepRound } from '../support/kept-round.ts'
import type { TestRound } from '../support/round.ts'

let round: TestRound
keepRound((kept) => {
  round = kept
})

const NOBODY = {
  BOUNCE_ADDRESS: 'bounces@papers.example',
  BOUNCE_IMAP_URL: 'imaps://bounces:secret@127.0.0.1:1/INBOX',
}

it('says what is missing where no address is named', async () => {
  await expect(callOn(round.databaseUrl, () => bouncesCommand({}))).rejects.toThrow(/^BOUNCE_ADDRESS is not set/)
  expect(await findMailbox(round.db)).toBeUndefined()
})

it('fails where nobody answers, notes it, and leaves the mailbox to the next', async () => {
  await expect(callOn(round.databaseUrl, () => bouncesCommand({}), NOBODY)).rejects.toThrow(/refuses the connection/)
  expect(await findMailbox(round.db)).toMatchObject({
    readAt: null,
    failure: expect.stringMatching(/refuses the connection/),
  })
  expect(await claimMailbox(round.db, '00000000-0000-4000-8000-000000000000')).toBe(true)
})

it('leaves the mailbox to a scheduler that reads it', async () => {
  await claimMailbox(round.db, '00000000-0000-4000-8000-000000000000')
  const answer = await readJson(round.databaseUrl, () => bouncesCommand({ json: true }), NOBODY)
  expect(answer).toEqual({ applied: {}, known: 0, passedOver: {}, readByScheduler: true })
})
