// Which of twelve topics each of 200 captured papers is about, as two passes labelled title and
// abstract, each blind to the other and to the rules: a paper has a topic where both say so, and
// has it not where neither does. Pairs on which they differ count for nothing.
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

interface Labelled {
  /** August 2025 to tune on, March 2026 to report. */
  part: 'tuning' | 'report'
  id: string
  /** Of the abstract as it was sent. */
  sha256: string
  first: Topic[]
  second: Topic[]
}

export const LABELS: Labelled[] = JSON.parse(readFileSync(new URL('labels.json', import.meta.url), 'utf8'))

/** Tells whether the paper has the topic; undefined where the passes differ. */
export function hasTopic({ first, second }: Pick<Labelled, 'first' | 'second'>, topic: Topic): boolean | undefined {
  const said = first.includes(topic)
  return second.includes(topic) === said ? said : undefined
}
