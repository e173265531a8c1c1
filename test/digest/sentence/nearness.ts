// How near sentences are to the source's own summaries, by the words they share: a check on the
// chosen ones that needs no labels.
import { findContribution } from '../../../src/digest/sentence/contribution.ts'
import { cleanText } from '../../../src/digest/text/text.ts'
import { stemWords } from '../../../src/digest/topics/words.ts'
import { capturedAbstracts } from '../../support/captured-abstracts.ts'

/** They stand in any sentence. */
const SAYING_NOTHING = new Set(
  'a an the of to and in for with by on that is are we this as from it its their our can at or'.split(' '),
)

/** Mean cosines, from 0 to 1: of the chosen sentence, the first one, and the nearest there is. */
export interface Nearness {
  chosen: number
  first: number
  nearest: number
}

/** Measures the abstracts of a captured month that have a summary; undefined without captures. */
export function nearnessIn(month: string): Nearness | undefined {
  const summarised = capturedAbstracts(month).filter(({ summary }) => summary !== '')
  if (summarised.length === 0) return undefined
  const sum: Nearness = { chosen: 0, first: 0, nearest: 0 }
  for (const { abstract, title, summary, sentences } of summarised) {
    const told = wordsOf(cleanText(summary))
    const near = sentences.map((sentence) => cosine(wordsOf(sentence), told))
    sum.chosen += near[sentences.indexOf(findContribution(abstract, title))] ?? 0
    sum.first += near[0] ?? 0
    sum.nearest += Math.max(...near)
  }
  const mean = (of: keyof Nearness) => sum[of] / summarised.length
  return { chosen: mean('chosen'), first: mean('first'), nearest: mean('nearest') }
}

function wordsOf(text: string): Set<string> {
  const words = stemWords(text).trim().split(' ')
  return new Set(words.filter((word) => !SAYING_NOTHING.has(word)))
}

function cosine(one: Set<string>, other: Set<string>): number {
  const shared = [...one].filter((word) => other.has(word)).length
  return shared / Math.sqrt(one.size * other.size || 1)
}
