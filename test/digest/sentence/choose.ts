// Chooses the abstracts on which the one sentence is judged, by a fixed seed: the same choice on
// every machine that has the captures. `npx tsx test/digest/sentence/choose.ts`
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { type CapturedAbstract, capturedAbstracts } from '../../support/captured-abstracts.ts'

const SEED = 'the one sentence'
const CHOSEN_A_MONTH = 75

const chosen = [
  { part: 'tuning', month: '2025-08' },
  { part: 'report', month: '2026-03' },
].flatMap(({ part, month }) =>
  capturedAbstracts(month)
    .sort(bySummaryThenSeed)
    .slice(0, CHOSEN_A_MONTH)
    .map(({ id, sha256, sentences, summary }) => ({
      part,
      id,
      sha256,
      sentences: sentences.length,
      summarised: summary !== '',
    })),
)
writeFileSync(new URL('chosen.json', import.meta.url), `${JSON.stringify(chosen, null, 2)}\n`)

/**
 * Those without a summary of the source come first. There are too few of them: the others are taken
 * as if theirs were missing.
 */
function bySummaryThenSeed(a: CapturedAbstract, b: CapturedAbstract): number {
  return Number(a.summary !== '') - Number(b.summary !== '') || (seeded(a.id) < seeded(b.id) ? -1 : 1)
}

function seeded(id: string): string {
  return createHash('sha256').update(`${SEED}:${id}`).digest('hex')
}
