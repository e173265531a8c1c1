// Prints how far the two passes of labels agree, part by part and topic by topic: `npx tsx
// test/digest/topics/agreement.ts`. Needs no captures.
import { hasTopic, LABELS, TOPICS, type Topic } from './labels.ts'

for (const [name, isOf] of [
  ['August 2025 and March 2026', (part: string) => part === 'tuning' || part === 'report'],
  ['other days', (part: string) => part === 'elsewhere'],
  ['further papers of August 2025, strict and then generous', (part: string) => part === 'further'],
  ['the rest of August 2025, strict and then generous', (part: string) => part === 'rest'],
  ['days around March 2026, strict and then generous', (part: string) => part === 'around'],
  ['other days of the months around it, two topics alone', (part: string) => part === 'two topics'],
  ['the rest of March 2026', (part: string) => part === 'rest of March'],
  ['the last check', (part: string) => part === 'last check'],
  ['days of other months', (part: string) => part === 'odd days' || part === 'even days'],
] as const) {
  const labels = LABELS.filter(({ part }) => isOf(part))
  process.stdout.write(`${name}\n`)
  let [agreed, all] = [0, 0]
  for (const topic of TOPICS) {
    const asked = labels.filter((labelled) => labelled.asked?.includes(topic) !== false)
    if (asked.length > 0) agreed += print(asked, topic)
    all += asked.length
  }
  process.stdout.write(`all: ${percent(agreed / all)} of ${all} pairs; the other ${all - agreed} count for nothing\n`)
}

/** Returns on how many papers the passes agree. */
function print(labels: typeof LABELS, topic: Topic): number {
  const count = (is: (labelled: (typeof LABELS)[number]) => boolean) => labels.filter(is).length
  const both = count((labelled) => hasTopic(labelled, topic) === true)
  const neither = count((labelled) => hasTopic(labelled, topic) === false)
  const first = count((labelled) => labelled.first.includes(topic))
  const second = count((labelled) => labelled.second.includes(topic))
  const papers = labels.length
  const observed = (both + neither) / papers
  const expected = (first * second + (papers - first) * (papers - second)) / papers ** 2
  const kappa = expected === 1 ? 1 : (observed - expected) / (1 - expected)
  const split = `both ${both}, only the first ${first - both}, only the second ${second - both}, neither ${neither}`
  process.stdout.write(`${topic}: ${percent(observed)} of ${papers} papers, kappa ${kappa.toFixed(2)} (${split})\n`)
  return both + neither
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}
