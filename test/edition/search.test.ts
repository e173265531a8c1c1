// Searching on real stores: what finds what, in which order, and by which index.
import { sql } from 'kysely'
import { beforeEach, expect, it } from 'vitest'
import { openDatabase } from '../../src/database/client.ts'
import { readTopics } from '../../src/digest/topics/topics.ts'
import { listFound } from '../../src/edition/search.ts'
import type { Paper } from '../../src/source/paper.ts'
import { insertCollection } from '../../src/source/store.ts'
import { makePaper } from '../support/places.ts'
import { asOwner } from '../support/program-user.ts'
import { query } from '../support/servers.ts'
import { describeStores } from '../support/stores.ts'

const topics = readTopics()
const DATE = '2026-03-05'
const AGENTS = 'Software Engineering Agents'

const PAPERS: (Partial<Paper> & { id: string })[] = [
  { id: '2603.00001', title: `Training ${AGENTS} with Rewards`, abstract: 'We train.' },
  { id: '2603.00002', title: 'Rewards', keywords: ['software engineering', 'agents'], abstract: 'We train.' },
  { id: '2603.00003', title: 'Fixing bugs', abstract: `${`All about ${AGENTS}. `.repeat(9)}It works.` },
  { id: '2603.00004', title: 'LLMs that plan', abstract: 'A plan.', authors: ['Zoë Müller-Lee', 'Wei Li'] },
  { id: '2603.00005', title: 'An LLM that waits', abstract: 'It waits.', organization: 'Sample Institute' },
  { id: '2603.00006', title: 'Large language models that sleep', abstract: 'They sleep.' },
  { id: '2603.00007', title: 'Sheep', abstract: 'A study of wool and of grass in the rain.' },
]

describeStores('searching', (stores) => {
  let db: ReturnType<typeof openDatabase>
  beforeEach(async () => {
    db = openDatabase(stores.databaseUrl)
    await keep(PAPERS)
    return () => db.destroy()
  })

  async function keep(papers: readonly (Partial<Paper> & { id: string })[]) {
    const listings = papers.map((paper) => {
      return { paper: makePaper({ summary: '', ...paper }), upvotes: 3, comments: 1, submittedAt: null }
    })
    const look = { date: DATE, source: 'test', verdict: 'complete' as const, reason: null, listings, setAside: 0 }
    await db.transaction().execute((trx) => insertCollection(trx, look))
  }
  const find = (words: string) => listFound(db, words, topics.namesOf, { limit: 20, offset: 0 })
  const ids = async (words: string) => (await find(words)).found.map(({ paper }) => paper.id.slice(-1)).join('')

  it('puts titles before keywords before abstracts, however often they say it', async () => {
    expect(await ids('software engineering agents')).toBe('123')
    expect((await find('software engineering agents')).found[0]).toMatchObject({
      listedOn: DATE,
      upvotes: 3,
      comments: 1,
      frozenUpvotes: null,
    })
  })

  it('finds the same under every name of a topic', async () => {
    for (const words of ['LLM', 'llms', 'large language models', 'Language Model', 'LLMs']) {
      expect([...(await ids(words))].sort().join(''), words).toBe('456')
    }
    expect(await ids('LLM')).toBe(await ids('llms'))
    // Quoted, it is what it says.
    expect(await ids('"large language models"')).toBe('6')
  })

  it('finds authors without their accents, organisations and ids in any spelling', async () => {
    for (const words of ['zoe muller', 'Zoë Müller-Lee', 'wei li', '"wei li"', 'müller'])
      expect(await ids(words)).toBe('4')
    expect(await ids('sample institute')).toBe('5')
    for (const id of [
      '2603.00007',
      ' arXiv:2603.00007v2',
      'https://arxiv.org/abs/2603.00007v1',
      'arxiv.org/pdf/2603.00007.pdf',
      '[2603.00007] Sheep',
    ])
      expect(await ids(id), id).toBe('7')
    // An id that no paper has is a word like any other.
    expect(await ids('sheep 2603.99999')).toBe('7')
  })

  it('finds a model under its name, whatever version is grown to it', async () => {
    await keep([
      { id: '2603.00011', title: 'Qwen2.5-VL', abstract: 'A report.' },
      { id: '2603.00012', title: 'Qwen3', abstract: 'A report.' },
      { id: '2603.00013', title: 'Qwenched', abstract: 'No version.' },
      { id: '2603.00014', title: 'Asking Qwen', abstract: 'A question.' },
    ])
    expect([...(await ids('Qwen'))].sort().join('')).toBe('124')
    expect(await ids('qwen3')).toBe('2')
    expect(await ids('report -qwen')).toBe('')
    expect(await ids('"Qwen"')).toBe('4')
    const [marked] = (await find('qwen report')).found.map(({ title }) => title)
    expect(marked).toMatch(/^\ue000Qwen/)
  })

  it('takes a sentence: what holds most of it, where nothing holds all', async () => {
    expect(await ids('how do sheep eat the grass in spring')).toBe('7')
    expect(await find('how do sheep eat the grass in spring')).toMatchObject({ total: 1, whole: 0 })
    expect(await find('a study of wool and grass')).toMatchObject({ total: 1, whole: 1 })
    expect(await ids('quite another thing altogether')).toBe('')
  })

  it('asks for what a sentence is about, not for its words of asking', async () => {
    await keep([
      { id: '2603.00011', title: 'Kites', abstract: 'The best way to make good papers work: we know what we need.' },
      { id: '2603.00012', title: 'Kites on strings', abstract: 'Of wind.' },
    ])
    expect(await ids('what is the best way to make kites with strings work?')).toBe('2')
    expect(await find('papers about kites on strings')).toMatchObject({ total: 1, whole: 1 })
    // What has all the more of them comes first where both are about it, and alone they are wanted.
    expect(await ids('best way to make kites')).toBe('12')
    expect(await ids('best way')).toBe('1')
    // In quotes, and of two things of which one is enough, they are words like others.
    expect(await ids('kites "good papers"')).toBe('1')
    expect(await ids('strings or way')).toBe('21')
  })

  it('takes a rare word for more than several that most papers hold', async () => {
    const many = Array.from({ length: 40 }, (_, index) => {
      return { id: `2603.001${index + 10}`, title: `Ships ${index}`, abstract: 'A harbour with a crane and a pier.' }
    })
    await keep([...many, { id: '2603.00009', title: 'Of a lighthouse', abstract: 'It shines.' }])
    // No paper holds all of it, and each of the many holds more of it by number.
    const { found, ...counts } = await find('lighthouse harbour crane pier oddments')
    expect(counts).toMatchObject({ whole: 0, total: 1 })
    expect(found[0]?.paper.id).toBe('2603.00009')
  })

  it('lists those that hold much of a sentence after the few that hold all of it', { tags: 'long' }, async () => {
    await keep([
      { id: '2603.00011', title: 'Gears', abstract: 'A clock that a spring drives.' },
      { id: '2603.00012', title: 'A clock with gears', abstract: 'A pendulum drives it.' },
    ])
    const { found, ...counts } = await find('clock gears spring')
    expect(counts).toEqual({ total: 2, whole: 1, more: false })
    expect(found.map(({ paper }) => paper.id)).toEqual(['2603.00011', '2603.00012'])
    const second = await listFound(db, 'clock gears spring', topics.namesOf, { limit: 1, offset: 1 })
    expect(second).toMatchObject({ total: 2, whole: 1, found: [{ paper: { id: '2603.00012' } }] })
    // Two words are no sentence.
    expect(await find('clock spring')).toMatchObject({ total: 1, whole: 1 })
  })

  it('leaves out what is not wanted, and takes either of two', async () => {
    expect(await ids('agents -rewards')).toBe('3')
    expect(await ids('sheep or plan')).toBe('47')
    expect(await ids('-sheep')).toBe('')
    expect(await ids('the of and')).toBe('')
  })

  it('counts all of it, and ends where it ends', async () => {
    const part = (offset: number) => listFound(db, 'LLM', topics.namesOf, { limit: 2, offset })
    expect(await part(0)).toMatchObject({ total: 3, whole: 3 })
    expect((await part(2)).found).toHaveLength(1)
    expect(await part(4)).toEqual({ total: 0, whole: 0, more: false, found: [] })
    expect((await listFound(db, 'sheep wool', topics.namesOf, { limit: 2, offset: 2 })).found).toEqual([])
  })

  it('reads the index, not the papers', async () => {
    const many = Array.from({ length: 2_000 }, (_, index) => ({
      id: `2604.${String(index).padStart(5, '0')}`,
      title: `Number ${index} of many`,
    }))
    await keep(many)
    await query(asOwner(stores.databaseUrl), 'vacuum analyze papers')
    const { rows } = await sql<{ 'QUERY PLAN': string }>`
      explain select p.id, p.words from papers p where p.words @@ ${"('sheep' | 'wool') & 'grass'"}::tsquery`.execute(
      db,
    )
    expect(rows.map((row) => row['QUERY PLAN']).join('\n')).toContain('papers_by_words')
    expect(await ids('sheep')).toBe('7')
  })

  it('weighs the newest of very many, those with the words in their titles first, and loses no rare word among them', async () => {
    const many = Array.from({ length: 2_300 }, (_, index) => ({
      id: `2604.${String(index).padStart(5, '0')}`,
      title: index < 3 ? 'Lanterns lit' : `Number ${index}`,
      abstract: 'Of lanterns.',
    }))
    await keep(many)
    await sql`vacuum analyze papers`.execute(db)
    const found = await find('lanterns')
    expect(found.more).toBe(true)
    expect(found.whole).toBe(found.total)
    expect(found.total).toBeGreaterThan(1_000)
    expect(found.total).toBeLessThan(1_100)
    // The oldest, as its title says it.
    expect(found.found.slice(0, 3).map(({ title }) => title)).toEqual(Array(3).fill(expect.stringContaining('lit')))
    const rare = await find('lanterns in the grass with sheep')
    expect(rare).toMatchObject({ whole: 0, more: true })
    expect(rare.found[0]?.paper.id).toBe('2603.00007')
    expect((await find('lanterns -lit')).found.every(({ paper }) => !paper.title.includes('lit'))).toBe(true)
    expect((await find('lanterns sheep -grass')).found.map(({ paper }) => paper.id)).not.toContain('2603.00007')
    const { rows } = await sql<{ 'QUERY PLAN': string }>`
      explain select from papers p where ts_filter(p.words, '{a}') @@ 'lit'::tsquery`.execute(db)
    expect(rows.map((row) => row['QUERY PLAN']).join('\n')).toContain('papers_by_title')
  })

  it('keeps a paper whose facts are far too long', async () => {
    const authors = Array.from({ length: 30_000 }, (_, index) => `Author ${index.toString(36)}`)
    await keep([{ id: '2603.00008', title: 'Giant', authors, abstract: 'x y '.repeat(20_000) }])
    expect(await ids('giant')).toBe('8')
  })
})
