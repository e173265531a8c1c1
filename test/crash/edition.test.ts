// Whom the harness lets go counts as gone, even where the stores died before they could say that
// they had written it: else whoever was rightly withheld would count as lost.
import { expect, it } from 'vitest'
import { openGated } from '../delivery/sending/seeded/stage.ts'
import { keepRound } from '../support/kept-round.ts'
import { addReader, type TestRound } from '../support/round.ts'
import { type EditionUnderFire, stir } from './edition.ts'

let round: TestRound
keepRound((kept) => {
  round = kept
})

it('counts as gone who was let go by a statement whose answer was lost', async () => {
  const readers = []
  for (const name of ['ada', 'ben', 'cleo']) readers.push(await addReader(round.db, name))
  const due = new Map(readers.map(({ address, id }) => [address as string, id]))
  const edition: EditionUnderFire = { id: 1, tag: '2024-01-01-daily', due, left: new Set() }
  const db = openGated(round.db, {
    before: async () => {},
    rewrite: (text) => text,
    after: ({ sql }) => {
      if (sql.includes('token_epoch')) throw new Error('the connection was lost')
    },
  })
  const dice = [0.1, 0.4, 0.8]
  const stirring = stir({ round: { ...round, db } }, edition, () => dice.shift() as number)
  await expect(stirring).rejects.toThrow('lost')
  const moved = await round.db.selectFrom('subscribers').select('id').where('address', 'like', 'x%').execute()
  expect(moved).toHaveLength(1)
  for (const { id } of moved) expect(edition.left).toContain(id)
})
