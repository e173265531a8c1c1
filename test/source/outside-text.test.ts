// Cleaning outside text: what must go, what must stay, and that a second cleaning changes nothing.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cleanLine, cleanText, withoutThought } from '../../src/source/outside-text.ts'
import { runs } from '../support/full.ts'

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })
const lengthOf = (text: string) => [...graphemes.segment(text)].length

/** Text full of what attackers and broken converters put into it. */
const hostileText = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.string({ unit: 'binary' }),
      fc.constantFrom(
        '\u202e',
        '\u2066',
        '\u200b',
        '\u200d',
        '\ufe0f',
        '\ufeff',
        '\u00ad',
        '\ud800',
        '\udc00',
        '\ue000',
      ),
      fc.constantFrom(
        'e\u0301',
        '\u0301',
        '👩‍🔬',
        '❤️',
        '1️⃣',
        '\u0085',
        '\u2028',
        ' \n ',
        '\u3164',
        '\u{e0041}',
        '👍🏽',
        '🏳️‍🌈',
      ),
      fc.constantFrom(
        '\u200c',
        '\u200d',
        'م',
        'ی',
        'َ',
        'क',
        '\u094d',
        'ष',
        '\u001b[',
        '\u001b[31m',
        '[0m',
        '[',
        '0m',
        '\u009b',
      ),
    ),
    { maxLength: 30 },
  )
  .map((parts) => parts.join(''))

describe('cleanLine', () => {
  it('collapses the line breaks and double spaces that titles come with', () => {
    expect(cleanLine('  Teaching Models\n  to   Count\t\u00a0Sheep \r\n')).toBe('Teaching Models to Count Sheep')
  })

  it('composes letters and their accents', () => {
    expect(cleanLine('Poincare\u0301')).toBe('Poincaré')
    expect(cleanLine('Poincare\u200b\u0301')).toBe('Poincaré')
  })

  it.each([
    ['bidi override', 'a\u202eb'],
    ['bidi isolate', 'a\u2066b\u2069'],
    ['zero-width space', 'a\u200bb'],
    ['zero-width joiner between letters', 'a\u200db'],
    ['byte order mark', 'a\ufeffb'],
    ['soft hyphen', 'a\u00adb'],
    ['control', 'a\u0000\u0007\u001bb'],
    ['lone surrogate', 'a\ud83db'],
    ['private use', 'a\ue000b\u{f0000}'],
    ['noncharacter', 'a\uffffb'],
    ['hidden tag characters', 'a\u{e0069}\u{e0067}b'],
    ['hangul filler', 'a\u3164b'],
  ])('drops a %s', (_name, text) => {
    expect(cleanLine(text)).toBe('ab')
  })

  it.each(['👩‍🔬', '🏳️‍🌈', '👩🏽‍💻', '❤️', '1️⃣', '<think>', '$\\alpha$ & "quotes"', 'Ωμέγα', '論文'])(
    'keeps %s',
    (text) => {
      expect(cleanLine(`x ${text} y`)).toBe(`x ${text} y`)
    },
  )

  it.each([
    ['Persian', 'می\u200cتوانند'],
    ['Persian of many words', 'نرم\u200cافزار\u200cهای'],
    ['a Hindi conjunct', 'क्\u200dष'],
    ['a Hindi half letter', 'क्\u200cष'],
    ['a Malayalam letter at a word’s end', 'അവന\u0d4d\u200d എന്ന'],
    ['a Bengali reph', 'র\u200d্য'],
    ['Sinhala', 'ශ්\u200dරී'],
  ])('keeps the joiner that %s is spelt with', (_language, text) => {
    expect(cleanLine(text)).toBe(text.normalize('NFC'))
  })

  it.each([
    ['between Latin letters', 'a\u200cb', 'ab'],
    ['at a word’s edge', 'می\u200c \u200cتوانند', 'می توانند'],
    ['beside another script', 'می\u200cb', 'میb'],
    ['twice', 'می\u200c\u200cتوانند', 'می\u200cتوانند'],
    ['between an emoji and a letter', '👩\u200da', '👩a'],
  ])('drops a joiner %s', (_where, text, clean) => {
    expect(cleanLine(text)).toBe(clean)
  })

  it.each([
    ['a colour', '\u001b[31mred\u001b[0m text'],
    ['a colour of eight bits', '\u009b1;31mred\u009bm text'],
    ['a colour without its first character', '[1;31mred[0m text'],
    ['a window title', '\u001b]0;owned\u0007red text'],
    ['a moved cursor', '\u001b[2J\u001b[1;1Hred text'],
  ])('drops what %s leaves of a terminal', (_name, text) => {
    expect(cleanLine(text)).toBe('red text')
  })

  it('leaves brackets that are nobody’s colour', () => {
    expect(cleanLine('a [5m] cable, [m/s]')).toBe('a [5m] cable, [m/s]')
  })

  it('keeps at most four stacked marks', () => {
    expect(cleanLine(`x${'\u0323\u0316'.repeat(40)}y`)).toHaveLength(6)
  })

  it('gives the same when it cleans again, on one line in NFC without anything invisible', () => {
    fc.assert(
      fc.property(hostileText, (text) => {
        const clean = cleanLine(text)
        expect(cleanLine(clean)).toBe(clean)
        expect(clean.normalize('NFC')).toBe(clean)
        expect(clean).not.toMatch(/[\p{Cc}\p{Cs}\p{Co}\p{Noncharacter_Code_Point}]/u)
        expect(clean).not.toMatch(/[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\u00ad]/u)
        expect(clean).not.toMatch(/^\s|\s$|\s\s|[^\S ]/u)
      }),
      { numRuns: runs(400) },
    )
  })
})

describe('cleanText', () => {
  it('leaves a text that fits', () => {
    expect(cleanText('As long as it may be', 20)).toBe('As long as it may be')
  })

  it('cuts at the end of a word and closes with an ellipsis', () => {
    expect(cleanText('one two three four five six', 20)).toBe('one two three four…')
    expect(cleanText('one two three, four five', 16)).toBe('one two three…')
  })

  it('cuts inside a word that is longer than the cap', () => {
    expect(cleanText('x'.repeat(50), 10)).toBe(`${'x'.repeat(9)}…`)
  })

  it('counts an emoji of many code points as one', () => {
    expect(cleanText('👩‍🔬'.repeat(10), 10)).toBe('👩‍🔬'.repeat(10))
    expect(cleanText('👩‍🔬'.repeat(11), 10)).toBe(`${'👩‍🔬'.repeat(9)}…`)
  })

  it('bounds what one endless grapheme may weigh', () => {
    expect(cleanText(`👩${'\u200d👩'.repeat(10_000)}`, 100).length).toBeLessThanOrEqual(800)
  })

  it('leaves no joiner before the ellipsis', () => {
    expect(cleanText('م\u200dक!', 2)).toBe('م…')
  })

  it('never exceeds the cap, gives the same again and makes no lone surrogates', () => {
    fc.assert(
      fc.property(hostileText, fc.integer({ min: 2, max: 40 }), (text, max) => {
        const capped = cleanText(text, max)
        expect(lengthOf(capped)).toBeLessThanOrEqual(max)
        expect(cleanText(capped, max)).toBe(capped)
        expect(capped).not.toMatch(/\p{Cs}/u)
      }),
      { numRuns: runs(400) },
    )
  })
})

describe('withoutThought', () => {
  it.each([
    ['<think>Okay, the user wants a summary.</think>We count sheep.', 'We count sheep.'],
    ['We count sheep. <think>I should say that it works.</think>It works.', 'We count sheep. It works.'],
    ['Okay, a summary it is. </think>We count sheep.', 'We count sheep.'],
    ['<think>Okay, the user wants', ''],
    ['<thinking>Hm.</thinking> <think>So.</think> Sheep.', 'Sheep.'],
  ])('of %j is %j', (text, rest) => {
    expect(withoutThought(text).trim()).toBe(rest)
  })

  it('is over soon, however long a word goes on or tags go on for', () => {
    const word = 'a'.repeat(1_000_000)
    expect(withoutThought(`Sheep. <think>${word}</think>`)).toContain('Sheep.')
    expect(withoutThought('</think>'.repeat(100_000))).toContain('</think>')
    expect(withoutThought(`<think>${word}. We see ${word}`)).toBe('')
  })

  it.each([
    'between the tokens <think> and </think> of a model',
    'without tags (<think>. . . </think>) and with them',
    "Let's <think> about reasoning",
    'termination tokens such as </think> and <|im_end|>',
  ])('leaves %j', (text) => {
    expect(withoutThought(text)).toBe(text)
  })
})
