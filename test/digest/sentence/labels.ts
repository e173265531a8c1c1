// Which sentences of the chosen abstracts may stand as the one sentence, as two passes labelled
// them, each blind to the other and to the rules: a sentence is acceptable where both say so, and
// background where either does.
import { readFileSync } from 'node:fs'

/** The numbers of sentences, from 1. Neither: a step of the method, an address, an empty phrase. */
interface Pass {
  /** Tells, under the title alone, what the paper contributes or what it found. */
  acceptable: number[]
  /** Tells of the field, of others' work or of the problem, not of this paper. */
  background: number[]
}

interface Labelled {
  id: string
  sha256: string
  first: Pass
  second: Pass
}

interface Chosen {
  part: 'tuning' | 'report'
  id: string
  sha256: string
  /** How many there were when they were numbered. */
  sentences: number
  /** Whether the source sent a summary of its own, which is then taken as if it were missing. */
  summarised: boolean
}

export const LABELS: Labelled[] = read('labels.json')
export const CHOSEN: Chosen[] = read('chosen.json')

export function acceptableOf({ first, second }: Labelled): Set<number> {
  return new Set(first.acceptable.filter((number) => second.acceptable.includes(number)))
}

export function backgroundOf({ first, second }: Labelled): Set<number> {
  return new Set([...first.background, ...second.background])
}

function read(file: string) {
  return JSON.parse(readFileSync(new URL(file, import.meta.url), 'utf8'))
}
