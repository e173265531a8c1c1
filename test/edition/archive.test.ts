import { expect, it } from 'vitest'
import { getArchiveVersion } from '../../src/edition/archive.ts'
import { collect } from '../../src/jobs/collect.ts'
import { keepRound } from '../support/kept-round.ts'
import { makePaper } from '../support/places.ts'
import { freezeEdition, openListedSource, type TestRound } from '../support/round.ts'

let round: TestRound
keepRound((kept) => {
  round = kept
})

it('names another version with every look, freeze and change of its standing, and none in between', async () => {
  const seen: string[] = []
  const note = async () => {
    const version = await getArchiveVersion(round.db)
    expect(await getArchiveVersion(round.db)).toBe(version)
    seen.push(version)
  }
  const listing = {
    paper: makePaper({ id: 'title:sheep', title: 'Sheep' }),
    upvotes: 1,
    comments: 0,
    submittedAt: null,
  }
  const source = openListedSource({ '2026-03-06': [listing] })
  await note()
  for (let look = 0; look < 2; look++) {
    await collect({ ...round, source }, '2026-03-06')
    await note()
  }
  const { id } = await freezeEdition(round, '2026-03-05')
  await note()
  await round.db.updateTable('editions').set({ incomplete: true }).where('id', '=', id).execute()
  await note()
  expect(new Set(seen).size).toBe(seen.length)
})
