import { describe, expect, it } from 'vitest'
import { accountFields, accountLines, editionName, feedbackLines, stateInWords } from '../../src/commands/accounts.ts'
import type { Accounts } from '../../src/delivery/delivery.ts'
import type { Edition } from '../../src/edition/edition.ts'

const accounts: Accounts = {
  due: 1_234,
  submitted: 1_200,
  withheld: { filtered: 30, late: 2 },
  rejected: 1,
  unknown: 0,
  waiting: 1,
}

const edition: Edition = {
  id: 1,
  date: '2026-03-05',
  kind: 'daily',
  state: 'frozen',
  reason: null,
  source: 'file',
  incomplete: false,
  archive: false,
  cutoffAt: new Date('2026-03-06T00:30:00Z'),
  frozenAt: new Date('2026-03-06T00:30:04Z'),
  due: 0,
  stoppedReason: null,
  stoppedUntil: null,
  prunedAt: null,
}

describe('accountFields', () => {
  it('holds the stable fields in their order, and what this run submitted', () => {
    const extra = { ...accounts, more: 'than is promised' }
    expect(JSON.stringify(accountFields(extra, 7))).toBe(
      '{"due":1234,"submitted":1200,"withheld":{"filtered":30,"late":2},"rejected":1,"unknown":0,"waiting":1,"submittedNow":7}',
    )
  })
})

describe('accountLines', () => {
  it('aligns what there is and leaves zeros out', () => {
    expect(accountLines(accounts)).toEqual([
      '  due                  1,234',
      '  submitted            1,200',
      '  withheld (filtered)  30',
      '  withheld (late)      2',
      '  rejected             1',
      '  waiting              1',
    ])
  })
  it('always says how many were due and submitted', () => {
    const nothing: Accounts = { due: 0, submitted: 0, withheld: {}, rejected: 0, unknown: 0, waiting: 0 }
    expect(accountLines(nothing)).toEqual(['  due        0', '  submitted  0'])
  })
})

describe('names and states in words', () => {
  it('names an edition by its date', () => {
    expect(editionName(edition)).toBe('the edition of 2026-03-05')
    expect(editionName({ date: '2026-03-08', kind: 'weekly' })).toBe('the week to 2026-03-08')
  })
  it.each<[Partial<Edition>, string]>([
    [{}, 'frozen'],
    [{ state: 'held', reason: '2 papers on a working day' }, 'held (2 papers on a working day)'],
    [{ incomplete: true }, 'frozen, incomplete'],
    [{ stoppedReason: 'the key was refused' }, 'frozen, stopped: the key was refused'],
  ])('says of %j: %s', (given, words) => expect(stateInWords({ ...edition, ...given })).toBe(words))
})

describe('feedbackLines', () => {
  const none = { delayed: 0, delivered: 0, bounced: 0, failed: 0, suppressed: 0, complained: 0 }

  it.each([
    [1_200, none, 0, []],
    [
      1_200,
      { ...none, delivered: 1_100, bounced: 2 },
      0,
      ["Of the submitted, by the provider's reports: 1,100 delivered, 2 bounced, 98 not reported yet."],
    ],
    [3, { ...none, delivered: 3 }, 0, ["Of the submitted, by the provider's reports: 3 delivered."]],
    [0, none, 7, ['7 unknown may or may not have been accepted: decide with "resolve".']],
  ])('of %i submitted, %j and %i unresolved', (submitted, fates, unresolved, lines) => {
    expect(feedbackLines(submitted, fates, unresolved)).toEqual(lines)
  })
})
