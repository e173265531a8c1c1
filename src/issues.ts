// What zod finds wrong, as a host reads it: a sentence's end behind the name of what does not hold.
import type * as z from 'zod'

type RawIssue = Parameters<z.core.$ZodErrorMap>[0]

/** What a value should be, by zod's name of its type. */
const KINDS: Record<string, string> = {
  string: 'a text in quotes',
  number: 'a whole number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list in [ ]',
  object: 'names with their values in { }',
}

/** For `safeParse(value, { error: inWords })`: a sentence that a schema names itself stays. */
export function inWords(issue: RawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? 'is missing' : `is not ${KINDS[issue.expected] ?? issue.expected}`
    case 'invalid_value':
      return `is none of ${issue.values.join(', ')}`
    case 'unrecognized_keys':
      return `has no use for ${issue.keys.map((key) => JSON.stringify(key)).join(', ')}`
    case 'too_small':
      if (issue.origin === 'number') return `is less than ${issue.minimum}`
      return issue.minimum === 1 ? 'is empty' : `has fewer than ${issue.minimum} ${partsOf(issue.origin)}`
    case 'too_big':
      if (issue.origin === 'number') return `is more than ${issue.maximum}`
      return `has more than ${issue.maximum} ${partsOf(issue.origin)}`
    default:
      return undefined
  }
}

function partsOf(origin: string): string {
  return origin === 'string' ? 'characters' : 'entries'
}

/**
 * Returns a sentence an issue: the name of the value, as `logo.width` or `groups, entry 2`, and
 * what is wrong with it; `whole` stands where that is everything.
 */
export function sayIssues({ issues }: z.ZodError, whole: string): string[] {
  return issues.map(({ path, message }) => {
    const name = path.map((step) => (typeof step === 'number' ? `, entry ${step + 1}` : `.${String(step)}`)).join('')
    return `${name.slice(1).trimStart() || whole} ${message}`
  })
}
