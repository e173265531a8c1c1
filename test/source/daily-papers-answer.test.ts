// The API's answers as text: every trap of the field names, and every shape that is no answer.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Page, parseDailyPapers } from '../../src/source/daily-papers-answer.ts'
import { runs } from '../support/full.ts'

const DATE = '2025-08-07'

type Fields = Record<string, unknown>

function row(paper: Fields = {}, outer: Fields = {}): Fields {
  return { paper: { id: '2508.00001', title: 'A Title', upvotes: 3, ...paper }, numComments: 2, ...outer }
}

function read(rows: unknown): Extract<Page, { kind: 'rows' }> {
  const page = parseDailyPapers(JSON.stringify(rows), DATE)
  if (page.kind === 'refused') throw new Error(`refused: ${page.reason}`)
  return page
}

/** The listing of a single row with these fields. */
function listing(paper?: Fields, outer?: Fields) {
  const found = read([row(paper, outer)]).listings[0]
  if (found === undefined) throw new Error('the row was set aside')
  return found
}

describe('a row', () => {
  it('has its votes inside the paper and its comments outside it', () => {
    const { upvotes, comments } = listing({ numComments: 99 }, { upvotes: 99 })
    expect({ upvotes, comments }).toEqual({ upvotes: 3, comments: 2 })
  })

  it('is published when its paper says so, not when the outer field does', () => {
    const paper = { publishedAt: '2025-08-06T02:38:18.000Z' }
    expect(listing(paper, { publishedAt: '2025-08-05T22:38:18.000Z' }).paper.publishedAt).toBe(paper.publishedAt)
    expect(listing({}, { publishedAt: '2025-08-05T22:38:18.000Z' }).paper.publishedAt).toBeNull()
  })

  it('keeps the moment of submission', () => {
    expect(listing({ submittedOnDailyAt: '2025-08-07T02:06:19.798Z' }).submittedAt).toBe('2025-08-07T02:06:19.798Z')
    expect(listing().submittedAt).toBeNull()
  })

  it('shows no hidden author', () => {
    const authors = [
      { name: 'Ada', hidden: false },
      { name: 'Secret', hidden: true },
      { name: 'Unclear', hidden: 'yes' },
      { name: null },
      null,
      'Text',
      { name: 'Emmy' },
    ]
    expect(listing({ authors }).paper.authors).toEqual(['Ada', 'Emmy'])
  })

  it('has the summary of the source, and none without it', () => {
    const summary = 'We count sheep. It works.'
    expect(listing({ summary, ai_summary: 'Counts sheep.' }).paper.summary).toBe('Counts sheep.')
    expect(listing({ summary, ai_summary: null }).paper.summary).toBe('')
    expect(listing({ summary }).paper.abstract).toBe(summary)
  })

  it('takes the organisation from the paper, else from outside it', () => {
    const inner = { _id: '1', name: 'lab', fullname: 'The Lab' }
    expect(listing({ organization: inner }, { organization: { name: 'other' } }).paper.organization).toBe('The Lab')
    expect(listing({}, { organization: { name: 'other' } }).paper.organization).toBe('other')
    expect(listing({ organization: null }, {}).paper.organization).toBeNull()
  })

  it('gives no stars without a repository and a repository without stars', () => {
    expect(listing({ githubStars: 5 }).paper).toMatchObject({ codeUrl: null, codeStars: null })
    expect(listing({ githubRepo: 'https://github.com/a/b' }).paper).toMatchObject({
      codeUrl: 'https://github.com/a/b',
      codeStars: null,
    })
  })

  it('survives every optional field being null, missing or of another type', () => {
    const optional = ['summary', 'ai_summary', 'ai_keywords', 'authors', 'organization', 'publishedAt'].concat([
      'submittedOnDailyAt',
      'withdrawnAt',
      'githubRepo',
      'githubStars',
      'projectPage',
    ])
    for (const wrong of [null, 17, 'text', true, [1], { a: 1 }]) {
      const { paper } = listing(Object.fromEntries(optional.map((name) => [name, wrong])), { numComments: wrong })
      expect(paper.title).toBe('A Title')
    }
    expect(listing({ upvotes: null }).upvotes).toBe(0)
    expect(read([{ paper: { id: '2508.00001', title: 'A Title' } }]).listings[0]?.comments).toBe(0)
  })

  it.each([
    ['no paper', {}, 'The row holds no paper'],
    ['nothing', null, 'The row is not an object'],
    ['no id', row({ id: null }), 'The paper has no id'],
    ['an id that is none of arXiv', row({ id: 'x/../y' }), 'The paper has no valid arXiv id'],
    ['no title', row({ title: ' \u200b ' }), 'The paper has no title'],
    ['votes as text', row({ upvotes: 'many' }), 'Upvotes is not a whole number'],
    ['negative votes', row({ upvotes: -1 }), 'Upvotes is negative'],
  ])('with %s is set aside with its index and a reason', (_name, bad, reason) => {
    const { listings, setAside, length } = read([row(), bad, row({ id: '2508.00002' })])
    expect(listings.map((found) => found.paper.id)).toEqual(['2508.00001', '2508.00002'])
    expect(setAside).toEqual([{ index: 1, reason }])
    expect(length).toBe(3)
  })
})

describe('an answer', () => {
  it('may list papers by ids of before 2007', () => {
    const page = read([row({ id: 'cs/0112017' }), row({ id: 'hep-th/9901001v2' })])
    expect(page.listings.map(({ paper }) => [paper.id, paper.arxivId])).toEqual([
      ['cs/0112017', 'cs/0112017'],
      ['hep-th/9901001', 'hep-th/9901001'],
    ])
    expect(page.setAside).toEqual([])
  })

  it('lists rows of its date and of no date, and counts the others', () => {
    const page = read([
      row({ id: '2508.00001', submittedOnDailyAt: '2025-08-07T00:00:00.000Z' }),
      row({ id: '2508.00002', submittedOnDailyAt: '2025-08-07T23:59:59.999Z' }),
      row({ id: '2508.00003' }),
      row({ id: '2508.00004', submittedOnDailyAt: '2025-08-08T00:00:00.000Z' }),
      row({ id: '2508.00005', submittedOnDailyAt: '2025-08-06T23:59:59.999Z' }),
      row({ id: '2508.00006', submittedOnDailyAt: '2025-08-07T01:00:00+02:00' }),
    ])
    expect(page.listings.map((found) => found.paper.id)).toEqual(['2508.00001', '2508.00002', '2508.00003'])
    expect(page.otherDates).toEqual({ '2025-08-08': 1, '2025-08-06': 2 })
    expect(page.length).toBe(6)
  })

  it('keeps a paper listed twice at its first place with the higher numbers', () => {
    const page = read([
      row({ upvotes: 3, title: 'First' }, { numComments: 5 }),
      row({ id: '2508.00002' }),
      row({ upvotes: 8, title: 'Second' }, { numComments: 1 }),
    ])
    expect(page.listings.map(({ paper, upvotes, comments }) => [paper.title, upvotes, comments])).toEqual([
      ['First', 8, 5],
      ['A Title', 3, 2],
    ])
  })

  it('may be empty', () => {
    expect(read([])).toMatchObject({ listings: [], setAside: [], length: 0 })
  })

  it.each([
    ['', 'The answer is empty'],
    ['<!DOCTYPE html><html><body>Bad gateway</body></html>', 'The answer is an HTML page, not JSON'],
    ['[{"paper": ', 'The answer is not JSON'],
    ["[{'paper': {'id': '2412.07730'}}]", 'The answer is Python text, not JSON'],
    [JSON.stringify(["{'paper': {'id': 'x'}}"]), 'The answer is a list of Python text, not of papers'],
    [JSON.stringify(["[ {'paper' : 1}"]), 'The answer is a list of Python text, not of papers'],
    // A look at each sign from each would take hours.
    [JSON.stringify([' '.repeat(1_000_000)]), 'The answer is a list of strings, not of papers'],
    ['["a", "b"]', 'The answer is a list of strings, not of papers'],
    ['[1, null]', 'The answer is a list of numbers and nulls, not of papers'],
    ['{"data": []}', 'The answer is an object around a list, not a list of papers'],
    ['{"error": "no"}', 'The answer is an object, not a list of papers'],
    ['null', 'The answer is null, not a list of papers'],
    ['"text"', 'The answer is a string, not a list of papers'],
  ])('that reads %j is refused', (body, reason) => {
    expect(parseDailyPapers(body, DATE)).toEqual({ kind: 'refused', reason })
  })

  it('accounts for every row and never throws, whatever JSON it is', () => {
    const odd = fc.record({ paper: fc.record({ id: fc.string(), title: fc.string(), upvotes: fc.jsonValue() }) })
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), fc.array(fc.oneof(odd, fc.jsonValue()))), (value) => {
        const page = parseDailyPapers(JSON.stringify(value), DATE)
        if (page.kind === 'refused') {
          expect(page.reason).toMatch(/^The answer is .*[^.]$/)
          return
        }
        const others = Object.values(page.otherDates).reduce((sum, found) => sum + found, 0)
        expect(page.listings.length + page.setAside.length + others).toBeLessThanOrEqual(page.length)
      }),
      { numRuns: runs(300) },
    )
  })

  it('never throws on any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (body) => {
        expect(['rows', 'refused']).toContain(parseDailyPapers(body, DATE).kind)
      }),
    )
  })
})
