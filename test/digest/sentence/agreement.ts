// Prints how far the two passes of labels agree: `npx tsx test/digest/sentence/agreement.ts`. Needs
// no captures.
import { acceptableOf, backgroundOf, CHOSEN, LABELS } from './labels.ts'

type Kind = 'acceptable' | 'background'

for (const kind of ['acceptable', 'background'] as const) print(kind)
const without = LABELS.filter((labelled) => acceptableOf(labelled).size === 0).length
const torn = LABELS.flatMap((labelled) =>
  [...acceptableOf(labelled)].filter((number) => backgroundOf(labelled).has(number)),
)
process.stdout.write(`abstracts without a sentence that both accept: ${without} of ${LABELS.length}\n`)
process.stdout.write(`sentences that are acceptable to both and background to one: ${torn.length}\n`)

function print(kind: Kind): void {
  const { both, first, second, neither } = countsOf(kind)
  const all = both + first + second + neither
  const observed = (both + neither) / all
  const expected = ((both + first) * (both + second) + (second + neither) * (first + neither)) / all ** 2
  const kappa = (observed - expected) / (1 - expected)
  const split = `both ${both}, only the first ${first}, only the second ${second}, neither ${neither}`
  process.stdout.write(
    `${kind}: ${(100 * observed).toFixed(1)} % of ${all} sentences, kappa ${kappa.toFixed(2)} (${split})\n`,
  )
}

function countsOf(kind: Kind) {
  const counts = { both: 0, first: 0, second: 0, neither: 0 }
  for (const { id, ...passes } of LABELS) {
    const sentences = CHOSEN.find((chosen) => chosen.id === id)?.sentences ?? 0
    for (let number = 1; number <= sentences; number++) {
      const first = passes.first[kind].includes(number)
      const second = passes.second[kind].includes(number)
      counts[first && second ? 'both' : first ? 'first' : second ? 'second' : 'neither'] += 1
    }
  }
  return counts
}
