// JSON that a host writes by hand: a mistake is told with its line. Engines name a position, or
// none, each in its own words.
import { PermanentError } from '../../errors.ts'
import { lineOf } from '../text/text.ts'

const SPACE = /\s*/y
const STRING = /"(?:[^"\\\n]|\\.)*"/y
const SCALAR = /"(?:[^"\\\n]|\\.)*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:e[+-]?\d+)?|true|false|null/iy

/** Throws a PermanentError that names file and line of the first mistake. */
export function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    const line = lineOf(text.trimEnd(), findMistake(text))
    throw new PermanentError(
      `${file} line ${line} is not JSON: a comma, quote or bracket is missing or one too many, or a text stands without quotes`,
    )
  }
}

/** Returns where reading comes to its end. */
function findMistake(text: string): number {
  let at = 0
  const take = (form: RegExp): boolean => {
    form.lastIndex = at
    const isThere = form.test(text)
    if (isThere) at = form.lastIndex
    return isThere
  }
  const behindSpace = (form: RegExp) => take(SPACE) && take(form)
  const readValue = (): boolean => {
    if (behindSpace(/\{/y)) return readList(/\}/y, () => behindSpace(STRING) && behindSpace(/:/y) && readValue())
    if (take(/\[/y)) return readList(/\]/y, readValue)
    return take(SCALAR)
  }
  const readList = (end: RegExp, readEntry: () => boolean): boolean => {
    if (behindSpace(end)) return true
    do {
      if (!readEntry()) return false
    } while (behindSpace(/,/y))
    return take(end)
  }
  if (readValue()) take(SPACE)
  return at
}
