// No mail is clipped: what is shortened, in which order, and that it is enough, for real days and
// for the worst there could be.
import { stdout } from 'node:process'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { composeMessage } from '../../../src/delivery/provider/message.ts'
import type { Selection } from '../../../src/digest/choosing/selection.ts'
import { cardOf } from '../../../src/digest/forms.ts'
import {
  type JoinedDigest,
  joinDigest,
  joinView,
  type MailEncoding,
  type PreparedPieces,
  preparePieces,
  recipeOf,
} from '../../../src/digest/joining/joining.ts'
import { LINE_LEVEL, paperName } from '../../../src/digest/joining/order.ts'
import {
  fitCards,
  fits,
  HTML_MAX_BYTES,
  heaviest,
  LEVELS,
  type Level,
  MESSAGE_MAX_BYTES,
  NO_SIZE,
  OUTSIDE_BYTES,
  type Size,
  sumSizes,
} from '../../../src/digest/piece/budget.ts'
import type { Piece } from '../../../src/digest/piece/piece.ts'
import { fitRemark } from '../../../src/digest/piece/remark.ts'
import { loadTemplates, renderEdition, type Templates } from '../../../src/digest/rendering.ts'
import { cleanText } from '../../../src/digest/text/text.ts'
import type { Place } from '../../../src/edition/place.ts'
import { capturedDays } from '../../support/captured-days.ts'
import { LENGTHS, piecesOf } from '../../support/captured-mails.ts'
import { selectionOf } from '../../support/digests.ts'
import { isFull, runs } from '../../support/full.ts'
import { HOST, PLACES, place } from '../golden/places.ts'

const PAPERS = [10, 25, 50]
/** Papers of the worst day as it grows, up to all that it has. */
const SIZES = isFull ? [10, 20, 30, 50, 100] : [10, 30, 60]
/** Papers of a mail of the worst day: the fewest and the most, and what people choose between. */
const NUMBERS = isFull ? [1, ...PAPERS] : [1, 50]
/** As long as slots can be. */
const SLOTS = { unsubscribe: 'u'.repeat(75), view: 'v'.repeat(75), preferences: 'p'.repeat(75) }
const days = capturedDays()
const table: string[] = []

let templates: Templates
beforeAll(async () => {
  templates = await loadTemplates()
})
afterAll(() => stdout.write(table.map((line) => `${line}\n`).join('')))

/** Sizes for which HTML alone decides: `bytes[index][level]`. */
const sizesOf = (bytes: (number | undefined)[][]) => (index: number, level: Level) => {
  const html = bytes[index]?.[level]
  return html === undefined ? undefined : { html, message: 0 }
}
const frame = (html: number): Size => ({ html, message: 0 })
const noMore = () => NO_SIZE

describe('fitCards', () => {
  const card = [1000, 600, 400]
  const left = (room: number) => frame(HTML_MAX_BYTES - room)

  it('shortens nothing that fits, to the last byte', () => {
    expect(fitCards(3, left(3000), sizesOf([card, card, card]), noMore)).toEqual({ levels: [0, 0, 0], kept: 3 })
  })

  it('shortens from the last card up, level by level, no further than needed', () => {
    const levels = (room: number) => fitCards(3, left(room), sizesOf([card, card, card]), noMore).levels
    expect(levels(2999)).toEqual([0, 0, 1])
    expect(levels(2599)).toEqual([0, 1, 1])
    expect(levels(1800)).toEqual([1, 1, 1])
    expect(levels(1799)).toEqual([1, 1, 2])
    expect(levels(1200)).toEqual([2, 2, 2])
  })

  it('passes over a level that a card does not have', () => {
    const short = [300, undefined, 200]
    expect(fitCards(3, left(1900), sizesOf([card, card, short]), noMore).levels).toEqual([0, 1, 0])
    expect(fitCards(3, left(1499), sizesOf([card, card, short]), noMore).levels).toEqual([1, 1, 2])
  })

  it('leaves out cards from the end when no level is enough, with room for the line that says so, but never the first', () => {
    const more = () => frame(100)
    expect(fitCards(3, left(1000), sizesOf([card, card, card]), more)).toEqual({ levels: [2, 2, 2], kept: 2 })
    expect(fitCards(3, left(899), sizesOf([card, card, card]), more).kept).toBe(1)
    expect(fitCards(3, left(10), sizesOf([card, card, card]), more).kept).toBe(1)
  })

  it('keeps to the limit of the whole message as to the one of HTML', () => {
    const size = { html: 10, message: MESSAGE_MAX_BYTES - OUTSIDE_BYTES }
    expect(fits(size)).toBe(true)
    expect(fits({ ...size, message: size.message + 1 })).toBe(false)
    expect(fits({ html: HTML_MAX_BYTES + 1, message: 0 })).toBe(false)
  })

  it('needs for no mail of some of the cards what the heaviest such mail does not need', () => {
    const bytes = fc.array(fc.integer({ min: 1, max: 9000 }), { minLength: LEVELS.length, maxLength: LEVELS.length })
    fc.assert(
      fc.property(
        fc.array(bytes, { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 1, max: 30 }),
        fc.infiniteStream(fc.boolean()),
        (given, most, keep) => {
          const falling = given.map((sizes) => [...new Set(sizes.sort((a, b) => b - a))])
          const stored = falling.map((sizes) => [sizes[0]] as (number | undefined)[])
          const current = () =>
            falling.map((_, index) => frame(stored[index]?.findLast((each) => each !== undefined) ?? 0))
          const small = frame(40_000)
          // The steps of rendering: until the heaviest mail fits.
          for (const level of LEVELS.slice(1)) {
            for (let index = falling.length - 1; index >= 0; index--) {
              if (fits(sumSizes([small, heaviest([{ sizes: current(), most }])]))) break
              ;(stored[index] as (number | undefined)[])[level] = falling[index]?.[level]
            }
          }
          const chosen = falling
            .map((_, index) => index)
            .filter(() => keep.next().value)
            .slice(0, most)
          const asked: (number | undefined)[] = []
          fitCards(
            chosen.length,
            small,
            (index, level) => {
              const size = falling[chosen[index] ?? 0]?.[level]
              if (size !== undefined) asked.push(stored[chosen[index] ?? 0]?.[level])
              return size === undefined ? undefined : frame(size)
            },
            noMore,
          )
          expect(asked).not.toContain(undefined)
        },
      ),
      { numRuns: runs(300) },
    )
  })
})

describe('mails of captured days', () => {
  it.skipIf(days.length === 0)(
    'arrive whole, at every length and number of papers',
    { tags: 'long', timeout: 240_000 },
    async () => {
      for (const length of LENGTHS) {
        const measured = new Map(PAPERS.map((papers) => [papers, [] as Size[]]))
        for (const day of days) {
          const pieces = await piecesOf(day, length, templates)
          // Of a day with fewer papers it is the same mail.
          const bySize = new Map<number, Size>()
          for (const papers of PAPERS) {
            const first = day.places.slice(0, papers)
            const size = bySize.get(first.length) ?? checkMail(pieces, first, `${day.name} ${length} ${papers}`)
            bySize.set(first.length, size)
            measured.get(papers)?.push(size)
          }
        }
        for (const [papers, sizes] of measured) table.push(lineOf(`${length}, ${papers} papers`, sizes))
      }
    },
  )

  it.skipIf(days.length === 0)('print the whole abstract of nearly every paper', { timeout: 240_000 }, async () => {
    const all = { printed: 0, whole: 0 }
    for (const day of days) {
      const first = day.places.slice(0, 10)
      const { levels } = levelsOf(await piecesOf(day, 'full', templates), first)
      for (const [index, level] of levels.entries()) {
        const place = first[index] as Place
        all.printed += 1
        const { text } = cardOf(place, { ...day, kind: 'daily', isVoted: true }, 'full', 'large', level as Level)
        if (text === cleanText(place.paper.abstract) && !text.endsWith('…')) all.whole += 1
      }
    }
    const share = ((100 * all.whole) / all.printed).toFixed(2)
    table.push(`full, 10 papers: ${all.whole} of ${all.printed} abstracts are complete (${share} %)`)
    expect(all.whole / all.printed).toBeGreaterThanOrEqual(0.99)
  })

  it.skipIf(days.length === 0 || !isFull)('of a week arrive whole too', { timeout: 240_000 }, async () => {
    const week = days.filter(({ date }) => date >= '2026-03-09' && date <= '2026-03-13').flatMap(({ places }) => places)
    const places = week.sort((a, b) => b.upvotes - a.upvotes).map((each, index) => ({ ...each, position: index + 1 }))
    for (const length of LENGTHS) {
      const pieces = await piecesOf({ date: '2026-03-15', places }, length, templates, 'weekly')
      for (const papers of PAPERS) checkMail(pieces, places.slice(0, papers), `week ${length} ${papers}`)
    }
    expect(places.length).toBeGreaterThan(100)
  })
})

describe('the worst day', () => {
  const worst = Array.from({ length: Math.max(...SIZES) }, (_, index) => place(index + 1, heavyPaper(index)))
  const rising = [101, 102, 103].map(
    (position): Place => ({ ...place(position, heavyPaper(position)), section: 'rising' }),
  )
  const day = { date: '2026-03-05', places: [...worst, ...rising] }
  const worstInFull = () => piecesOf(day, 'full', templates)

  it.each(LENGTHS)('arrives whole in %s, whatever of it a reader chose', { timeout: 120_000 }, async (length) => {
    const pieces = await piecesOf(day, length, templates)
    for (const papers of NUMBERS) {
      const chosen = [...worst.slice(0, papers), ...rising]
      const size = checkMail(pieces, chosen, `${length} ${papers}`)
      if (papers === 50) table.push(lineOf(`${length}, the worst day, 50 papers`, [size]))
      checkMail(pieces, worst.slice(-papers), `${length}, the last ${papers}`)
      const others = worst.filter(({ position }) => position % 2 === 1).slice(0, papers)
      checkMail(pieces, [...others, ...rising], `${length}, every other, ${papers}`)
    }
  })

  it('shortens abstracts first, then summaries and authors, then leaves cards to the web, and says how many', {}, async () => {
    const seen = await Promise.all(
      SIZES.map(async (papers) => {
        const pieces =
          papers === worst.length
            ? await worstInFull()
            : await piecesOf({ date: '2026-03-05', places: worst.slice(0, papers) }, 'full', templates)
        return levelsOf(pieces, worst.slice(0, Math.min(papers, 50)))
      }),
    )
    for (const { levels, left } of seen) {
      // Later cards are never longer than earlier ones, and levels differ by one at most.
      expect(levels).toEqual(levels.toSorted((a, b) => a - b))
      expect((levels.at(-1) ?? 0) - (levels[0] ?? 0)).toBeLessThanOrEqual(1)
      if (left > 0) expect(levels.every((level) => level === LEVELS.at(-1))).toBe(true)
    }
    const means = seen.map(({ levels }) => levels.reduce((sum, level) => sum + level, 0) / levels.length)
    expect(means).toEqual(means.toSorted((a, b) => a - b))
    const left = seen.at(-1)?.left
    expect(left).toBeGreaterThan(0)
    const pieces = await worstInFull()
    const { selection } = select(worst.slice(0, 50))
    const { html, text, subject } = joinDigest(preparePieces(pieces, 'utf8'), selection, SLOTS)
    expect(html).toContain(`>And ${left} more on the web</a>`)
    expect(text.replace(/\s+/g, ' ')).toContain(`${left} more on the web`)
    expect(subject).toMatch(/ · and 49 more · Thu 5 Mar$/)
    expect(html).not.toContain('Also today')
    // The page that it leads to holds them all.
    expect(
      joinView(preparePieces(pieces, 'utf8'), selection).html.split('<h2 class="t ').length - 1,
    ).toBeGreaterThanOrEqual(50)
  })

  it('prints what each level leaves out', async () => {
    const pieces = await worstInFull()
    const card = (level: Level) =>
      pieces.find(({ name }) => name === `html/${paperName('large', 2, level)}`)?.body ?? ''
    const lengths = LEVELS.map((level) => card(level).length)
    expect(lengths).toEqual([...new Set(lengths)].sort((a, b) => b - a))
    for (const level of LEVELS) expect(card(level)).toContain('題')
    for (const level of [0, 1, 2, 3] as const) expect(card(level)).toContain('摘')
    expect(card(4)).toMatch(/著0, 著1\s\+\s298 · 機[\s\S]*概/)
    expect(card(5)).toMatch(/著0\s\+\s299[\s\S]*概/)
    expect(card(5)).not.toMatch(/摘|機/)
    expect(card(6)).not.toMatch(/概|摘|著|Discussion/)
  })
})

describe('a day that fits', () => {
  it('stores no card twice', async () => {
    for (const length of LENGTHS) {
      const pieces = await renderEdition(
        { date: '2026-03-05', kind: 'daily', incomplete: false, places: PLACES },
        length,
        HOST,
        templates,
      )
      expect(pieces.filter(({ name }) => /(large|compact)\/\d+\/|more\//.test(name))).toEqual([])
    }
  })
})

const preparedOf = new WeakMap<readonly Piece[], Partial<Record<MailEncoding, PreparedPieces>>>()

/** Of one edition many mails are measured. */
function prepareOnce(pieces: readonly Piece[], encoding: MailEncoding): PreparedPieces {
  const known = preparedOf.get(pieces) ?? {}
  preparedOf.set(pieces, known)
  known[encoding] ??= preparePieces(pieces, encoding)
  return known[encoding]
}

function checkMail(pieces: readonly Piece[], places: readonly Place[], name: string): Size {
  const remark = fitRemark(`by an author you follow: ${'題"=&'.repeat(40)}`)
  const { selection } = select(places)
  measureMail(pieces, { ...selection, remarks: places.map(() => remark) }, `${name}, each with a remark`)
  return measureMail(pieces, selection, name)
}

function measureMail(pieces: readonly Piece[], selection: Selection, name: string): Size {
  const [plain, quoted] = (['utf8', 'quoted-printable'] as const).map((encoding) => {
    const prepared = prepareOnce(pieces, encoding)
    return { mail: joinDigest(prepared, selection, SLOTS), recipe: recipeOf(prepared, selection) }
  }) as [{ mail: JoinedDigest; recipe: string }, { mail: JoinedDigest; recipe: string }]
  expect(quoted.recipe.split('\n').slice(1), name).toEqual(plain.recipe.split('\n').slice(1))
  const html = Buffer.byteLength(plain.mail.html)
  const message = Buffer.byteLength(
    composeMessage({
      ...quoted.mail,
      publicId: '0f8fad5b-d9cb-469f-a165-70867728950e',
      to: 'reader@example.org',
      date: '2026-03-06T07:00:00.000Z',
    }),
  )
  expect(html, name).toBeLessThanOrEqual(HTML_MAX_BYTES)
  expect(message, name).toBeLessThanOrEqual(MESSAGE_MAX_BYTES)
  return { html, message }
}

function select(places: readonly Place[]) {
  return { selection: selectionOf({ date: '2026-03-05', kind: 'daily', places }) }
}

/** Reads from the recipe how each card is printed, and how many are left to the web. */
function levelsOf(pieces: readonly Piece[], places: readonly Place[]): { levels: number[]; left: number } {
  const recipe = recipeOf(preparePieces(pieces, 'utf8'), select(places).selection)
  const cards = [...recipe.matchAll(/^html\/(large|compact|line)\/\d+(?:\/(\d))? /gm)]
  const levels = cards.map(([, form, level]) => (form === 'line' ? LINE_LEVEL : Number(level ?? 0)))
  return { levels, left: Number(/^html\/more\/(\d+) /m.exec(recipe)?.[1] ?? 0) }
}

function heavyPaper(index: number): Partial<Place['paper']> {
  return {
    // Three bytes a character, nine once encoded; every third with marks on its letters, which
    // count as none.
    title: index % 3 === 0 ? 'a\u0301\u0323\u0302'.repeat(290) : `題${'目'.repeat(299)}`,
    abstract: `摘${'要'.repeat(1999)}`,
    summary: `概${'略'.repeat(399)}`,
    authors: Array.from({ length: 300 }, (_, author) => `著${author}`),
    organization: '機'.repeat(60),
    codeUrl: `https://github.com/example/${'x'.repeat(80)}`,
    codeStars: 12_345,
    projectUrl: `https://example.org/${'y'.repeat(200)}`,
  }
}

function lineOf(name: string, sizes: Size[]): string {
  const kB = (bytes: number) => `${(bytes / 1000).toFixed(1)} kB`
  const words = (key: 'html' | 'message') => {
    const sorted = sizes.map((size) => size[key]).sort((a, b) => a - b)
    return `median ${kB(sorted[sorted.length >> 1] ?? 0)}, largest ${kB(sorted.at(-1) ?? 0)}`
  }
  return `${name}: HTML ${words('html')}; message ${words('message')}`
}
