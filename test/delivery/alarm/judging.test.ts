import { describe, expect, it } from 'vitest'
import type { Facts } from '../../../src/delivery/alarm/facts.ts'
import { judge, type Surroundings } from '../../../src/delivery/alarm/judging.ts'
import { DEFAULT_LIMITS } from '../../../src/delivery/alarm/limits.ts'
import { sharesOf } from '../../../src/delivery/sending/good-name.ts'

const NOW = new Date('2026-03-06T09:00:00Z')
const ago = (minutes: number) => new Date(NOW.getTime() - minutes * 60_000)
const DAILY = { date: '2026-03-05', kind: 'daily' } as const
const WEEKLY = { date: '2026-03-01', kind: 'weekly' } as const
const WELL: Facts = {
  now: NOW,
  unfrozen: [],
  waiting: [],
  unplannedSince: null,
  out: [],
  stopped: [],
  unknown: [],
  rejected: [],
  lookedAt: ago(1),
  answeredAt: ago(1),
  lookReason: null,
  shares: [],
  refusedSignUps: 0,
  challengedSignUps: 0,
  mailbox: null,
  restored: null,
}
const shares = ({ sent = 10_000, complaints = 0, bounces = 0 }) =>
  sharesOf([{ day: '2026-03-06', sent, complaints, bounces }], 7)
const FINE: Surroundings = { queue: null, disk: null }

/** What is nearly wrong, what is wrong, and what is said of it. */
const cases: [name: string, nearly: Partial<Facts & Surroundings>, wrong: Partial<Facts & Surroundings>, RegExp][] = [
  [
    'unfrozen 2026-03-05 daily',
    { unfrozen: [{ ...DAILY, cutoffAt: ago(59), reason: null }] },
    { unfrozen: [{ ...DAILY, cutoffAt: ago(60), reason: 'two papers' }] },
    /^The daily edition of 2026-03-05 is not frozen .* it is held: two papers\. See "status --date 2026-03-05"\.$/,
  ],
  [
    'unsent planning',
    { unplannedSince: ago(59) },
    { unplannedSince: ago(60) },
    /nothing has been planned for them\. See whether a worker runs\.$/,
  ],
  [
    'slow 2026-03-01 weekly',
    { waiting: [{ ...WEEKLY, since: ago(14), anySettled: true }] },
    { waiting: [{ ...WEEKLY, since: ago(90), anySettled: true }] },
    /15 minutes .*"status --watch --date 2026-03-01 --weekly"\.$/,
  ],
  [
    'provider smtp',
    { out: [{ provider: 'smtp', reason: 'it throttles', since: ago(9), until: ago(-5) }] },
    { out: [{ provider: 'smtp', reason: 'the quota is used up', since: ago(10), until: ago(-60) }] },
    /^smtp takes no emails until 2026-03-06 10:00 UTC: the quota is used up\.$/,
  ],
  ['stopped all', {}, { stopped: [{ edition: null, reason: null }] }, /^All digests are stopped\. .* say "resume"\.$/],
  [
    'unknown 2026-03-05 daily',
    { unknown: [{ ...DAILY, count: 10 }] },
    { unknown: [{ ...DAILY, count: 11 }] },
    /^11 emails .*"resolve --date 2026-03-05"\.$/,
  ],
  [
    'rejected 2026-03-05 daily',
    { rejected: [{ ...DAILY, count: 20 }] },
    { rejected: [{ ...DAILY, count: 21 }] },
    /^21 emails of the daily edition of 2026-03-05 were refused/,
  ],
  [
    'source ',
    { answeredAt: ago(179), lookReason: 'it answered 503' },
    { answeredAt: ago(180), lookReason: 'it answered 503' },
    /3 hours: it answered 503\.$/,
  ],
  [
    'source ',
    { lookedAt: null, answeredAt: null },
    { lookedAt: ago(200), answeredAt: null },
    /nobody has asked it: see whether a worker runs\.$/,
  ],
  [
    'queue ',
    { queue: { forMs: 119_999, reason: 'refused' } },
    { queue: { forMs: 120_000, reason: 'refused' } },
    /2 minutes: refused\./,
  ],
  [
    'disk one',
    { disk: { host: 'one', folder: '/data', freeBytes: 200 * 1024 * 1024 } },
    { disk: { host: 'one', folder: '/data', freeBytes: 20 * 1024 * 1024 } },
    /^The disk of \/data on one has 20 MB left/,
  ],
  [
    'good-name complaints 7 days',
    { shares: [shares({ complaints: 9 })] },
    { shares: [shares({ complaints: 10 })] },
    /^10 readers of 10,000 emails within 7 days complained, 0\.1 % or more: .* See where those readers came from\.$/,
  ],
  [
    'good-name bounces 7 days',
    { shares: [shares({ bounces: 199 }), shares({ sent: 999, bounces: 20 }), shares({ sent: 1_000, complaints: 4 })] },
    { shares: [shares({ bounces: 200 })] },
    /^200 emails of 10,000 within 7 days bounced for good, 2 % or more/,
  ],
  ['sign-ups ', { challengedSignUps: 500 }, { challengedSignUps: 501 }, /501 sign-ups asked for a proof/],
  ['sign-ups ', { refusedSignUps: 100 }, { refusedSignUps: 101 }, /TRUSTED_PROXY is not set\.$/],
  [
    'bounces ',
    { mailbox: { failedSince: ago(29), failure: 'it does not let us in' } },
    { mailbox: { failedSince: ago(30), failure: 'it does not let us in' } },
    /has not been read for 30 minutes: it does not let us in\. See "doctor"\.$/,
  ],
  [
    'restored ',
    {},
    { restored: { heldAt: ago(5), why: 'Redis knows more' } },
    /held: Redis knows more\. .*--restored"\.$/,
  ],
]

const judgeAll = (given: Partial<Facts & Surroundings>) =>
  judge({ ...WELL, ...given }, { ...FINE, ...given }, DEFAULT_LIMITS)

describe('judge', () => {
  it('finds nothing wrong where all is well', () => {
    expect(judgeAll({})).toEqual([])
  })

  it.each(cases)('finds %j at its limit and not before, and says what to do', (name, nearly, wrong, words) => {
    expect(judgeAll(nearly)).toEqual([])
    const [alarm, ...others] = judgeAll(wrong)
    expect(others).toEqual([])
    expect(`${alarm?.name} ${alarm?.subject}`).toBe(name)
    expect(alarm?.sentence).toMatch(words)
  })

  it('says of an edition of which nothing was sent both that and how long it has waited', () => {
    const waiting = [{ ...DAILY, since: ago(60), anySettled: false }]
    expect(judgeAll({ waiting }).map(({ name }) => name)).toEqual(['unsent', 'slow'])
  })
})
