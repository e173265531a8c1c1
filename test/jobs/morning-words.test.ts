import { describe, expect, it } from 'vitest'
import type { EditionFigures } from '../../src/delivery/account/accounting.ts'
import type { Morning } from '../../src/delivery/account/morning.ts'
import type { ToldAlarm } from '../../src/delivery/alarm/store.ts'
import type { Accounts } from '../../src/delivery/delivery.ts'
import { wordReport } from '../../src/jobs/morning-words.ts'

const NOTHING: Accounts = { due: 0, submitted: 0, withheld: {}, rejected: 0, unknown: 0, waiting: 0 }

function edition(accounts: Partial<Accounts>, more: Partial<EditionFigures> = {}): EditionFigures {
  const fates = { delivered: 0, bounced: 0, complained: 0, delayed: 0, failed: 0 }
  const about = { id: 1, date: '2026-03-05', kind: 'daily' as const, unresolved: 0, stopped: false }
  return { ...about, fates, accounts: { ...NOTHING, ...accounts }, ...more } as EditionFigures
}

const alarm = (sentence: string) => ({ name: 'source', subject: 'Silence', sentence, since: new Date() }) as ToldAlarm

const QUIET: Morning = {
  now: new Date('2026-03-06T07:04:00Z'),
  editions: [],
  slowestSeconds: null,
  reading: 1,
  joined: 0,
  left: 0,
  reasons: [],
  shares: [],
}

const report = (facts: Partial<Morning>) => wordReport({ ...QUIET, ...facts }, [], [])
const section = (facts: Partial<Morning>, heading: string) =>
  report(facts).sections.find((each) => each.heading === heading)

describe('the morning report', () => {
  it('says in its subject what went out and whether all is well', () => {
    expect(report({})).toMatchObject({
      subject: 'Morning report: nothing was due, all is well',
      title: 'Nothing was due, all is well',
      preheader: '1 reader, 0 joined, 0 left.',
      day: 'Fri 6 Mar, 07:04 UTC',
    })
    const told = [alarm('The source is silent.'), alarm('A quota is short.')] as Parameters<typeof wordReport>[1]
    const alarmed = wordReport({ ...QUIET, editions: [edition({ due: 1_200, submitted: 1_200 })] }, told, [])
    expect(alarmed).toMatchObject({
      subject: 'Morning report: 1,200 sent, 2 alarms open',
      preheader: 'The source is silent.',
    })
    expect(alarmed.sections[0]).toMatchObject({
      heading: 'Needs you',
      sentences: ['The source is silent.', 'A quota is short.'],
    })
  })

  it('accounts for whoever got nothing, and is silent where everybody got it', () => {
    expect(section({ editions: [edition({ due: 3, submitted: 3 })] }, 'Sent')?.sentences).toEqual([])
    const accounts = { due: 9, submitted: 2, withheld: { left: 1, filtered: 2 }, rejected: 1, unknown: 2, waiting: 1 }
    expect(section({ editions: [edition(accounts, { unresolved: 1, stopped: true })] }, 'Sent')?.sentences).toEqual([
      'Thu 5 Mar: 9 due = 2 sent + 1 withheld (left) + 2 withheld (filtered) + 1 rejected + 2 unknown (decide with "resolve") + 1 waiting (stopped).',
    ])
  })

  it('tells the slowest by minutes, later by hours', () => {
    const slowest = (slowestSeconds: number) =>
      section({ editions: [edition({ due: 1, submitted: 1 })], slowestSeconds }, 'Sent')?.rows.at(-1)?.figure
    expect([59, 60, 7_199, 7_200].map(slowest)).toEqual(['under a minute', '1 minute', '120 minutes', '2 hours'])
  })
})

describe('bounces and complaints', () => {
  const HARM = 'Bounces and complaints'
  const shares = (...sent: number[]) =>
    sent.map((each, at) => ({ days: [7, 30][at] as number, sent: each, bounces: 2, complaints: 0 }))
  const labels = (facts: Partial<Morning>) => section(facts, HARM)?.rows.map(({ label }) => label)

  it('are told of a span in which anything was sent, and of 30 days only where they hold more than 7', () => {
    expect(labels({})).toBeUndefined()
    expect(labels({ shares: shares(0, 40) as Morning['shares'] })).toEqual(['Bounced, 30 days', 'Spam, 30 days'])
    expect(labels({ shares: shares(40, 40) as Morning['shares'] })).toEqual(['Bounced, 7 days', 'Spam, 7 days'])
    expect(
      labels({ shares: shares(40, 41) as Morning['shares'], editions: [edition({ due: 1, submitted: 1 })] }),
    ).toEqual([
      'Bounced, these editions',
      'Bounced, 7 days',
      'Bounced, 30 days',
      'Spam, these editions',
      'Spam, 7 days',
      'Spam, 30 days',
    ])
  })

  it('are shares from a thousand emails on, and counts below', () => {
    const bounced = (sent: number) => section({ shares: shares(sent) as Morning['shares'] }, HARM)?.rows[0]?.figure
    expect([bounced(999), bounced(1_000)]).toEqual(['2 of 999', '2 (0.20 %)'])
    expect(section({ shares: shares(999) as Morning['shares'] }, HARM)?.rows[1]?.figure).toBe('none')
  })
})

describe('who left', () => {
  it('is told why, as far as they said', () => {
    const reasons: Morning['reasons'] = [{ reason: 'too-many', count: 2 }] as Morning['reasons']
    expect(section({ left: 3, reasons }, 'Readers')?.sentences).toEqual(['Why they left: too many emails (2).'])
    expect(section({ left: 3 }, 'Readers')?.sentences).toEqual([])
  })
})
