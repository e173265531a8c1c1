// Prints how far the two passes of labels agree, topic by topic: `npx tsx
// test/digest/topics/agreement.ts`. Needs no captures.
import { hasTopic, LABELS, TOPICS, type Topic } from './labels.ts'

let agreed = 0
for (const topic of TOPICS) agreed += print(topic)
const all = TOPICS.length * LABELS.length
process.stdout.write(`all: ${percent(agreed / all)} of ${all} pairs; the other ${all - agreed} count for nothing\n`)

/** Returns on how many papers the passes agree. */
function print(topic: Topic): number {
  const both = LABELS.filter((labelled) => hasTopic(labelled, topic) === true).length
  const neither = LABELS.filter((labelled) => hasTopic(labelled, topic) === false).length
  const first = LABELS.filter((labelled) => labelled.first.includes(topic)).length
  const second = LABELS.filter((labelled) => labelled.second.includes(topic)).length
  const papers = LABELS.length
  const observed = (both + neither) / papers
  const expected = (first * second + (papers - first) * (papers - second)) / papers ** 2
  const kappa = (observed - expected) / (1 - expected)
  const split = `both ${both}, only the first ${first - both}, only the second ${second - both}, neither ${neither}`
  process.stdout.write(`${topic}: ${percent(observed)} of ${papers} papers, kappa ${kappa.toFixed(2)} (${split})\n`)
  return both + neither
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}
