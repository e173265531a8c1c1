import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  cleanLine,
  cleanText,
  nameOf,
  shorten,
  shortenToLength,
  widthOf,
  wrapText,
} from '../../../src/digest/text/text.ts'
import { isFull, runs } from '../../support/full.ts'

const anyText = fc.string({ unit: 'binary', maxLength: 200 })
const graphemesOf = (text: string) => [...new Intl.Segmenter('en').segment(text)].map(({ segment }) => segment)

/** Text full of what steers, hides and half looks like LaTeX. */
const hostileText = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 6 }),
      fc.constantFrom(
        '\u202e',
        '\u2066',
        '\u200b',
        '\u200f',
        '\ufeff',
        '\u00ad',
        '\ud800',
        '\udc00',
        '\ue000',
        '\u2028',
      ),
      fc.constantFrom(
        '\\',
        '$',
        '{',
        '}',
        '^',
        '_',
        '~',
        '``',
        "''",
        '--',
        '\\textbf{',
        '\\"',
        '$\\alpha$',
        'V_0',
        '2times',
      ),
      fc.constantFrom('e\u0301', '\u0301', '\u0338', ' ', '\r\n', '\t', 'word', '漢字', '👩‍🔬', 'ﬀ', '\u1100\u1161'),
    ),
    { maxLength: 30 },
  )
  .map((parts) => parts.join(''))

describe('cleanText', () => {
  it('leaves nothing that steers a terminal, a direction or a slot', () => {
    expect(cleanText('a\u0001unsubscribe\u0002b \u202egnp\u202c\ufeff\r\n  c\u0000')).toBe('aunsubscribeb gnp c')
    fc.assert(
      fc.property(fc.oneof(anyText, hostileText), (text) => {
        for (const clean of [cleanText(text), cleanLine(text)]) {
          expect(clean).not.toMatch(
            /[\p{Cc}\p{Cs}\p{Co}\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/u,
          )
          expect(clean).not.toMatch(/^\s|\s$|\s\s|[^\S ]/u)
        }
      }),
      { numRuns: runs(1_000) },
    )
  })

  it('changes nothing more when it cleans again', () => {
    fc.assert(
      fc.property(fc.oneof(anyText, hostileText), (text) => {
        const clean = cleanText(text)
        expect(cleanText(clean)).toBe(clean)
        expect(cleanLine(cleanLine(text))).toBe(cleanLine(text))
      }),
      { numRuns: runs(2_000) },
    )
  })

  it('mends spaces, reads LaTeX and shows tags as they are written', () => {
    expect(cleanText(' $\\pi_0$:\n A\u00a0 <think>\tModel with 5\\% ')).toBe('π₀: A <think> Model with 5%')
    expect(cleanLine('"A_b $x$" <a_b@example.org>')).toBe('"A_b $x$" <a_b@example.org>')
  })

  it('keeps the joiners that names and emoji are written with', () => {
    expect(cleanText('👩\u200d🔬 می\u200cخواهم')).toBe('👩\u200d🔬 می\u200cخواهم')
  })
})

describe('shorten', () => {
  it('cuts at a word end and drops the punctuation left there', () => {
    expect(shorten('Scaling laws, revisited', 23)).toBe('Scaling laws, revisited')
    expect(shorten('Scaling laws, revisited', 16)).toBe('Scaling laws…')
    expect(shorten('Scaling laws revisited', 13)).toBe('Scaling laws…')
    expect(shorten('Supercalifragilistic', 6)).toBe('Super…')
  })

  it('never exceeds its limit and never splits a grapheme', () => {
    fc.assert(
      fc.property(fc.oneof(anyText, hostileText), fc.integer({ min: 1, max: 80 }), (text, max) => {
        for (const [short, length] of [
          [shorten(text, max), (part: string) => graphemesOf(part).length],
          [shortenToLength(text, max), (part: string) => part.length],
        ] as const) {
          expect(length(short)).toBeLessThanOrEqual(max)
          if (short === text) continue
          const kept = graphemesOf(short.slice(0, -1))
          expect(graphemesOf(text).slice(0, kept.length)).toEqual(kept)
        }
      }),
    )
  })
})

describe('nameOf', () => {
  it('takes the name before a colon where hardly more would fit', () => {
    expect(nameOf('Helios: Real Real-Time Long Video', 15)).toBe('Helios')
    expect(nameOf('基于扩散：一种方法', 7)).toBe('基于扩散')
    expect(nameOf('A name that is much too long for this: yes', 20)).toBe('A name that is much…')
    expect(nameOf('No colon at all', 30)).toBe('No colon at all')
    expect(nameOf(': odd', 30)).toBe(': odd')
  })
  it('rather ends on a name than inside a word behind it', () => {
    expect(nameOf('ILLUME+: Illuminating Unified MLLMs', 20)).toBe('ILLUME+')
    expect(nameOf('Seg-Zero: Reasoning-Chain Guided Segmentation', 21)).toBe('Seg-Zero: Reasoning…')
    expect(nameOf('Efficient Pretraining of Lanterns', 21)).toBe('Efficient Pretrainin…')
  })
  it('takes no kind of paper for a name', () => {
    expect(nameOf('Position: Lanterns Need a Second Wick to Last', 30)).toBe('Position: Lanterns Need…')
    expect(nameOf('A Survey: Lanterns from Antiquity to Today', 20)).toBe('A Survey: Lanterns…')
  })
  it.each([
    ['DARE: Aligning LLM Agents with the R Statistical Ecosystem', 44, 'DARE: Aligning LLM Agents…'],
    [
      'VideoDetective: Clue Hunting via both Extrinsic Query and Intrinsic Relevance',
      44,
      'VideoDetective: Clue Hunting…',
    ],
    [
      'WorldAgents: Can Foundation Image Models be Agents for 3D World Models?',
      44,
      'WorldAgents: Can Foundation Image Models…',
    ],
    ['MetaClaw: Just Talk – An Agent That Meta-Learns and Evolves in the Wild', 44, 'MetaClaw: Just Talk – An Agent…'],
    ['SlopCodeBench: Benchmarking How Coding Agents Degrade', 35, 'SlopCodeBench: Benchmarking…'],
  ])('ends no cut title on a word that leads on: %s', (title, max, name) => {
    expect(nameOf(title, max)).toBe(name)
  })
})

describe('wrapText', () => {
  it('ends no line at a space that forbids it', () => {
    expect(wrapText('one two three\u00a0+\u00a04', 12)).toBe('one two\nthree\u00a0+\u00a04')
  })
  it('indents the first line and the others as told', () => {
    expect(wrapText('one two three four', 12, '1. ', '   ')).toBe('1. one two\n   three\n   four')
    expect(wrapText('', 12, '1. ')).toBe('1.')
  })

  it('breaks ideographs anywhere but before their closing signs, and counts them as two columns', () => {
    expect(widthOf('漢字 ab é 👩‍🔬 π₀')).toBe(15)
    expect(wrapText('基于扩散模型的长视频生成', 12)).toBe('基于扩散模型\n的长视频生成')
    expect(wrapText('一二三，四五六。七', 6)).toBe('一二\n三，四\n五六。\n七')
    expect(wrapText('Helios 实时视频', 10)).toBe('Helios 实\n时视频')
  })

  it('never breaks an address, however long', () => {
    const address = `https://example.org/${'a'.repeat(90)}`
    expect(wrapText(`Code: (${address}) and more`, 40, '1. ', '   ')).toBe(`1. Code:\n   (${address})\n   and more`)
  })

  it('keeps every character and every line within the width', () => {
    fc.assert(
      fc.property(fc.oneof(anyText, hostileText).map(cleanText), fc.integer({ min: 20, max: 72 }), (text, width) => {
        const wrapped = wrapText(text, width, '  ', '    ')
        expect(wrapped.replace(/\s/g, '')).toBe(text.replace(/\s/g, ''))
        for (const line of wrapped.split('\n')) expect(widthOf(line)).toBeLessThanOrEqual(width)
      }),
      { numRuns: runs(500) },
    )
  })
})

describe('20,000 characters', () => {
  /** The least processor time of several runs: what else the machine does only ever adds to it. */
  const timeOf = (work: () => unknown) => {
    const times = Array.from({ length: isFull ? 5 : 3 }, () => {
      const start = process.cpuUsage()
      work()
      const { user, system } = process.cpuUsage(start)
      return user + system
    })
    return Math.min(...times)
  }

  it.each(['1', ' ', 'a: ', 'a  ', '漢', '漢。', 'e\u0301', '👩\u200d', '.', '…'])(
    'of %j are wrapped, shortened and named in time that grows with their length alone',
    { tags: 'long', timeout: 60_000 },
    (unit) => {
      const work = (length: number) => {
        const text = unit.repeat(Math.ceil(length / unit.length))
        return () => {
          wrapText(text, 66, '  ', '  ')
          nameOf(text, 60)
          nameOf(text, text.length - 1)
          shorten(text, 5_000)
          widthOf(text)
        }
      }
      timeOf(work(2_000))
      // Eight times as long: 64 times the work, were it the square. A busy machine may slow the one
      // measurement and not the other, but not five times in a row.
      const growths = Array.from({ length: 5 }, () => () => timeOf(work(80_000)) / timeOf(work(10_000)))
      expect(growths.some((growth) => growth() < 24)).toBe(true)
    },
  )
})
