import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { findEarlierAddress, sayEarlierAddress } from '../../../src/digest/piece/earlier-address.ts'
import { HOUR_MS } from '../../../src/time.ts'
import { keepRound } from '../../support/kept-round.ts'
import { freezeEdition, type TestRound } from '../../support/round.ts'

const LATENESS_MS = 96 * HOUR_MS
const NOW = 'https://new.example/papers'

let round: TestRound
keepRound((kept) => {
  round = kept
})

const find = () => findEarlierAddress(round.db, NOW, LATENESS_MS)
const freezeAt = (publicUrl: string, date: string, hoursAgo: number) =>
  freezeEdition({ ...round, host: { ...round.host, publicUrl } }, date, { hoursAgo })

describe('findEarlierAddress', () => {
  it('finds none while every edition leads to today’s address', async () => {
    expect(await find()).toBeUndefined()
    await freezeAt(NOW, '2026-03-05', 2)
    expect(await find()).toBeUndefined()
  })

  it('finds the address of the newest edition that may still go, and until when', async () => {
    await freezeAt('https://oldest.example', '2026-03-03', 48)
    const { frozenAt } = await freezeAt('https://old.example', '2026-03-04', 24)
    await freezeAt(NOW, '2026-03-05', 1)
    const found = await find()
    expect(found).toEqual({
      address: 'https://old.example',
      until: new Date((frozenAt?.getTime() ?? 0) + LATENESS_MS + 24 * HOUR_MS),
    })
    expect(sayEarlierAddress({ address: 'https://old.example', until: new Date('2026-03-09T00:31:00Z') })).toMatch(
      /lead to https:\/\/old\.example: some may be sent until 2026-03-09 00:31 UTC/,
    )
  })

  it('passes over what is too old to be sent, and the archive', async () => {
    await freezeAt('https://old.example', '2026-02-26', 121)
    const { id } = await freezeAt('https://old.example', '2026-03-04', 24)
    await sql`update editions set archive = true where id = ${id}`.execute(round.db)
    expect(await find()).toBeUndefined()
  })
})
