// How well a topic finds what is about it: the labelled papers through the product's own rules, as
// a reader meets them who wants only that topic. Undefined where the captures are not at hand.
import { indexPlaces } from '../../../src/digest/choosing/place-index.ts'
import { NO_HISTORY, selectPapers } from '../../../src/digest/choosing/selection.ts'
import { readTopics } from '../../../src/digest/topics/topics.ts'
import type { Place } from '../../../src/edition/place.ts'
import type { Paper } from '../../../src/source/paper.ts'
import { PAPERS_MAX, parseChoices } from '../../../src/subscriber/preferences.ts'
import {
  type CapturedAbstract,
  capturedAbstracts,
  laterAbstracts,
  oddAbstracts,
} from '../../support/captured-abstracts.ts'
import { capturedMonth, laterPapers, oddDays } from '../../support/captured-days.ts'
import { makePlace } from '../../support/places.ts'
import { hasTopic, LABELS, type Part, TOPICS, type Topic } from './labels.ts'

export interface Judged {
  topic: Topic
  /** Papers that both passes give the topic. */
  positives: number
  found: number
  precision: number
  recall: number
  /** Ids of what was found and is none, and of what was not found. */
  wrong: string[]
  missed: string[]
}

/** From May 2024 to August 2026, but for the two months that are tuned on and reported. */
const OTHERS = Array.from({ length: 28 }, (_, at) => new Date(Date.UTC(2024, 4 + at)).toISOString().slice(0, 7)).filter(
  (month) => month !== '2025-08' && month !== '2026-03',
)

const MONTHS: Record<Exclude<Part, 'elsewhere'>, readonly string[]> = {
  tuning: ['2025-08'],
  report: ['2026-03'],
  further: ['2025-08'],
  rest: ['2025-08'],
  around: ['2026-02', '2026-04'],
  'two topics': ['2026-02', '2026-04'],
  'odd days': OTHERS,
  'even days': OTHERS,
  'rest of March': ['2026-03'],
  blind: OTHERS,
  'blind check': OTHERS,
  'last check': OTHERS,
}

/** Judges every topic over the papers of these parts together. */
export function judgeTopics(...parts: Part[]): Judged[] | undefined {
  const places = parts.flatMap(labelledPlaces)
  if (places.length === 0) return undefined
  const labels = new Map(LABELS.map((labelled) => [labelled.id, labelled]))
  const topics = readTopics()
  const indexes = places.map((place) => indexPlaces([place], topics))
  return TOPICS.map((topic) => {
    const choices = parseChoices({ include: [topic], includeMeans: 'only', papers: PAPERS_MAX })
    const chosen = new Set(
      indexes.flatMap((index) => {
        const { papers } = selectPapers(index, choices, NO_HISTORY)
        return papers.length > 0 ? index.places.map(({ paper }) => paper.id) : []
      }),
    )
    const said = (answer: boolean) =>
      places
        .map(({ paper }) => paper.id)
        .filter((id) => hasTopic(labels.get(id) as (typeof LABELS)[number], topic) === answer)
    const positives = said(true)
    const wrong = said(false).filter((id) => chosen.has(id))
    const missed = positives.filter((id) => !chosen.has(id))
    const right = positives.length - missed.length
    const found = right + wrong.length
    return {
      ...{ topic, positives: positives.length, found, wrong, missed },
      precision: found === 0 ? 1 : right / found,
      recall: positives.length === 0 ? 1 : right / positives.length,
    }
  })
}

/** As they stood on the day; a paper whose abstract is not the labelled one is left out. */
function labelledPlaces(part: Part): Place[] {
  const wanted = new Map(LABELS.filter((each) => each.part === part).map(({ id, sha256 }) => [id, sha256]))
  const captured = abstractsOf(part)
  const same = new Set(captured.flatMap(({ id, sha256 }) => (wanted.get(id) === sha256 ? [id] : [])))
  const papers = new Map(papersOf(part).map((paper) => [paper.id, paper]))
  return [...same].flatMap((id) => {
    const paper = papers.get(id)
    return paper ? [makePlace({ position: 1 }, paper)] : []
  })
}

function abstractsOf(part: Part): CapturedAbstract[] {
  if (part === 'elsewhere') return oddAbstracts()
  return MONTHS[part].flatMap(part === 'rest' ? laterAbstracts : capturedAbstracts)
}

function papersOf(part: Part): Paper[] {
  if (part === 'elsewhere') return oddDays().flatMap(({ places }) => places.map(({ paper }) => paper))
  if (part === 'rest') return MONTHS[part].flatMap(laterPapers)
  return MONTHS[part].flatMap((month) => capturedMonth(month).flatMap(({ own }) => own.map(({ paper }) => paper)))
}
