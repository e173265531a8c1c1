// What authors call their own work in macros that stay behind: \ours, \ourmethod, \method.

const OWN =
  /^(?:[oO]ur_?)?([mM]ethod|[mM]odel|[dD]ata[sS]et|[bB]enchmark|[fF]ramework|[aA]pproach|[sS]ystem|[aA]lgorithm)(?:[nN]ame)?$/
/** The same in words, before \ours and behind it: a model \ours; a model, \ours; \ours model. */
const NOUNS = 'method|model|dataset|benchmark|framework|approach|system|algorithm'
const NOUN_BEFORE = new RegExp(`\\b(${NOUNS})(,? | \\()$`, 'i')
const NOUN_AFTER = new RegExp(`^ (?:${NOUNS})s?\\b`, 'i')

/**
 * Returns what a macro says between the words before and after it: '' where these have said it
 * already, undefined for other commands. `whole` tells that nothing else stands before the words.
 */
export function ownWork(name: string, before: string, after: string, whole: boolean): string | undefined {
  const begins = before === '' ? whole : /[.?!] $/.test(before)
  const our = begins ? 'Our' : 'our'
  if (/^[oO]urs$/.test(name) && !/^[-_^\d]/.test(after)) return ours(our, before, after.replace(/^\{\}/, ''))
  const noun = OWN.exec(name)?.[1]?.toLowerCase()
  if (noun === undefined) return undefined
  return /\b(?:our|the|this|a|an|each|any|its)(?: \p{L}+)? $/iu.test(before) ? noun : `${our} ${noun}`
}

/**
 * "our model \ours" has said it already, and so will "\ours framework"; "a model, \ours, is" tells
 * what it is.
 */
function ours(our: string, before: string, after: string): string {
  const [, named = '', sign] = NOUN_BEFORE.exec(before) ?? []
  if (sign === ' ' || /\bour \p{L}+ $/iu.test(before)) return ''
  const isNamed = (sign === ', ' && after.startsWith(',')) || (sign === ' (' && after.startsWith(')'))
  const noun = isNamed ? named.toLowerCase() : 'method'
  const spoken = NOUN_AFTER.test(after) ? '' : noun
  if (/\b(?:our|the|this|a|an|each|any|its)(?: (?:proposed|novel|new|full|final))? $/i.test(before)) return spoken
  return `${our} ${spoken}`.trimEnd()
}
