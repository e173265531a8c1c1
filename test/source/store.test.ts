import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import type { EditionDate, Listing, Paper } from '../../src/source/paper.ts'
import {
  findLastCollection,
  insertCollection,
  listLastLooks,
  listPapers,
  listWorkingDayCounts,
} from '../../src/source/store.ts'
import { keepRound } from '../support/kept-round.ts'
import { makePaper } from '../support/places.ts'
import type { TestRound } from '../support/round.ts'

const THURSDAY = '2026-03-05'
const FRIDAY = '2026-03-06'

let round: TestRound
// Its clock counts in milliseconds, as the moments that are read back here do.
keepRound((kept) => {
  round = kept
}, 'embedded')

function listing(id: string, given: Partial<Omit<Listing, 'paper'>> & { paper?: Partial<Paper> } = {}): Listing {
  return { upvotes: 1, comments: 0, submittedAt: null, ...given, paper: makePaper({ id, ...given.paper }) }
}

/** Keeps a look that happened `minutesAgo`. */
async function look(date: EditionDate, listings: Listing[], minutesAgo = 0, more: { setAside?: number } = {}) {
  await round.db.transaction().execute(async (trx) => {
    await insertCollection(trx, {
      date,
      source: 'listed',
      verdict: 'complete',
      reason: null,
      listings,
      setAside: 0,
      ...more,
    })
    await sql`
      update collections set collected_at = now() - make_interval(mins => ${minutesAgo}::int)
      where id = (select max(id) from collections)`.execute(trx)
  })
}

const votesOf = async (date: EditionDate, until: Date | null = null) =>
  (await listPapers(round.db, [date], until))
    .map(({ paper, upvotes, comments }) => [paper.id, upvotes, comments])
    .sort()

describe('insertCollection', () => {
  it('keeps the votes of each look and never changes those of an earlier one', async () => {
    await look(THURSDAY, [listing('2603.00001', { upvotes: 3, comments: 1 }), listing('2603.00002')])
    await look(THURSDAY, [listing('2603.00001', { upvotes: 8, comments: 1 })])
    await look(THURSDAY, [listing('2603.00001', { upvotes: 7, comments: 2 })])
    const { rows } = await sql`
      select paper_id, upvotes, comments from votes order by collection_id, paper_id`.execute(round.db)
    expect(rows).toEqual([
      { paper_id: '2603.00001', upvotes: 3, comments: 1 },
      { paper_id: '2603.00002', upvotes: 1, comments: 0 },
      { paper_id: '2603.00001', upvotes: 8, comments: 1 },
      { paper_id: '2603.00001', upvotes: 7, comments: 2 },
    ])
  })

  it('keeps the first time at which a paper was put under a date, whatever the source says later', async () => {
    const first = '2026-03-05T09:12:31.250Z'
    await look(THURSDAY, [listing('2603.00001', { submittedAt: first })])
    await look(THURSDAY, [listing('2603.00001', { submittedAt: '2026-03-05T00:00:00.000Z' })])
    await look(THURSDAY, [listing('2603.00001', { submittedAt: null })])
    await look(FRIDAY, [listing('2603.00001', { submittedAt: '2026-03-06T00:00:00.000Z' })])
    expect((await listPapers(round.db, [THURSDAY]))[0]?.submittedAt).toBe(first)
    expect((await listPapers(round.db, [FRIDAY]))[0]?.submittedAt).toBe('2026-03-06T00:00:00.000Z')
  })

  it('keeps the facts of a paper as they now read, and touches nothing that reads the same', async () => {
    await look(THURSDAY, [listing('2603.00001', { paper: { title: 'First title' } }), listing('2603.00002')])
    const changedAt = async (id: string) =>
      (await round.db.selectFrom('papers').select('changed_at').where('id', '=', id).executeTakeFirstOrThrow())
        .changed_at
    const before = await changedAt('2603.00002')
    await look(THURSDAY, [listing('2603.00001', { paper: { title: 'Second title' } }), listing('2603.00002')])
    const titles = (await listPapers(round.db, [THURSDAY])).map(({ paper }) => paper.title)
    expect(titles.sort()).toEqual(['Paper 2603.00002', 'Second title'])
    expect(await changedAt('2603.00002')).toEqual(before)
    expect((await changedAt('2603.00001')).getTime()).toBeGreaterThan(before.getTime())
  })

  it('keeps a look that found nothing', async () => {
    await look(THURSDAY, [], 0, { setAside: 4 })
    expect(await findLastCollection(round.db, THURSDAY)).toMatchObject({ listed: 0, verdict: 'complete' })
    expect(await round.db.selectFrom('collections').select('set_aside').execute()).toEqual([{ set_aside: 4 }])
    expect(await listPapers(round.db, [THURSDAY])).toEqual([])
  })

  it('gives papers back exactly as they came, whatever characters they are made of', async () => {
    const paper = makePaper({
      id: 'title:it s 100 \\ $& of "quotes"',
      title: `It's "quoted", $& $1 $$ and \\n \\\\ ${'\u2028'} 100% — ünï©ödé 🧮 ﷽ 中文 <b>&amp;</b> {{x}} ?::int`,
      abstract: '$\\frac{a}{b}$ '.repeat(300),
      authors: ["O'Neil", 'Łukasz "Q" Żółć', '李雷'],
      organization: 'A\\B',
      keywords: ['$&', '{}'],
      codeUrl: 'https://github.com/a/b',
      codeStars: 2_147_483_647,
    })
    await look(THURSDAY, [{ paper, upvotes: 2_147_483_647, comments: 0, submittedAt: null }])
    expect(await listPapers(round.db, [THURSDAY])).toEqual([
      { paper, listedOn: THURSDAY, upvotes: 2_147_483_647, comments: 0, submittedAt: null },
    ])
  })
})

describe('listPapers', () => {
  it('gives every paper ever listed under the date, with the newest votes that were found of it', async () => {
    await look(THURSDAY, [listing('2603.00001', { upvotes: 5 }), listing('2603.00002', { upvotes: 2 })])
    await look(THURSDAY, [listing('2603.00002', { upvotes: 4, comments: 3 }), listing('2603.00003')])
    expect(await votesOf(THURSDAY)).toEqual([
      ['2603.00001', 5, 0],
      ['2603.00002', 4, 3],
      ['2603.00003', 1, 0],
    ])
  })

  it('goes back to what was known at a moment', async () => {
    await look(THURSDAY, [listing('2603.00001', { upvotes: 1 })], 120)
    await look(THURSDAY, [listing('2603.00001', { upvotes: 2 }), listing('2603.00002')], 60)
    await look(THURSDAY, [listing('2603.00001', { upvotes: 3 }), listing('2603.00003')], 0)
    const looks = await round.db.selectFrom('collections').select('collected_at as at').orderBy('id').execute()
    const [first, second] = looks.map((row) => row.at) as [Date, Date]
    expect(await votesOf(THURSDAY, second)).toEqual([
      ['2603.00001', 2, 0],
      ['2603.00002', 1, 0],
    ])
    expect(await votesOf(THURSDAY, new Date(second.getTime() - 1_000))).toEqual([['2603.00001', 1, 0]])
    expect(await votesOf(THURSDAY, new Date(first.getTime() - 1_000))).toEqual([])
  })

  it('gives a paper of two dates once for each, with the votes found there', async () => {
    await look(THURSDAY, [listing('2603.00001', { upvotes: 5 })])
    await look(FRIDAY, [listing('2603.00001', { upvotes: 9 })])
    const found = await listPapers(round.db, [THURSDAY, FRIDAY])
    expect(found.map(({ listedOn, upvotes }) => [listedOn, upvotes]).sort()).toEqual([
      [THURSDAY, 5],
      [FRIDAY, 9],
    ])
    expect(await listPapers(round.db, [])).toEqual([])
    expect(await listPapers(round.db, ['2026-03-04'])).toEqual([])
  })
})

describe('looks at dates', () => {
  it('finds the last one of a date with its verdict', async () => {
    expect(await findLastCollection(round.db, THURSDAY)).toBeUndefined()
    await look(THURSDAY, [listing('2603.00001')], 60)
    await round.db.transaction().execute((trx) =>
      insertCollection(trx, {
        date: THURSDAY,
        source: 'listed',
        verdict: 'held',
        reason: 'it looks cut',
        listings: [listing('2603.00001'), listing('2603.00002')],
        setAside: 0,
      }),
    )
    await look(FRIDAY, [listing('2603.00003')])
    expect(await findLastCollection(round.db, THURSDAY)).toEqual({
      date: THURSDAY,
      source: 'listed',
      verdict: 'held',
      reason: 'it looks cut',
      listed: 2,
      collectedAt: expect.any(Date),
    })
  })

  it('lists when each of some dates was last looked at, those never looked at missing', async () => {
    await look(THURSDAY, [], 90)
    await look(THURSDAY, [], 30)
    await look(FRIDAY, [], 10)
    const looks = await listLastLooks(round.db, [THURSDAY, '2026-03-04'])
    expect([...looks.keys()]).toEqual([THURSDAY])
    const last = await findLastCollection(round.db, THURSDAY)
    expect(looks.get(THURSDAY)).toEqual(last?.collectedAt)
    expect(await listLastLooks(round.db, [])).toEqual(new Map())
  })
})

describe('listWorkingDayCounts', () => {
  it('counts the papers of the last 20 non-empty working days before a date, newest first', {}, async () => {
    const papers = (date: EditionDate, count: number) =>
      Array.from({ length: count }, (_, index) => listing(`title:${date} ${index}`))
    // Almost five weeks up to Thursday: each working day holds one paper more, weekends hold many.
    const dates = Array.from({ length: 34 }, (_, index) =>
      new Date(Date.parse('2026-01-31') + index * 86_400_000).toISOString().slice(0, 10),
    )
    let size = 1
    const sizes = new Map<EditionDate, number>()
    for (const date of dates) {
      const weekend = [0, 6].includes(new Date(date).getUTCDay())
      if (date === '2026-02-11') continue
      if (!weekend) sizes.set(date, size)
      await look(date, papers(date, weekend ? 40 : size++))
    }
    // An empty working day counts as none, and a date twice looked at counts its papers once.
    await look('2026-02-11', [])
    await look(FRIDAY, papers(FRIDAY, 3))
    await look(FRIDAY, papers(FRIDAY, 4))
    const newestFirst = [...sizes]
      .filter(([date]) => date < THURSDAY)
      .map(([, count]) => count)
      .reverse()
    expect(await listWorkingDayCounts(round.db, THURSDAY)).toEqual(newestFirst.slice(0, 20))
    expect((await listWorkingDayCounts(round.db, '2026-03-07'))[0]).toBe(4)
    expect(await listWorkingDayCounts(round.db, '2026-01-31')).toEqual([])
    expect(await listWorkingDayCounts(round.db, '2027-03-05')).toEqual([])
  })
})
