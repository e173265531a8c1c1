import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DEFAULT_RHYTHM, parseChoices } from '../../../../src/subscriber/preferences.ts'
import { entryFrom, parsePreferences } from '../../../../src/web/reader/preferences/entry.ts'

const STANDING = { ...DEFAULT_RHYTHM, choices: parseChoices({}), silence: 'silent' as const }
const FIELDS = entryFrom(STANDING)

function parse(given: Record<string, string>) {
  const fields: Record<string, string> = { ...FIELDS, onlyWithCode: '', ...given }
  return parsePreferences({ get: (name) => fields[name] ?? '' })
}

describe('parsePreferences', () => {
  it('reads back the form of what stands', () => {
    expect(parse({})).toEqual({ entry: { ...FIELDS, onlyWithCode: false }, wanted: STANDING, problems: {} })
  })

  it('reads lists by lines and commas, and drops what is empty', () => {
    const { wanted } = parse({ include: ' diffusion, \r\nprotein  folding\n\n', onlyWithCode: 'on' })
    expect(wanted?.choices).toMatchObject({ include: ['diffusion', 'protein folding'], onlyWithCode: true })
  })

  it.each([
    ['papers', '0'],
    ['papers', '51'],
    ['papers', '1e1'],
    ['papers', ''],
    ['minimumVotes', '-1'],
    ['minimumVotes', '100001'],
    ['hour', '24'],
    ['weekday', '0'],
    ['cadence', 'hourly'],
    ['zone', 'Mars/Olympus'],
    ['length', 'long'],
    ['silence', ''],
    ['includeMeans', 'never'],
    ['include', 'x'],
    ['authors', 'y'.repeat(81)],
    ['mute', Array.from({ length: 31 }, (_, index) => `topic ${index}`).join('\n')],
  ])('says what is wrong with %s "%s", keeping what was typed', (field, value) => {
    const { wanted, problems, entry } = parse({ [field]: value })
    expect(wanted).toBeUndefined()
    expect(Object.keys(problems)).toEqual([field])
    expect(problems[field as keyof typeof problems]).toMatch(/\.$/)
    expect(entry[field as keyof typeof entry]).toBe(value)
  })

  it('takes any text without throwing, and wants only what can stand', () => {
    const field = fc.constantFrom(...Object.keys(FIELDS))
    fc.assert(
      fc.property(fc.dictionary(field, fc.string({ unit: 'binary', maxLength: 200 })), (given) => {
        const { wanted, problems } = parse(given)
        expect(wanted === undefined).toBe(Object.keys(problems).length > 0)
        if (wanted) expect(parseChoices(wanted.choices)).toEqual(wanted.choices)
      }),
    )
  })
})
