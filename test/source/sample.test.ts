// The sample days: readable, consistent between their two looks, and facts only.
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { judge } from '../../src/source/guard.ts'
import type { Listing } from '../../src/source/paper.ts'
import { openSampleSource, SAMPLE_DATES } from '../../src/source/sample.ts'

const FOLDER = new URL('../../src/source/sample/', import.meta.url)
const [FIRST, SECOND] = SAMPLE_DATES

async function listings(date: string, later: boolean): Promise<Listing[]> {
  const answer = await openSampleSource({ later }).read(date)
  if (answer.kind !== 'rows') throw new Error('no rows')
  expect(judge(answer, date, null)).toEqual({ kind: 'complete' })
  expect(answer.setAside).toEqual([])
  return answer.listings
}

describe('the sample source', () => {
  it('gives 21 papers early, 38 later and 18 the day after', async () => {
    expect(await listings(FIRST, false)).toHaveLength(21)
    expect(await listings(FIRST, true)).toHaveLength(38)
    expect(await listings(SECOND, false)).toHaveLength(18)
    expect(await listings(SECOND, true)).toEqual(await listings(SECOND, false))
  })

  it('knows no other date', async () => {
    expect(await openSampleSource({ later: false }).read('2025-08-06')).toEqual({ kind: 'missing' })
  })

  it('shows the same papers later, with votes that grew by and large', async () => {
    const early = await listings(FIRST, false)
    const later = new Map((await listings(FIRST, true)).map((listing) => [listing.paper.id, listing]))
    for (const { paper } of early) {
      expect(later.get(paper.id)?.paper).toMatchObject({ title: paper.title, summary: paper.summary })
    }
    // A vote can be taken back: one of the papers really lost its only one.
    const grown = early.filter(({ paper, upvotes }) => (later.get(paper.id)?.upvotes ?? 0) > upvotes)
    expect(grown.length).toBeGreaterThanOrEqual(18)
  })

  it('sums every paper up in one sentence of 15 to 25 words', async () => {
    const all = [...(await listings(FIRST, true)), ...(await listings(SECOND, false))]
    expect(all).toHaveLength(56)
    for (const { paper } of all) {
      const words = paper.summary.split(' ').length
      expect(words >= 15 && words <= 25 && /^[A-Z].*[^.]\.$/.test(paper.summary), paper.summary).toBe(true)
      expect(paper.abstract).toBe('')
    }
  })

  it('holds nothing but the fields it may', () => {
    const allowed = new Set(
      ['paper', 'numComments', 'id', 'title', 'authors', 'name', 'ai_summary', 'upvotes', 'publishedAt'].concat([
        'submittedOnDailyAt',
        'githubRepo',
        'githubStars',
        'projectPage',
        'organization',
      ]),
    )
    const files = readdirSync(FOLDER)
    expect(files.sort()).toEqual(['2025-08-07-later.json', '2025-08-07.json', '2025-08-08.json'])
    for (const file of files) {
      const names = new Set<string>()
      JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8'), (name, value: unknown) => {
        if (!/^\d*$/.test(name)) names.add(name)
        return value
      })
      expect([...names].filter((name) => !allowed.has(name))).toEqual([])
    }
  })
})
