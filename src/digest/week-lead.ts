// What leads a weekly digest beside its first paper: what the week is remembered for. Pure.
import type { Place } from '../edition/place.ts'
import type { PlaceIndex } from './choosing/place-index.ts'
import { riseNumbers, riseOf } from './rise.ts'
import { brieflyCounted, counted } from './text/words.ts'
import { type Led, lineOf, mostOf, type Told } from './told.ts'

/**
 * What a week is remembered for, whoever its first is. What leads among a reader's own papers alone
 * is not said to lead the week, and not said at all of the only one there is.
 */
export function weekLead(own: readonly Told[], { places }: PlaceIndex): Led[] {
  const gain = ({ upvotes, upvotesBefore = upvotes }: Place) => upvotes - upvotesBefore
  const comments = ({ comments }: Place) => comments
  const stars = ({ paper }: Place) => paper.codeStars ?? 0
  const highlight = (of: (place: Place) => number, most: string, much: string, factOf: (place: Place) => string) => {
    const told = mostOf(own, ({ place }) => of(place))
    const fact = told ? factOf(told.place) : ''
    if (!told || fact === '') return []
    const isMost = places.every((place) => of(place) <= of(told.place))
    return isMost || own.length > 1 ? [{ told, label: isMost ? most : much, fact }] : []
  }
  const highlights = [
    ...highlight(gain, 'Biggest riser', 'Rising', (place) => {
      const rise = riseOf(place)
      return rise ? `${riseNumbers(rise)} votes` : ''
    }),
    ...highlight(comments, 'Most discussed', 'Discussed', (place) => counted(place.comments, 'comment')),
    ...highlight(stars, 'Most starred', 'Starred', (place) => `★ ${brieflyCounted(stars(place))}`),
  ]
  // One paper is one line, whatever it is remembered for.
  return [...new Set(highlights.map(({ told }) => told))].map((told) => {
    const its = highlights.filter((each) => each.told === told)
    const label = its.map(({ label }) => label).join(' · ')
    return { told, line: lineOf(told, label, its.map(({ fact }) => fact).join(', '), false) }
  })
}
