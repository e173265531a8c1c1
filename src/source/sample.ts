// The sample days that come with the project, as a source: real papers by their facts, with
// summaries of our own. They go through the same parser as everything else.
import { fileURLToPath } from 'node:url'
import { readDailyPapersFile } from './daily-papers-file.ts'
import type { EditionDate, Source } from './paper.ts'

/** The dates of the sample, two consecutive working days, oldest first. */
export const SAMPLE_DATES: readonly [EditionDate, EditionDate] = ['2025-08-07', '2025-08-08']

/**
 * Opens the sample. `later` decides which look at the first date it gives: the one of its own
 * morning with 21 papers, or a later one with 38 and grown votes.
 */
export function openSampleSource({ later }: { later: boolean }): Source {
  const [first] = SAMPLE_DATES
  return {
    name: 'sample',
    read(date, signal) {
      const name = later && date === first ? `${date}-later.json` : `${date}.json`
      return readDailyPapersFile(fileURLToPath(new URL(`sample/${name}`, import.meta.url)), date, signal)
    },
  }
}
