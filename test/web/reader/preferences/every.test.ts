// Every preference is offered wherever preferences are: a field that one place does not know would
// be lost there, silently, with the next thing that its reader saves.
import { describe, expect, it } from 'vitest'
import { parseChoiceOptions } from '../../../../src/commands/subscribers/preferences.ts'
import { isFiltering, sayWishes } from '../../../../src/digest/choosing/wishes.ts'
import { LIST_COLUMNS, listCells, readHeader } from '../../../../src/subscriber/list/file.ts'
import { type Choices, DEFAULT_CHOICES, DEFAULT_RHYTHM, parseChoices } from '../../../../src/subscriber/preferences.ts'
import { describeChange } from '../../../../src/web/reader/preferences/change-words.ts'
import { entryFrom, parsePreferences } from '../../../../src/web/reader/preferences/entry.ts'

/** Of each preference something else than its default, and the option of `subscribers set`. */
const OTHERS: { [Name in keyof Choices]: [other: Choices[Name], option: Record<string, unknown>] } = {
  papers: [7, { papers: '7' }],
  length: ['full', { length: 'full' }],
  minimumVotes: [12, { minVotes: '12' }],
  onlyWithCode: [true, { onlyWithCode: 'yes' }],
  include: [['diffusion'], { include: ['diffusion'] }],
  mute: [['audio'], { mute: ['audio'] }],
  authors: [['Ada Lovelace'], { author: ['Ada Lovelace'] }],
  organisations: [['Nebius'], { organisation: ['Nebius'] }],
  includeMeans: ['only', { includeMeans: 'only' }],
}
/** These say how many, how long and in what order, and leave nothing out by themselves. */
const SHAPING = ['papers', 'length', 'includeMeans']

describe.each(Object.entries(OTHERS))('%s', (name, [other, option]) => {
  const choices = parseChoices({ [name]: other })
  const reader = { ...DEFAULT_RHYTHM, silence: 'silent', choices } as const

  it('survives the form of the preferences page', () => {
    expect(choices).not.toEqual(DEFAULT_CHOICES)
    const entry: Record<string, unknown> = entryFrom(reader)
    // As a browser sends it: what is not ticked is not there.
    const get = (field: string) => (entry[field] === false ? '' : String(entry[field] ?? ''))
    expect(parsePreferences({ get }).wanted?.choices).toEqual(choices)
  })

  it('survives a list', () => {
    const cells = listCells({
      ...{ ...reader, address: 'ada@example.org', consent: 'confirmed', consentSource: 'x', consentPage: null },
      ...{ askedAt: null, confirmedAt: null, leftAt: null, pausedUntil: null, consentNote: null },
      ...{ createdAt: null, suppressed: null },
    })
    expect(readHeader(LIST_COLUMNS).read(cells, new Set(['UTC']))).toMatchObject({ choices })
  })

  it('is an option of commands', () => {
    expect(parseChoiceOptions(option)).toEqual({ [name]: other })
  })

  it('is told back when it changes', () => {
    const before = { ...reader, choices: parseChoices({}), pausedUntil: null }
    expect(describeChange({ before, after: { ...before, choices } })).toHaveLength(1)
  })

  it.skipIf(SHAPING.includes(name))('is named where a selection is explained', () => {
    expect([isFiltering(choices), sayWishes(choices).length]).toEqual([true, 1])
  })
})
