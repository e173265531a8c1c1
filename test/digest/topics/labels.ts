// Which of twelve topics each of 4,109 captured papers is about, as two passes labelled title and
// abstract, each before it saw a rule or what rules find: a paper has a topic where both say so,
// and has it not where neither does. Pairs on which they differ count for nothing. Tuning, report,
// elsewhere and the rest of March have two readers; the two passes over the others are one
// reader's, strict and then generous, before it saw what rules find in them; that of the odd and
// even days knew the rules of the tenth run. The blind ones were read once: both passes are that,
// but for the last check, which has two readers again.
import { readFileSync } from 'node:fs'

/** As people type them. */
export const TOPICS = [
  'nlp',
  'computer vision',
  'efficiency',
  'medical',
  'safety',
  'audio',
  'data',
  'reasoning',
  'agents',
  'code',
  'robotics',
  'reinforcement learning',
] as const
export type Topic = (typeof TOPICS)[number]

/**
 * 100 papers of August 2025 to tune on, 100 of March 2026 to report, all 92 of the odd days, May
 * 2024 to September 2025, which were labelled later to tune on as well, later still 160 further
 * ones of August 2025, and then the 192 of that month that were left: most were listed after its
 * days were captured, all are in its later capture. In the end the 205 of thirteen whole days
 * around March 2026 (18 to 27 February, 22 to 28 April), captured by the same repository, and of
 * its other days of these two months every fourth paper, for NLP and robotics alone, with every
 * paper that speaks of robots, for robotics alone. None of these stands in a capture of March.
 *
 * Last, of what the same repository captured on other days up to August 2026, by the parity of the
 * day: 552 papers since September 2025 (390 drawn of all, 77 of what rules find of five rarer
 * topics, 85 of those that speak of efficiency, safety or reasoning), and for robotics alone 299
 * since May 2024 (drawn of what rules find, and of those that speak of robots and are not found).
 *
 * And the 363 papers that March 2026 was left with, to report: among the first 100 one was about
 * robots, three were about safety and none about medicine. Two readers labelled them, each by
 * itself, who knew neither rules nor finds.
 *
 * And 1,200 to see how rules do for readers who know neither them nor their finds: drawn at random
 * of the days from September 2025 to August 2026 but for March, none labelled before, and one half
 * (`blind`) to tune on, the other (`blind check`) to measure alone.
 *
 * Last of all 600 more of these days (`last check`), to report: two readers who knew neither rules
 * nor finds, and 60 of the blind ones as examples.
 */
export type Part =
  | 'tuning'
  | 'report'
  | 'elsewhere'
  | 'further'
  | 'rest'
  | 'around'
  | 'two topics'
  | 'odd days'
  | 'even days'
  | 'rest of March'
  | 'blind'
  | 'blind check'
  | 'last check'

interface Labelled {
  part: Part
  id: string
  /** Of the abstract as it was sent. */
  sha256: string
  /** What alone was asked of it; everything where it says nothing. */
  asked?: Topic[]
  first: Topic[]
  second: Topic[]
}

export const LABELS: Labelled[] = JSON.parse(readFileSync(new URL('labels.json', import.meta.url), 'utf8'))

/** Tells whether the paper has the topic; undefined where the passes differ or it was not asked. */
export function hasTopic({ asked, first, second }: Labelled, topic: Topic): boolean | undefined {
  if (asked?.includes(topic) === false) return undefined
  const said = first.includes(topic)
  return second.includes(topic) === said ? said : undefined
}
