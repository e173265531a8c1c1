import { describe, expect, it } from 'vitest'
import type { Preferences } from '../../../../src/subscriber/change.ts'
import { DEFAULT_RHYTHM, parseChoices } from '../../../../src/subscriber/preferences.ts'
import { describeChange } from '../../../../src/web/reader/preferences/change-words.ts'

const BEFORE: Preferences = { ...DEFAULT_RHYTHM, choices: parseChoices({}), silence: 'silent', pausedUntil: null }

function tell(given: Partial<Preferences>, choices: object = {}): string[] {
  return describeChange({ before: BEFORE, after: { ...BEFORE, ...given, choices: parseChoices(choices) } })
}

describe('describeChange', () => {
  it('says nothing of what stays', () => {
    expect(tell({})).toEqual([])
  })

  it.each<[Partial<Preferences>, object, string]>([
    [
      { cadence: 'weekly', weekday: 5, hour: 18, zone: 'America/New_York' },
      {},
      'Your digest now comes every Friday at 18:00, America/New York; it came every day at 07:00, UTC.',
    ],
    [{ pausedUntil: '2026-03-05' }, {}, 'You get nothing through Thu 5 March; then digests come again.'],
    [{ silence: 'note' }, {}, 'A day without papers brings a short note.'],
    [{}, { papers: 1 }, 'It holds at most 1 paper; it held 10. Up to 3 earlier papers on the rise may come on top.'],
    [{}, { length: 'titles' }, 'It shows titles only; it showed short cards.'],
    [{}, { minimumVotes: 5 }, 'Papers need 5 votes or more; they needed 0.'],
    [{}, { onlyWithCode: true }, 'You get only papers with code.'],
    [{}, { mute: ['audio'] }, 'Topics you mute: audio.'],
    [{}, { authors: ['a1', 'a2', 'a3', 'a4', 'a5', 'a6'] }, 'Authors you follow: a1, a2, a3, a4, a5 and 1 more.'],
    [{}, { includeMeans: 'only' }, 'As soon as you include or follow something, you get only that.'],
  ])('tells one difference in one sentence: %j %j', (given, choices, sentence) => {
    expect(tell(given, choices)).toEqual([sentence])
  })

  it('tells that only what is included comes where something is, and until when all does', () => {
    expect(tell({}, { includeMeans: 'only', authors: ['Ada'] })).toEqual([
      'Authors you follow: Ada.',
      'You get only what you include or follow.',
    ])
    const [only, none] = [{ includeMeans: 'only', include: ['video'] }, { includeMeans: 'only' }].map((choices) => {
      return { ...BEFORE, choices: parseChoices(choices) }
    }) as [Preferences, Preferences]
    expect(describeChange({ before: only, after: none })).toEqual([
      'Topics you include: none now.',
      'As soon as you include or follow something, you get only that.',
    ])
  })

  it('tells a week nothing of late risers, as it has none', () => {
    const weekly = { ...BEFORE, cadence: 'weekly' as const }
    const after = { ...weekly, choices: parseChoices({ papers: 5 }) }
    expect(describeChange({ before: weekly, after })).toEqual(['It holds at most 5 papers; it held 10.'])
  })

  it('tells the way back as well', () => {
    const after = {
      ...BEFORE,
      choices: parseChoices({ minimumVotes: 5, include: ['video'] }),
      pausedUntil: '2026-03-05',
    }
    expect(describeChange({ before: after, after: BEFORE })).toEqual([
      'Digests come again from now on.',
      'Papers no longer need any votes.',
      'Topics you include: none now.',
    ])
  })
})
