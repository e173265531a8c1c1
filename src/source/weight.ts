// How much a text of JSON holds, looked at before it is parsed: sixteen megabytes of nothing but
// brackets and commas would take seconds and half a gigabyte to become objects.

/** A hundred papers with three thousand authors each are 300,000 objects; a usual day is 800. */
const OBJECTS_MAX = 400_000
/** Each after a comma; of an author there are up to six, of a usual day 4,000 in all. */
const VALUES_MAX = 2_000_000
/** A list of papers is five deep. */
const DEPTH_MAX = 64

const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c]
const OPENING = [0x5b, 0x7b]
const CLOSING = [0x5d, 0x7d]

/** Says why a text is not worth parsing; undefined for any that could be a list of papers. */
export function refuseWeight(json: string): string | undefined {
  let objects = 0
  let values = 0
  let depth = 0
  let isInString = false
  for (let at = 0; at < json.length; at++) {
    const code = json.charCodeAt(at)
    if (code === QUOTE) isInString = !isInString
    else if (isInString) {
      if (code === BACKSLASH) at++
    } else if (OPENING.includes(code)) {
      objects += 1
      depth += 1
      if (depth > DEPTH_MAX) return `The answer nests more than ${DEPTH_MAX} deep`
      if (objects > OBJECTS_MAX) return `The answer holds more than ${OBJECTS_MAX} lists and objects`
    } else if (CLOSING.includes(code)) depth -= 1
    else if (code === COMMA) {
      values += 1
      if (values > VALUES_MAX) return `The answer holds more than ${VALUES_MAX} values`
    }
  }
  return undefined
}
