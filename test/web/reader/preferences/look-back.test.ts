import { describe, expect, it } from 'vitest'
import { lookBackValues } from '../../../../src/web/reader/preferences/look-back.ts'

const look = (date: string, papers: number) => ({
  date,
  papers,
  titles: Array.from({ length: papers }, (_, index) => `Paper ${index}`),
  silence: papers === 0 ? 'None of its 5 papers matched your settings.' : null,
})

describe('lookBackValues', () => {
  it('counts the editions, names the silent days and shows the newest papers', () => {
    const values = lookBackValues([look('2026-03-05', 0), look('2026-03-04', 8), look('2026-03-03', 4)], 'daily')
    expect(values.summary).toBe('Of the last 3 daily editions, 2 would have brought you 4 to 8 papers, 1 nothing.')
    expect([values.from, values.to]).toEqual(['Tue 3 March', 'Thu 5 March'])
    expect(values.bars.map(({ x, height, silent }) => [x, height, silent])).toEqual([
      [270, 32, false],
      [280, 64, false],
      [290, 4, true],
    ])
    expect(values.silent).toEqual([{ date: 'Thu 5 March', why: 'None of its 5 papers matched your settings.' }])
    expect(values.newest).toBe('Wed 4 March')
    expect(values.titles).toHaveLength(5)
  })

  it.each([
    [[look('2026-03-05', 0)], 'From the last daily edition, nothing would have come.'],
    [[look('2026-03-05', 1)], 'From the last daily edition, 1 paper would have come.'],
    [
      [look('2026-03-05', 2), look('2026-03-04', 2)],
      'Of the last 2 daily editions, each would have brought you 2 papers.',
    ],
    [[], ''],
  ])('says it in a sentence (%#)', (looks, summary) => {
    expect(lookBackValues(looks, 'daily').summary).toBe(summary)
  })

  it('keeps what it made of a look, for each kind', () => {
    const looks: [] = []
    expect(lookBackValues(looks, 'daily')).toBe(lookBackValues(looks, 'daily'))
    expect(lookBackValues(looks, 'daily').empty).toContain('No edition is final yet')
    expect(lookBackValues(looks, 'weekly').empty).toContain('No weekly edition')
  })
})
