// Judges the chosen sentences by the labels: how many are acceptable, how many background. Papers
// whose abstract is not among the captures, or is split in another way than when its sentences were
// numbered, are counted apart.
import { findContribution } from '../../../src/digest/sentence/contribution.ts'
import { capturedAbstracts } from '../../support/captured-abstracts.ts'
import { acceptableOf, backgroundOf, CHOSEN, LABELS } from './labels.ts'

const MONTHS = { tuning: '2025-08', report: '2026-03' } as const

interface Judged {
  judged: number
  acceptable: number
  background: number
  /** Ids of papers whose sentence is not acceptable. */
  missed: string[]
  /** Ids of papers that cannot be judged. */
  apart: string[]
}

/** Judges one part; undefined where the captures are not at hand. */
export function judgePart(part: keyof typeof MONTHS): Judged | undefined {
  const captured = new Map(capturedAbstracts(MONTHS[part]).map((abstract) => [abstract.id, abstract]))
  if (captured.size === 0) return undefined
  const judged: Judged = { judged: 0, acceptable: 0, background: 0, missed: [], apart: [] }
  for (const { id, sha256, sentences } of CHOSEN.filter((chosen) => chosen.part === part)) {
    const found = captured.get(id)
    const labelled = LABELS.find((labels) => labels.id === id)
    if (found?.sha256 !== sha256 || labelled?.sha256 !== sha256 || found.sentences.length !== sentences) {
      judged.apart.push(id)
      continue
    }
    const number = found.sentences.indexOf(findContribution(found.abstract, found.title)) + 1
    judged.judged += 1
    if (acceptableOf(labelled).has(number)) judged.acceptable += 1
    else judged.missed.push(id)
    if (backgroundOf(labelled).has(number)) judged.background += 1
  }
  return judged
}
