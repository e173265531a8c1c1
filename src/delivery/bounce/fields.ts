// The groups of fields that machines write into reports: RFC 3464 has one of the message and one a
// recipient, RFC 5965 one alone. Pure.

/** One group. Names in lower case; a field that comes again is there again. */
export type Fields = { name: string; value: string }[]

const GROUPS_MAX = 50
const FIELDS_MAX = 100

/** Reads groups, separated by empty lines. What is no field is passed over. */
export function readFields(text: string): Fields[] {
  const unfolded = text.replace(/\r\n?/g, '\n').replace(/\n[ \t]+(?=\S)/g, ' ')
  return unfolded
    .split(/\n[ \t]*\n/, GROUPS_MAX)
    .map((group) =>
      group.split('\n', FIELDS_MAX).flatMap((line) => {
        const at = line.indexOf(':')
        const name = line.slice(0, at).trim().toLowerCase()
        return at > 0 && /^[!-~]+$/.test(name) ? [{ name, value: line.slice(at + 1).trim() }] : []
      }),
    )
    .filter((group) => group.length > 0)
}

/** Returns the first value of a field, undefined without one. */
export function fieldOf(fields: Fields, name: string): string | undefined {
  return fields.find((field) => field.name === name)?.value
}

/**
 * An address begins where what cannot be of one ends: looked for from there alone, an endless word
 * without an @ is read once.
 */
const ADDRESS = /(?<![^\s<>;,:"()])[^\s<>;,:"()]+@[^\s<>;,:"()]+/

/** Returns the address in `rfc822; <ada@example.org>` or plainer spellings of it. */
export function addressIn(value: string | undefined): string | undefined {
  return ADDRESS.exec(value ?? '')?.[0]
}
