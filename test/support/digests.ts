// Selections as planning makes them, for tests that choose the papers themselves.

import { indexPlaces } from '../../src/digest/choosing/place-index.ts'
import { REASON_PLACE, type Selection } from '../../src/digest/choosing/selection.ts'
import { openingOf } from '../../src/digest/opening.ts'
import type { Sheet } from '../../src/digest/rendering.ts'
import { readTopics } from '../../src/digest/topics/topics.ts'
import { parseChoices } from '../../src/subscriber/preferences.ts'

const topics = readTopics()

/**
 * Returns the selection of these positions of a sheet, all of them by default, with its opening.
 */
export function selectionOf(
  { date, kind, places }: Pick<Sheet, 'date' | 'kind' | 'places'>,
  papers: number[] = places.map(({ position }) => position),
  choices: object = {},
): Selection {
  const reasons = papers.map(() => REASON_PLACE)
  const opening = openingOf({ date, kind }, indexPlaces(places, topics), parseChoices(choices), { papers, reasons })
  return { papers, reasons, opening }
}
