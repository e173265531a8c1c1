// What braces are left after reading: those of sets and placeholders stay, those that only held
// LaTeX together go, and so does whatever has no partner.

/** Longer than any set or placeholder that people write out. */
const KEPT_MAX = 120
/** Four words in a row: a sentence's, not a set's. */
const SENTENCE = /(?:\p{L}{2,}[^\p{L}\p{N},;|]* ){3}\p{L}{2,}/u

/** Drops braces that say nothing. Linear: no pair is looked into that is longer than a set. */
export function balanceBraces(text: string): string {
  if (!/[{}]/.test(text)) return text
  const dropped = new Set<number>()
  const open: number[] = []
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '{') open.push(at)
    if (text[at] !== '}') continue
    const start = open.pop()
    if (start !== undefined && speaks(text, start, at)) continue
    dropped.add(at)
    if (start !== undefined) dropped.add(start)
  }
  for (const at of open) dropped.add(at)
  if (dropped.size === 0) return text
  let out = ''
  let end = 0
  for (const at of [...dropped].sort((a, b) => a - b)) {
    out += text.slice(end, at)
    end = at + 1
  }
  return out + text.slice(end)
}

/** Tells whether a pair of braces is the text's own: {True, False}, {x | x > 0}, {placeholder}. */
function speaks(text: string, start: number, end: number): boolean {
  if (end - start > KEPT_MAX) return false
  const given = text.slice(start + 1, end)
  if (given.includes('://')) return false
  if (/[^\s,]\s*[,;:|∣…]\s*[^\s,]/u.test(given)) return !SENTENCE.test(given)
  const free = !/[\p{L}\p{N}\p{M})\]]/u.test(text[start - 1] ?? '') && !/[\p{L}\p{N}_^]/u.test(text[end + 1] ?? '')
  return free && /^(?:[\p{Ll}_][\p{Ll}\p{N}_ ]{0,30}|\p{L}|\d|)$|[{}]/u.test(given)
}
