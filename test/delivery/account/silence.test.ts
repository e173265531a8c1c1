import { describe, expect, it } from 'vitest'
import { editionSilence, type Facts, outcomeFor, withheldSilence } from '../../../src/delivery/account/silence.ts'

const edition = {
  state: 'frozen',
  reason: null,
  archive: false,
  frozenAt: new Date('2026-03-06T00:31:00Z'),
} as const
const cutoffAt = new Date('2026-03-06T00:30:00Z')
const reader = {
  consent: 'confirmed',
  cadence: 'daily',
  pausedUntil: null,
  isPaused: false,
  suppressed: null,
  subscribedAt: new Date('2026-01-01T00:00:00Z'),
  changedAt: new Date('2026-01-01T00:00:00Z'),
  waitingSince: new Date('2026-03-05T07:00:00Z'),
  nextHour: '2026-03-06 07:00',
} as const
/** The edition has passed a reader by. */
const PASSED = { waitingSince: new Date('2026-03-07') } as const
/** Their last change came when no edition of that day waited any more. */
const LATER = { changedAt: new Date('2026-03-15T12:00:00Z') } as const

const WEEKLY = { cadence: 'weekly' } as const
/** Theirs by what they chose, but their clock has passed it by. */
const WEEK = { kind: 'weekly', isTheirWeek: true, isNext: false } as const

function outcome(given: Partial<Facts> & { who?: Partial<Facts['reader']> } = {}) {
  const { who, ...facts } = given
  return outcomeFor({
    date: '2026-03-05',
    kind: 'daily',
    edition,
    cutoffAt,
    delivery: undefined,
    now: new Date('2026-03-06T08:00:00Z'),
    isTheirWeek: false,
    isNext: true,
    hourAt: new Date('2026-03-06T07:00:00Z'),
    otherWeek: null,
    stopped: null,
    ...facts,
    reader: { ...reader, ...who },
  })
}
/** Readers get these sentences as notes. */
const OPERATORS_WORDS = /\b(froze|frozen|merged|selection|due|suppressed|withheld)\b/i
const delivered = (
  state: 'planned' | 'withheld' | 'rejected' | 'unknown' | 'submitted',
  reason: string | null = null,
) => outcome({ delivery: { state, reason, batch: null, mergedInto: null, filtered: null } })

describe('outcomeFor', () => {
  it('reads what happened to a delivery first', () => {
    expect(delivered('submitted').kind).toBe('mail')
    expect(delivered('planned').kind).toBe('coming')
    expect(delivered('rejected', 'no such mailbox').sentence).toBe('The provider refused it: no such mailbox.')
    expect(delivered('unknown')).toMatchObject({ whose: 'ours', reason: 'unknown' })
    expect(delivered('withheld', 'late')).toMatchObject({ whose: 'ours', reason: 'late' })
  })

  it.each([
    [{ edition: undefined }, 'edition', 'not-collected'],
    [{ edition: { ...edition, state: 'held', reason: 'too few' } }, 'edition', 'held'],
    [{ edition: { ...edition, state: 'empty', reason: 'weekend' } }, 'edition', 'weekend'],
    [{ edition: { ...edition, state: 'open' } }, 'edition', 'open'],
    [{ edition: undefined, now: new Date('2026-03-06T00:29:00Z') }, 'edition', 'open'],
    [{ edition: undefined, now: new Date('2026-03-04T23:59:00Z') }, 'edition', 'ahead'],
    [{ edition: { ...edition, archive: true } }, 'edition', 'archive'],
    [{ who: { cadence: 'weekly' } }, 'choices', 'other-cadence'],
    [{ kind: 'weekly', who: { cadence: 'weekly' } }, 'choices', 'not-your-day'],
    [{ ...WEEK, who: { ...WEEKLY, ...LATER } }, 'choices', 'moved'],
    [{ ...WEEK, otherWeek: '2026-03-03', who: { ...WEEKLY, ...LATER } }, 'choices', 'moved'],
    [{ ...WEEK, otherWeek: '2026-03-07', who: { ...WEEKLY, ...LATER } }, 'choices', 'not-your-day'],
    // Nothing has changed since, or they were not there.
    [{ ...WEEK, otherWeek: '2026-03-07', who: { ...WEEKLY, ...PASSED } }, 'choices', 'not-waiting'],
    [
      { ...WEEK, otherWeek: '2026-03-07', who: { ...WEEKLY, ...LATER, subscribedAt: new Date('2026-03-07') } },
      'choices',
      'before',
    ],
    [{ who: { consent: 'unsubscribed' } }, 'ours', 'left'],
    [{ who: { suppressed: 'bounced' } }, 'ours', 'suppressed'],
    [{ who: { isPaused: true, pausedUntil: '2026-03-09' } }, 'choices', 'paused'],
    [{ who: { subscribedAt: new Date('2026-03-07'), waitingSince: new Date('2026-03-07') } }, 'choices', 'before'],
    [{ who: { waitingSince: new Date('2026-03-07') } }, 'choices', 'not-waiting'],
    [{ who: { ...PASSED, pausedUntil: '2026-03-06' } }, 'choices', 'paused'],
    // What they are now they were not then, or what they were then is over.
    [{ who: { ...PASSED, pausedUntil: '2026-03-04' } }, 'choices', 'not-waiting'],
    [{ who: { ...PASSED, ...LATER, isPaused: true, pausedUntil: '2026-04-07' } }, 'choices', 'not-waiting'],
    [{ who: { ...PASSED, ...LATER, pausedUntil: '2026-03-16' } }, 'choices', 'not-waiting'],
    [{ who: { ...LATER, consent: 'unsubscribed' } }, 'choices', 'not-waiting'],
  ] as [Parameters<typeof outcome>[0], string, string][])('%j: %s, %s', (given, whose, reason) => {
    const told = outcome(given)
    expect(told).toMatchObject({ kind: 'silence', whose, reason })
    expect(told.sentence).not.toMatch(OPERATORS_WORDS)
  })

  it('says of a week between two rhythms which one was theirs, and of no pause that was none', () => {
    const told = (otherWeek: string | null) => outcome({ ...WEEK, otherWeek, who: { ...WEEKLY, ...LATER } }).sentence
    expect(told('2026-03-03')).toBe('You moved your weekly digest since: yours was the week to Tuesday 3 March 2026.')
    expect(told('2026-03-07')).toBe('You moved your weekly digest since: yours was the week to Saturday 7 March 2026.')
    expect(told(null)).toBe('Your settings were different then: you changed them on Sunday 15 March 2026.')
  })

  it.each([
    [{}, 'It is planned and waits: the provider asked for it.'],
    [
      { isPaused: true, pausedUntil: '2026-03-09' },
      'It is planned, but you are paused until Monday 9 March 2026: it is sent only if you resume before it goes.',
    ],
    [{ suppressed: 'bounced' }, 'It is planned, but this address gets no email: bounced.'],
    [{ consent: 'unsubscribed' }, 'It is planned, but you have unsubscribed: it does not go any more.'],
  ] as [Partial<Facts['reader']>, string][])('says of what waits whether its reader gets it: %j', (who, sentence) => {
    const batch = { state: 'deferred', reason: null, until: null } as const
    const delivery = { state: 'planned', reason: null, batch, mergedInto: null, filtered: null } as const
    expect(outcome({ delivery, who }).sentence).toBe(sentence)
    // What was attempted may have been accepted.
    expect(outcome({ delivery: { ...delivery, batch: { ...batch, state: 'attempting' } }, who }).sentence).toBe(
      'It is planned.',
    )
  })

  it('says for whose hour an edition waits', () => {
    expect(outcome()).toEqual({ kind: 'coming', sentence: 'It waits for your next hour: 2026-03-06 07:00.' })
  })
})

describe('withheldSilence', () => {
  it('says whose reason it is, and what is known of it', () => {
    const filtered = { ranked: 27, had: 27, belowBar: 0, bar: 50, nearMisses: 0 }
    expect(withheldSilence('filtered', { filtered })).toMatchObject({ whose: 'choices', reason: 'nothing-new' })
  })

  it.each([
    [null, 'A newer one took its place: never several emails at once.'],
    [{ withheld: null }, 'It went into your digest of Fri 6 March: never several emails at once.'],
    [{ withheld: 'filtered' }, 'It went into the edition of Fri 6 March, and your settings left nothing of the two.'],
    [
      { withheld: 'left' },
      'It went into the edition of Fri 6 March, which you did not get. You had unsubscribed before it was sent.',
    ],
  ])('says of a merged one what became of that which took it in: %j', (into, sentence) => {
    const mergedInto = into && { date: '2026-03-06', ...into }
    expect(withheldSilence('merged', { mergedInto }).sentence).toBe(sentence)
  })
})

describe('editionSilence', () => {
  it('says nothing of a frozen edition that goes out', () => {
    expect(editionSilence(edition, { date: '2026-03-05', kind: 'daily', cutoffAt, now: cutoffAt })).toBeUndefined()
  })
})

describe('an open edition', () => {
  const open = { ...edition, state: 'open' } as const
  const said = (now: string) =>
    editionSilence(open, { date: '2026-03-05', kind: 'daily', cutoffAt, now: new Date(now) })?.sentence

  it('is one of which votes count, until they do not', () => {
    expect(said('2026-03-06T00:29:00Z')).toMatch(/is still open: votes count until 2026-03-06 00:30 UTC\.$/)
    expect(said('2026-03-06T00:30:00Z')).toMatch(/has not come out; its votes ended at 2026-03-06 00:30/)
  })

  it('may be one that nobody has looked at, or whose day has not come', () => {
    const unknown = (now: string) =>
      editionSilence(undefined, { date: '2026-03-05', kind: 'weekly', cutoffAt, now: new Date(now) })?.sentence
    expect(unknown('2026-03-05T12:00:00Z')).toBe(
      'The week to Thu 5 March is still open: votes count until 2026-03-06 00:30 UTC.',
    )
    expect(unknown('2026-03-04T12:00:00Z')).toBe('The week to Thu 5 March is still to come: its day is not there yet.')
    expect(unknown('2026-03-06T12:00:00Z')).toMatch(/was never made/)
  })
})
