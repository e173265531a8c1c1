// Times choosing: microseconds of processor a personal selection of a day of 60 papers, and
// milliseconds of a look back at 30 editions. `npx tsx test/bench/selecting.ts [--readers 5000]
// [--database postgres://…/EMPTY]`; without a database the look back is left out.
import { parseArgs } from 'node:util'
import { indexPlaces } from '../../src/digest/choosing/place-index.ts'
import { NO_HISTORY, selectPapers } from '../../src/digest/choosing/selection.ts'
import { lookBack } from '../../src/digest/look-back.ts'
import { TOPIC_GROUPS } from '../../src/digest/topics/groups.ts'
import { readTopics } from '../../src/digest/topics/topics.ts'
import { shiftDate } from '../../src/edition/edition.ts'
import type { Place } from '../../src/edition/place.ts'
import { type Choices, parseChoices } from '../../src/subscriber/preferences.ts'
import { freezeEdition, inventPlaces, openTestRound } from '../support/round.ts'

const { values } = parseArgs({
  options: { readers: { type: 'string', default: '5000' }, database: { type: 'string' } },
})
const readers = Number(values.readers)
const PAPERS = 60
const NAMES = TOPIC_GROUPS.flat()
const print = (line: string) => process.stdout.write(`${line}\n`)

const places = writtenPlaces('2026-03-05')
const topics = readTopics()
const known = Array.from({ length: readers }, (_, index) => choicesOf(index, (at) => NAMES[at % NAMES.length] ?? ''))
const own = Array.from({ length: readers }, (_, index) =>
  choicesOf(index, (at) => `${NAMES[at % NAMES.length]} number ${at}`),
)
const single = [parseChoices({ include: ['diffusion'] })]
print(`index of ${PAPERS} papers and one selection: ${measure(single, 1).toFixed(0)} µs, once an edition`)
print(`default choices: ${measure(Array.from({ length: readers }, () => parseChoices({}))).toFixed(1)} µs a selection`)
print(`topics, mutes and authors that many share: ${measure(known).toFixed(1)} µs a selection`)
print(`nobody else's words: ${measure(own).toFixed(1)} µs a selection`)

if (values.database) {
  const round = await openTestRound(values.database)
  try {
    for (let day = 0; day < 30; day++) {
      const date = shiftDate('2026-02-01', day)
      await freezeEdition(round, date, { places: writtenPlaces(date) })
    }
    for (const [say, choices] of [
      ['first', known[0]],
      ['again', known[0]],
      ['other choices', known[1]],
    ] as const) {
      const start = performance.now()
      await lookBack(round.db, choices as Choices, { kind: 'daily' })
      print(`look back at 30 editions, ${say}: ${(performance.now() - start).toFixed(0)} ms`)
    }
  } finally {
    await round.close()
  }
}

function measure(choices: readonly Choices[], warmUp = 2): number {
  let micros = 0
  // The first rounds are the compiler's.
  for (let round = 0; round < warmUp; round++) {
    const index = indexPlaces(places, topics)
    const start = process.cpuUsage()
    for (const each of choices) selectPapers(index, each, NO_HISTORY)
    micros = process.cpuUsage(start).user / choices.length
  }
  return micros
}

/** Three topics, a mute, an author: more than most will write. */
function choicesOf(index: number, phrase: (at: number) => string): Choices {
  return parseChoices({
    include: [phrase(index), phrase(index * 7 + 1), phrase(index * 13 + 2)],
    mute: [phrase(index * 5 + 3)],
    authors: [`Author ${index % 500}`],
    papers: 1 + (index % 25),
    minimumVotes: index % 40,
    includeMeans: index % 3 === 0 ? 'only' : 'first',
  })
}

/** Places with abstracts as long as real ones, made of topics and common words. */
function writtenPlaces(date: string): Place[] {
  const words = 'we show that this method is better than others on several tasks and costs less while it'.split(' ')
  return inventPlaces(date, PAPERS).map((place, index) => {
    const text = (length: number, shift: number) =>
      Array.from({ length }, (_, at) =>
        (at + index) % 9 === 0
          ? NAMES[(at * 31 + index * 17 + shift) % NAMES.length]
          : words[(at * 7 + index) % words.length],
      ).join(' ')
    return {
      ...place,
      paper: {
        ...place.paper,
        title: text(9, 3),
        abstract: text(200, 5),
        keywords: [text(2, 0), text(2, 11), text(1, 8)],
        authors: Array.from({ length: 12 }, (_, at) => `Some Author ${index * 12 + at}`),
      },
    }
  })
}
