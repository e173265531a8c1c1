// A directory of `YYYY-MM-DD.json` files in the API's own shape as a source. It never reads outside
// that directory, and its name does not tell where the directory is.
import { statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { UsageError } from '../errors.ts'
import { DEFAULT_PAGE, LARGEST_PAGE, parseDailyPapers } from './daily-papers-answer.ts'
import type { Answer, EditionDate, Source } from './paper.ts'

/**
 * Opens `directory` as the source named `file`. Throws a UsageError when there is no such
 * directory.
 */
export function openDailyPapersFiles(directory: string): Source {
  if (!isDirectory(directory)) {
    throw new UsageError(`there is no directory ${directory}, which the source file:${directory} names`)
  }
  return {
    name: 'file',
    async read(date, signal) {
      const answer = await readDailyPapersFile(join(directory, `${date}.json`), date, signal)
      // A disk that was taken away is no day without papers.
      if (answer.kind !== 'missing' || isDirectory(directory)) return answer
      return { kind: 'refused', reason: 'the directory of the source is gone' }
    },
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}

/** Reads one file as the answer for `date`; a file that is not there is `missing`. */
export async function readDailyPapersFile(path: string, date: EditionDate, signal?: AbortSignal): Promise<Answer> {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(date)) throw new UsageError(`${date} is not a date YYYY-MM-DD`)
  let body: string
  try {
    body = await readFile(path, { encoding: 'utf8', ...(signal && { signal }) })
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return { kind: 'missing' }
    throw error
  }
  const page = parseDailyPapers(body, date)
  // A file has no next page to look at: one that is exactly a page long was probably cut when it
  // was saved.
  return page.kind === 'refused' ? page : { ...page, ended: ![DEFAULT_PAGE, LARGEST_PAGE].includes(page.length) }
}
