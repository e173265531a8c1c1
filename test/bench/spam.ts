// Scores mails of captured days with SpamAssassin, without any look at the network. `npx tsx
// test/bench/spam.ts [days]`: a table of every length and kind with the rules that scored. Exits
// with 1 when a mail scores above what we allow, apart from what its papers' own sentences bring
// along.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { argv, exit, stdout } from 'node:process'
import { composeMessage } from '../../src/delivery/provider/message.ts'
import { loadTemplates } from '../../src/digest/rendering.ts'
import { PLACES } from '../digest/golden/places.ts'
import { capturedDays } from '../support/captured-days.ts'
import { LENGTHS, mailsOf, piecesOf } from '../support/captured-mails.ts'
import { hasSpamAssassin, pointsOfTheSource, SCORE_MAX, type Score, scoreMessages } from '../support/spamassassin.ts'

const DAYS = 8
const PAPERS = 10

if (!hasSpamAssassin()) {
  stdout.write('SpamAssassin is not installed: apt-get install --no-install-recommends spamassassin\n')
  exit(2)
}
const folder = mkdtempSync(join(tmpdir(), 'spam-'))
try {
  const scores = await scoreDays(Number(argv[2] ?? DAYS))
  print(scores)
  if (scores.some(({ points, rules }) => points - pointsOfTheSource(rules) > SCORE_MAX)) exit(1)
} finally {
  rmSync(folder, { recursive: true, force: true })
}

/**
 * Spreads the days over the captures, and adds the golden day, whose titles are meant to be
 * difficult.
 */
async function scoreDays(most: number): Promise<Score[]> {
  const templates = await loadTemplates()
  const days = capturedDays()
  const some = days.filter((_day, index) => index % Math.ceil(days.length / most) === 0)
  const files: string[] = []
  for (const day of [{ name: 'golden', date: '2026-03-05', places: PLACES }, ...some]) {
    for (const [length, kind] of [...LENGTHS.map((each) => [each, 'daily'] as const), ['short', 'weekly'] as const]) {
      const pieces = await piecesOf(day, length, templates, kind)
      const mail = mailsOf(day, pieces, PAPERS)['quoted-printable']
      const file = join(folder, `${day.name.replace(/\W+/g, '-')} ${kind} ${length}.eml`)
      writeFileSync(file, composeMessage(mail))
      files.push(file)
    }
  }
  return scoreMessages(files)
}

function print(scores: readonly Score[]): void {
  for (const { file, points, rules } of scores) {
    const scoring = rules.filter((rule) => rule.points !== 0).map((rule) => `${rule.name} ${rule.points}`)
    stdout.write(`${points.toFixed(1).padStart(5)}  ${file.replace('.eml', '').padEnd(56)} ${scoring.join(', ')}\n`)
  }
  const own = scores.map(({ points, rules }) => points - pointsOfTheSource(rules))
  const all = scores.map(({ points }) => points).toSorted((a, b) => a - b)
  stdout.write(
    `${all.length} mails: median ${all[all.length >> 1]}, highest ${all.at(-1)}; without what the papers' own words score, highest ${Math.max(...own)} of at most ${SCORE_MAX}\n`,
  )
}
