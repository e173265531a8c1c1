// Measures joining: microseconds and bytes a mail, ten papers, in both encodings. `npx tsx
// test/bench/joining.ts`
import { hrtime, stdout } from 'node:process'
import { joinDigest, type MailEncoding, preparePieces, recipeOf } from '../../src/digest/joining/joining.ts'
import { loadTemplates, renderEdition } from '../../src/digest/rendering.ts'
import { HOST, place, SLOTS } from '../digest/golden/places.ts'

const MAILS = 20_000
const WORDS = 'an invented sentence that stands for what a paper says of itself and of its results'.split(' ')

const places = Array.from({ length: 25 }, (_, index) => place(index + 1, invented(index)))
const papers = places.slice(0, 10).map(({ position }) => position)
const selection = { papers, reasons: papers.map(() => 0) }

/** Selections of people who chose topics of their own. */
const remarked = Array.from({ length: 200 }, (_, reader) => ({
  ...selection,
  remarks: papers.map((position) => `matches topic ${reader + position} in its title`),
}))

let start = hrtime.bigint()
const templates = await loadTemplates()
print(`templates: ${microseconds(start, 1).toFixed(0)} µs, once a process`)
for (const length of ['titles', 'short', 'full'] as const) {
  start = hrtime.bigint()
  const sheet = { date: '2026-03-05', kind: 'daily', incomplete: false, places } as const
  const pieces = await renderEdition(sheet, length, HOST, templates)
  print(`${length}: ${places.length} papers to ${pieces.length} pieces in ${microseconds(start, 1).toFixed(0)} µs`)
  for (const encoding of ['utf8', 'quoted-printable'] as const) measure(encoding, pieces)
}

function measure(encoding: MailEncoding, pieces: Parameters<typeof preparePieces>[0]): void {
  const prepared = preparePieces(pieces, encoding)
  // Written into one buffer, as a provider does: a joined string costs its bytes only when they are
  // read.
  const slab = Buffer.alloc(1 << 20)
  let bytes = 0
  for (let round = 0; round < 2; round++) {
    start = hrtime.bigint()
    bytes = 0
    for (let mail = 0; mail < MAILS; mail++) {
      const { html, text } = joinDigest(prepared, selection, SLOTS)
      bytes += slab.write(html, 0) + slab.write(text, 0)
    }
  }
  const joining = microseconds(start, MAILS)
  start = hrtime.bigint()
  for (let mail = 0; mail < MAILS; mail++) joinDigest(prepared, selection, SLOTS)
  const alone = microseconds(start, MAILS)
  start = hrtime.bigint()
  // An object of its own is a selection of its own: nothing of it was put together before.
  for (let mail = 0; mail < MAILS; mail++) joinDigest(prepared, { ...selection }, SLOTS)
  const own = microseconds(start, MAILS)
  start = hrtime.bigint()
  for (let mail = 0; mail < MAILS; mail++)
    joinDigest(prepared, remarked[mail % remarked.length] as typeof selection, SLOTS)
  const shared = microseconds(start, MAILS)
  start = hrtime.bigint()
  for (let mail = 0; mail < MAILS; mail++)
    joinDigest(prepared, { ...(remarked[mail % remarked.length] as typeof selection) }, SLOTS)
  const personal = microseconds(start, MAILS)
  start = hrtime.bigint()
  for (let mail = 0; mail < MAILS; mail++) recipeOf(prepared, selection)
  const recipe = microseconds(start, MAILS)
  print(
    `  ${encoding}: joined ${alone.toFixed(1)} µs (${own.toFixed(1)} µs for a selection of its own), with remarks ${shared.toFixed(1)} µs (${personal.toFixed(1)} µs), joined and written ${joining.toFixed(1)} µs, ` +
      `${Math.round(bytes / MAILS)} bytes a mail; recipe ${recipe.toFixed(1)} µs a selection`,
  )
}

function invented(index: number) {
  const sentence = (words: number) =>
    Array.from({ length: words }, (_, at) => WORDS[(index + at) % WORDS.length]).join(' ')
  return {
    title: `Invention ${index}: ${sentence(9)}`,
    summary: `${sentence(30)}.`,
    abstract: `${sentence(220)}.`,
    codeUrl: 'https://github.com/example/invention',
    codeStars: 120 * index,
    projectUrl: 'https://invention.example.org/',
    organization: 'Sample Institute',
  }
}

function microseconds(from: bigint, times: number): number {
  return Number(hrtime.bigint() - from) / 1000 / times
}

function print(line: string): void {
  stdout.write(`${line}\n`)
}
