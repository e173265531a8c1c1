// The file reader, and through it every captured answer at hand: what the guard says about days as
// they really came.
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { UsageError } from '../../src/errors.ts'
import { openDailyPapersFiles } from '../../src/source/daily-papers-file.ts'
import { judge, type Verdict } from '../../src/source/guard.ts'

const CAPTURED = fileURLToPath(new URL('../../../shared/data/daily-papers', import.meta.url))
const SAME_DAY = join(CAPTURED, 'same-day')
const FINAL = join(CAPTURED, 'final', '2025-08.json')

let directory = ''
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'paper-round-source-'))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const record = (id: number) => ({
  paper: { id: `2508.${String(id).padStart(5, '0')}`, title: `Paper ${id}`, upvotes: id },
  numComments: 0,
})
const records = (count: number) => Array.from({ length: count }, (_, id) => record(id))

async function readBack(date: string, content: string) {
  writeFileSync(join(directory, `${date}.json`), content)
  return openDailyPapersFiles(directory).read(date)
}

describe('a directory of files', () => {
  it('is named without its place', () => {
    expect(openDailyPapersFiles(directory).name).toBe('file')
  })

  it('answers missing for a date without a file', async () => {
    expect(await openDailyPapersFiles(directory).read('2020-01-01')).toEqual({ kind: 'missing' })
  })

  it('is not taken for days without papers once it is gone', async () => {
    const gone = mkdtempSync(join(tmpdir(), 'paper-round-source-gone-'))
    const source = openDailyPapersFiles(gone)
    rmSync(gone, { recursive: true })
    expect(await source.read('2020-01-01')).toEqual({ kind: 'refused', reason: 'the directory of the source is gone' })
  })

  it.each([
    [49, true],
    [50, false],
    [51, true],
    [99, true],
    [100, false],
    [101, true],
    [0, true],
  ])('with %i rows has ended: %s', async (count, ended) => {
    expect(await readBack('2025-02-03', JSON.stringify(records(count)))).toMatchObject({ length: count, ended })
  })

  it('refuses what is not an answer', async () => {
    expect(await readBack('2025-02-04', '<html>')).toMatchObject({ kind: 'refused' })
    expect(await readBack('2025-02-04', '')).toEqual({ kind: 'refused', reason: 'The answer is empty' })
  })

  it('reads a file that starts with a byte order mark', async () => {
    expect(await readBack('2025-02-05', `\ufeff${JSON.stringify(records(3))}`)).toMatchObject({ length: 3 })
  })

  it('reads nothing outside itself', async () => {
    await expect(openDailyPapersFiles(directory).read('../2025-02-05')).rejects.toThrow(UsageError)
  })

  it('is refused at once when it does not exist or is a file', () => {
    expect(() => openDailyPapersFiles(join(directory, 'nowhere'))).toThrow(UsageError)
    writeFileSync(join(directory, 'a-file'), '')
    expect(() => openDailyPapersFiles(join(directory, 'a-file'))).toThrow(/there is no directory/)
  })
})

describe.skipIf(!existsSync(CAPTURED))('captured answers', () => {
  const dates = existsSync(SAME_DAY) ? readdirSync(SAME_DAY).map((name) => name.slice(0, 10)) : []

  it.each(dates)('of %s, on the day itself, are complete', async (date) => {
    const answer = await openDailyPapersFiles(SAME_DAY).read(date)
    if (answer.kind !== 'rows') throw new Error('no rows')
    expect(judge(answer, date, null)).toEqual({ kind: 'complete' })
    expect(answer).toMatchObject({ setAside: [], otherDates: {}, length: answer.listings.length })
    for (const { paper, submittedAt } of answer.listings) {
      expect(paper.id).toBe(paper.arxivId)
      expect(paper.title).not.toMatch(/\s{2}|\n/)
      expect(paper.abstract).not.toBe('')
      expect(paper.authors.length).toBeGreaterThan(0)
      expect(submittedAt?.slice(0, 10)).toBe(date)
    }
  })

  const heldAs = (reason: string): Verdict => ({ kind: 'held', reason })
  it.each<[string, string, Verdict]>([
    ['2024-05-27.json', '2024-05-27', { kind: 'complete' }],
    ['2025-03-05.json', '2025-03-05', { kind: 'complete' }],
    ['2025-01-22-capture-2-2025-01-22T1415.json', '2025-01-22', { kind: 'complete' }],
    [
      '2025-01-22-capture-1-2025-01-22T0416.json',
      '2025-01-22',
      heldAs('1 paper on a working day, at least 3 expected'),
    ],
    ['2025-01-21.json', '2025-01-21', heldAs('1 paper on a working day, at least 3 expected')],
    ['2025-06-20.json', '2025-06-20', heldAs('2 papers on a working day, at least 3 expected')],
    ['2025-07-07.json', '2025-07-07', heldAs('1 paper on a working day, at least 3 expected')],
    ['2025-09-30.json', '2025-09-30', heldAs('The list ends at exactly 50 rows: it looks cut')],
    ['2026-02-28-empty-saturday.json', '2026-02-28', { kind: 'empty', reason: 'weekend' }],
    [
      '2024-12-11-python-repr-strings.json',
      '2024-12-11',
      { kind: 'refused', reason: 'The answer is a list of Python text, not of papers' },
    ],
    [
      '2025-01-10-wrapped-python-repr.json',
      '2025-01-10',
      {
        kind: 'refused',
        reason: 'The answer is an object around a list of Python text, not a list of papers',
      },
    ],
  ])('%s is judged as it deserves', async (name, date, verdict) => {
    copyFileSync(join(CAPTURED, 'odd', name), join(directory, `${date}.json`))
    expect(judge(await openDailyPapersFiles(directory).read(date), date, null)).toEqual(verdict)
  })

  it('of a whole month, split by day, are complete and lift the votes of the day itself', async () => {
    const month = JSON.parse(readFileSync(FINAL, 'utf8')) as { paper: { submittedOnDailyAt: string } }[]
    const days = new Map<string, typeof month>()
    for (const row of month) {
      const day = row.paper.submittedOnDailyAt.slice(0, 10)
      days.set(day, [...(days.get(day) ?? []), row])
    }
    expect(days.size).toBe(21)
    for (const [date, found] of days) {
      const later = await readBack(date, JSON.stringify(found))
      const early = await openDailyPapersFiles(SAME_DAY).read(date)
      expect(judge(later, date, null)).toEqual({ kind: 'complete' })
      if (later.kind !== 'rows' || early.kind !== 'rows') throw new Error('no rows')
      expect(later.listings).toHaveLength(found.length)
      const votes = new Map(later.listings.map(({ paper, upvotes }) => [paper.id, upvotes]))
      const total = (of: typeof early.listings) => of.reduce((sum, { upvotes }) => sum + upvotes, 0)
      expect(total(later.listings)).toBeGreaterThan(total(early.listings))
      expect(early.listings.filter(({ paper }) => votes.has(paper.id)).length).toBeGreaterThan(0)
    }
  })
})
