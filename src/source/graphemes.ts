// Text as the characters that people see. Intl.Segmenter takes ever longer a character the longer
// the text is: it is given a piece at a time.

/** Made when it is needed, which it never is in most processes: all of them would start later. */
let segmenter: Intl.Segmenter | undefined
/** Code units looked at together. */
const PIECE = 400
/**
 * One character a code unit, as long as none of another kind is among them: Latin, Greek, Cyrillic,
 * the signs of running text, ideographs, kana, Korean syllables and their full stops. A segmenter
 * takes a microsecond for each.
 */
const SINGLE =
  /^[\t\n -~\u00a0-\u02ff\u0370-\u0482\u048a-\u052f\u1e00-\u1fff\u2010-\u2027\u2030-\u205e\u2070-\u20cf\u2190-\u22ff\u3000-\u3029\u3041-\u3096\u30a1-\u30fa\u30fc-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uff01-\uff60]*$/

/** Yields the graphemes of a text in order. Linear in its length. */
export function* graphemesOf(text: string): Generator<string, undefined> {
  let start = 0
  let size = PIECE
  while (start < text.length) {
    // Never between two surrogates: half a character would stand apart from what it joins.
    const end = start + size
    const piece = text.slice(start, /[\ud800-\udbff]/.test(text[end - 1] ?? '') ? end + 1 : end)
    const isLast = start + piece.length === text.length
    const parts = SINGLE.test(piece) ? piece.split('') : segment(piece)
    // What stands last may go on in the next piece; alone it needs a longer one.
    const open = isLast ? '' : (parts.pop() ?? '')
    yield* parts
    start += piece.length - open.length
    size = parts.length === 0 ? size * 2 : PIECE
  }
  return undefined
}

function segment(piece: string): string[] {
  segmenter ??= new Intl.Segmenter('en', { granularity: 'grapheme' })
  return Array.from(segmenter.segment(piece), (each) => each.segment)
}
