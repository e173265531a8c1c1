import { expect, it } from 'vitest'
import { judgeQuota } from '../../../src/commands/doctor/quota.ts'

const judge = (day: number | null, month: number | null, readers: number) =>
  judgeQuota({ name: 'resend', quota: { day, month } }, { mails: 40 }, readers)

it('finds a quota enough for the readers that there are, or says what will happen', () => {
  expect(judge(null, null, 1_000_000)).toEqual([])
  expect(judge(100, null, 100)).toEqual([
    { state: 'ok', says: 'the quota of resend is 100 a day, of which 40 can still go today' },
  ])
  expect(judge(100, 3000, 101)).toEqual([
    expect.objectContaining({
      state: 'warning',
      says: expect.stringMatching(/100 a day and 3,000 a month.*101 readers/),
    }),
  ])
  expect(judge(null, 3000, 150)).toMatchObject([{ state: 'ok' }])
  expect(judge(null, 3000, 151)).toMatchObject([{ state: 'warning' }])
})
