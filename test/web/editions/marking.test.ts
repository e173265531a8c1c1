import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MATCH } from '../../../src/edition/search.ts'
import { type FoundPart, markExcerpt, markMatches, markPeople } from '../../../src/web/editions/marking.ts'

const signed = (text: string) => text.replaceAll('[', MATCH.start).replaceAll(']', MATCH.stop)
const shown = (parts: FoundPart[]) => parts.map(({ text, marked }) => (marked ? `[${text}]` : text))

describe('markMatches', () => {
  const marked = (text: string, words: string) => shown(markMatches(text, signed(words)))

  it('marks whole words only, those with signs of patterns too', () => {
    expect(marked('GAN and GANs, again', '[GAN] and GANs')).toEqual(['[GAN]', ' and GANs, again'])
    expect(marked('C++ (fast) C', '[C++] [(fast)]').join('')).toBe('[C++] [(fast)] C')
  })

  it('loses no text', () => {
    fc.assert(
      fc.property(fc.lorem({ maxCount: 8 }), fc.lorem({ maxCount: 2 }), (text, words) => {
        expect(
          markMatches(text, signed(`[${words}]`))
            .map((part) => part.text)
            .join(''),
        ).toBe(text)
      }),
    )
  })
})

describe('markExcerpt', () => {
  it('says where something was left out', () => {
    const text =
      'A first sentence of some length that goes on. A second one that speaks of agents. And a third that ends.'
    const excerpt = (words: string) => shown(markExcerpt(text, signed(words))).join('')
    expect(excerpt('A second one that speaks of [agents].')).toBe('… A second one that speaks of [agents]. …')
    expect(excerpt(text)).toBe(text)
    expect(excerpt('')).toBe('')
  })
})

describe('markPeople', () => {
  const paper = { authors: ['Ada Lovelace', 'Emmy Noether', 'Grace Hopper', 'Émilie du Châtelet'], organization: 'MIT' }

  it('shows the first authors, and whoever was asked for, without regard to accents', () => {
    expect(shown(markPeople(paper, 'nobody')).join('')).toBe('Ada Lovelace, Emmy Noether, Grace Hopper et al. · MIT')
    expect(shown(markPeople(paper, 'chatelet mit')).join('')).toBe(
      'Ada Lovelace, Emmy Noether, Grace Hopper et al., with Émilie du [Châtelet] · [MIT]',
    )
    expect(shown(markPeople({ authors: [], organization: null }, 'mit'))).toEqual([])
  })
})
