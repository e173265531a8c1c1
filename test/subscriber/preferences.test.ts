import { describe, expect, it } from 'vitest'
import { hashChoices, isZone, openChoices, parseCadence, parseChoices } from '../../src/subscriber/preferences.ts'

describe('parseChoices', () => {
  it('fills in the defaults', () => {
    expect(parseChoices({})).toEqual({
      papers: 10,
      length: 'short',
      minimumVotes: 0,
      onlyWithCode: false,
      include: [],
      mute: [],
      authors: [],
      organisations: [],
      includeMeans: 'first',
    })
  })
  it.each([
    { papers: 0 },
    { papers: 51 },
    { papers: 2.5 },
    { length: 'long' },
    { minimumVotes: -1 },
    { topic: 'llm' },
    { include: ['x'] },
    { mute: Array.from({ length: 31 }, (_, n) => `topic ${n}`) },
  ])('refuses %j', (choices) => expect(() => parseChoices(choices)).toThrow())
  it('keeps phrases on one line and each once, in the reader’s order', () => {
    const { include } = parseChoices({
      include: [' large\nlanguage  model ', 'Vision', 'LARGE language model', 'vision'],
    })
    expect(include).toEqual(['large language model', 'Vision'])
  })
  it('hashes equal choices alike, whatever the order in which they are named', () => {
    const one = parseChoices({ papers: 5, length: 'full' })
    const reversed = Object.fromEntries(Object.entries(one).reverse()) as typeof one
    expect(hashChoices(reversed)).toEqual(hashChoices(one))
    expect(hashChoices({ ...one, papers: 6 })).not.toEqual(hashChoices(one))
  })
})

describe('openChoices', () => {
  it('reads a row once, however many readers share it', () => {
    const read = openChoices()
    const row = { preferences_id: 1, choices: { papers: 3 } }
    expect(read(row)).toEqual(parseChoices({ papers: 3 }))
    expect(read({ ...row })).toBe(read(row))
    expect(read({ ...row, preferences_id: 2 })).not.toBe(read(row))
  })
})

describe('parseCadence', () => {
  it.each([
    ['daily', { cadence: 'daily', weekday: 1 }],
    ['working-days', { cadence: 'working-days', weekday: 1 }],
    ['weekly', { cadence: 'weekly', weekday: 1 }],
    ['weekly:sun', { cadence: 'weekly', weekday: 7 }],
  ])('reads %s', (text, rhythm) => expect(parseCadence(text)).toEqual(rhythm))
  it.each(['', 'hourly', 'daily:mon', 'weekly:', 'weekly:monday', 'weekly:mon:tue'])('refuses %j', (text) =>
    expect(parseCadence(text)).toBeUndefined(),
  )
})

describe('isZone', () => {
  it('knows IANA names and no offsets', () => {
    expect(['UTC', 'Europe/Paris', 'Pacific/Kiritimati'].every(isZone)).toBe(true)
    expect(['', 'Mars/Base', '+02:00', 'Europe/Pari'].some(isZone)).toBe(false)
  })
})
