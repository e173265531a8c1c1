// Who wrote a paper, in a line.
import { isolated } from './text/direction.ts'
import { cleanText } from './text/text.ts'
import { grouped, UNBREAKABLE } from './text/words.ts'

/** More names than these say less about a paper than their number does. */
export const AUTHORS_SHOWN = 3

/** Returns the first of cleaned names (three unless told) and how many follow, '' for none. */
export function authorLine(names: readonly string[], most = AUTHORS_SHOWN): string {
  const more = names.length - most
  const shown = inLine(names.slice(0, most))
  return more > 0 ? `${shown}${UNBREAKABLE}+${UNBREAKABLE}${grouped(more)}` : shown
}

/** Returns the first names, cleaned, where how many there are stands beside them. */
export function firstAuthors(authors: readonly string[], most = AUTHORS_SHOWN): string {
  const shown = inLine(authors.slice(0, most).map(cleanText))
  return authors.length > most ? `${shown} et al.` : shown
}

function inLine(names: readonly string[]): string {
  return names.map(isolated).join(', ')
}
