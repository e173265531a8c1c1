import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { kindOf, parseAddress, parseAll, parseDate, parseDates, parseWhole } from '../../src/commands/arguments.ts'
import { collectCommand } from '../../src/commands/collect.ts'
import { editionCommand } from '../../src/commands/edition.ts'
import { resumeCommand } from '../../src/commands/resume.ts'
import { statusCommand } from '../../src/commands/status.ts'
import { UsageError } from '../../src/errors.ts'

function refusalOf(parse: () => unknown): string {
  try {
    parse()
  } catch (error) {
    if (error instanceof UsageError && error.problems.length === 1) return error.message
    throw error
  }
  throw new Error('it was taken')
}

describe('parseDate', () => {
  it.each(['2026-03-05', '2028-02-29', '1999-12-31'])('takes %s', (text) => expect(parseDate(text)).toBe(text))
  it.each(['2026-02-29', '2026-13-01', '2026-00-10', '2026-3-5', '05-03-2026', '20260305', 'today', '', ' 2026-03-05'])(
    'refuses %j',
    (text) => expect(refusalOf(() => parseDate(text))).toMatch(/^--date .*is not a date: write YYYY-MM-DD$/),
  )
  it('says that it is missing', () => expect(refusalOf(() => parseDate(undefined))).toMatch(/^--date is missing/))
  it('gives back what it takes, and refuses all else in its own words', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^\d{4}-\d\d-\d\d$/)), (text) => {
        const at = Date.parse(text)
        const real = /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(at) && new Date(at).toISOString().startsWith(text)
        if (real) expect(parseDate(text)).toBe(text)
        else expect(() => parseDate(text)).toThrow(UsageError)
      }),
    )
  })
})

describe('parseDates', () => {
  it('takes one date, or a range with both its ends', () => {
    expect(parseDates('2026-03-05')).toEqual(['2026-03-05'])
    expect(parseDates('2026-03-05..2026-03-05')).toEqual(['2026-03-05'])
    expect(parseDates('2026-02-27..2026-03-02')).toEqual(['2026-02-27', '2026-02-28', '2026-03-01', '2026-03-02'])
    expect(parseDates('2027-12-31..2028-12-30')).toHaveLength(366)
  })
  it.each([
    ['2026-03-05..2026-03-04', /ends before it begins/],
    ['2026-03-05..2027-03-06', /longer than 366 days/],
    ['2026-03-05..', /^--date 2026-03-05\.\. is not a range/],
    ['..2026-03-05', /is not a range/],
    ['..', /is not a range/],
    ['2026-03-05..2026-03-06..2026-03-07', /is not a range/],
    ['2026-03-05...2026-03-06', /is not a date/],
    [undefined, /is missing/],
  ])('refuses %j', (text, words) => expect(refusalOf(() => parseDates(text))).toMatch(words))
  it('counts days, not hours: every date of a range once and in order', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 20_000 }), fc.integer({ min: 0, max: 365 }), (start, days) => {
        const dateOf = (day: number) => new Date(day * 86_400_000).toISOString().slice(0, 10)
        const dates = parseDates(`${dateOf(start)}..${dateOf(start + days)}`)
        expect(dates).toEqual(Array.from({ length: days + 1 }, (_, day) => dateOf(start + day)))
      }),
      { numRuns: 50 },
    )
  })
})

describe('parseAddress', () => {
  it('gives the one spelling of an address', () => {
    expect(parseAddress(' Ada@Example.ORG ')).toBe('ada@example.org')
  })
  it('names what is none', () => {
    expect(refusalOf(() => parseAddress('ada at home'))).toBe('ada at home is not an address of the form name@host.tld')
  })
})

describe('parseWhole', () => {
  it.each([
    ['0', 0],
    ['23', 23],
    ['7', 7],
  ])('takes %s', (text, value) => expect(parseWhole('--hour', text, 0, 23)).toBe(value))
  it.each(['24', '-1', '7.5', 'noon', '', ' ', 'NaN', 'Infinity'])('refuses %j', (text) =>
    expect(refusalOf(() => parseWhole('--hour', text, 0, 23))).toBe(
      `--hour ${text} is not a whole number from 0 to 23`,
    ),
  )
})

describe('kindOf', () => {
  it('is daily unless weekly is asked for', () => {
    expect([kindOf({}), kindOf({ weekly: false }), kindOf({ weekly: true })]).toEqual(['daily', 'daily', 'weekly'])
  })
})

describe('parseAll', () => {
  it('returns every part, or says every problem once and in order', () => {
    expect(parseAll({ date: () => parseDate('2026-03-05'), count: () => 3 })).toEqual({ date: '2026-03-05', count: 3 })
    const problems = () =>
      parseAll({
        date: () => parseDate('yesterday'),
        settings: () => {
          throw new UsageError(['one', 'two', 'one'])
        },
      })
    expect(problems).toThrow(new UsageError(['--date yesterday is not a date: write YYYY-MM-DD', 'one', 'two']))
  })

  it('lets a fault of another kind through', () => {
    const broken = () => {
      throw new TypeError('broken')
    }
    expect(() => parseAll({ broken })).toThrow(TypeError)
  })
})

describe('a call with several mistakes', () => {
  afterEach(() => vi.unstubAllEnvs())
  const call = { date: 'today', source: 'nowhere' }
  const DATE = /^--date today is not a date/
  const SOURCE = /^--source is neither/
  const SETTING = /^LOG_LEVEL /

  it.each([
    ['collect', () => collectCommand(call), [DATE, SOURCE, SETTING]],
    ['edition', () => editionCommand(call), [DATE, SOURCE, SETTING]],
    ['status', () => statusCommand(call), [DATE, SETTING]],
    ['resume', () => resumeCommand(call), [DATE, SETTING]],
  ])('%s names all of them before it opens anything', async (_, run, wanted) => {
    vi.stubEnv('LOG_LEVEL', 'loud')
    const refusal = await run().catch((error) => error)
    expect(refusal).toBeInstanceOf(UsageError)
    expect(refusal.problems).toEqual(wanted.map((line) => expect.stringMatching(line)))
  })
})
