// What is wrong with a template, for its author: the sentence, and the lines of the file around the
// place.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describeError } from '../../errors.ts'

export interface Problem {
  sentence: string
  /** `digest.mjml line 12`; '' when the sentence names no line. */
  place: string
  lines: { number: number; text: string; marked: boolean }[]
}

/** Lines shown above and below the one that is wrong. */
const AROUND = 3

/** Returns one problem a line of the error, or one with the error's causes. */
export async function describeProblems(error: unknown, directories: readonly string[]): Promise<Problem[]> {
  const isList = error instanceof Error && error.cause === undefined && error.message !== ''
  const sentences = isList ? error.message.split('\n') : [describeError(error)]
  return Promise.all(sentences.map((sentence) => problemOf(sentence, directories)))
}

async function problemOf(sentence: string, directories: readonly string[]): Promise<Problem> {
  const nothing = { sentence, place: '', lines: [] }
  // A plain name only: what an error says must not lead to other files.
  const file = /^(?:the template )?([\w-]+\.(?:mjml|txt|json|css))\b/.exec(sentence)?.[1]
  const source = file === undefined ? undefined : await readFirst(directories, file)
  if (file === undefined || source === undefined) return nothing
  const all = source.split('\n')
  const number = lineIn(sentence, source)
  if (number === undefined || number < 1 || number > all.length) return nothing
  const first = Math.max(1, number - AROUND)
  const lines = all.slice(first - 1, number + AROUND).map((text, index) => {
    return { number: first + index, text, marked: first + index === number }
  })
  return { sentence, place: `${file} line ${number}`, lines }
}

async function readFirst(directories: readonly string[], file: string): Promise<string | undefined> {
  for (const directory of directories) {
    const source = await readFile(join(directory, file), 'utf8').catch(() => undefined)
    if (source !== undefined) return source
  }
  return undefined
}

/** Most name a line; JSON.parse names a position, and a value that is not there is named itself. */
function lineIn(sentence: string, source: string): number | undefined {
  const line = /\bline (\d+)/.exec(sentence)?.[1]
  if (line !== undefined) return Number(line)
  const missing = /"(\w+)" not defined/.exec(sentence)?.[1]
  const position =
    missing === undefined
      ? /\bposition (\d+)/.exec(sentence)?.[1]
      : new RegExp(`\\{\\{[^{}]*\\b${missing}\\b`).exec(source)?.index
  return position === undefined ? undefined : source.slice(0, Number(position)).split('\n').length
}
