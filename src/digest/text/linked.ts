// Addresses in outside text: whatever is in one is not LaTeX, and what \href and colours leave
// around it says the same address twice, or names it.

/**
 * With its scheme, or with a path and the words of its link behind it. The space of a command in it
 * is LaTeX's.
 */
const ADDRESS =
  /https?:\/\/(?:[^\s{}]|(?<=\\allowbreak) )+|(?<![\w./@-])(?:[\w-]{1,60}\.){1,4}(?:com|org|net|edu|io|ai|co|dev)\/[^\s{}\\]{1,200}(?=\{(?!https?:)[^{}]{1,200}\})/g
/** An address without its scheme that a link's first half ends with, before its second. */
const FIRST_HALF = /(?<![\w./-])\{?([\w-]{1,60}(?:\.[\w-]{1,60}){1,5}(?:\/[^\s{}]{0,200})?)\}?\{$/
/** A footnote with an address, the last of a text perhaps never closed. */
const FOOTNOTE = /\\?\bfootnote ?\{([^{}]{0,400}?)\.?(?:\}|$)/g
/** Of what a link stood in: the end of a formula, and a stop before the sentence's own. */
const LEFT_BEHIND = /^(?:\$(?=[\s.,;:)]|$)|\.\}(?=\.))/
/** Where an address does not stand apart from what is before it: at~https, athttps, page:https. */
const APART = / ?~ ?$|(?<=[A-Za-z][.:]?)$/
/** The longest words that a link is looked for. */
const WORDS_MAX = 400

interface Part {
  /** What is to be read. */
  words: string
  /** What follows them, to be left alone. */
  address: string
}

/** Cuts text before and after its addresses; the braces of links are gone afterwards. */
export function splitAddresses(tex: string): Part[] {
  const text = tex
    .replace(/\\?\burl ?\{([^{}]*)\}/g, '$1')
    .replace(/\\?\bhref ?\{[^{}]*\} ?(?=\{)/g, '\\mbox')
    .replace(FOOTNOTE, bracketed)
  const parts: Part[] = []
  let end = 0
  for (const match of text.matchAll(ADDRESS)) {
    // Inside the words of a link that has been read.
    if (match.index < end) continue
    let words = text.slice(end, match.index)
    let address = plainAddress(match[0])
    end = match.index + match[0].length
    const first = FIRST_HALF.exec(words.slice(-WORDS_MAX))
    if (first) {
      // github.com/x}{https://github.com/x}
      words = words.slice(0, words.length - first[0].length)
      if (!isSame(first[1] as string, address)) address = `${first[1]} (${address})`
      if (text[end] === '}') end += 1
    } else {
      const closed = text.startsWith('}{', end)
      const from = closed ? end + 2 : end + 1
      // A second half that is never closed ends with its word.
      const given =
        groupAt(text, from - 1) ?? (closed ? text.slice(from, from + WORDS_MAX).split(/[\s{}]/, 1)[0] : undefined)
      if (given !== undefined) {
        if (closed && words.endsWith('{')) words = words.slice(0, -1)
        end = from + given.length
        if (text[end] === '}') end += 1
        address = named(address, given)
        end += LEFT_BEHIND.exec(text.slice(end, end + 3))?.[0].length ?? 0
      }
    }
    parts.push({ words: words.replace(APART, ' '), address })
  }
  parts.push({ words: text.slice(end), address: '' })
  return parts
}

/** A footnote's address where it was, in brackets; one without is for the reader behind. */
function bracketed(footnote: string, given: string, at: number, text: string): string {
  if (!given.includes('://')) return footnote
  const end = at + footnote.length
  // Its stop is the sentence's where that has none of its own.
  const stops = /\.\}?$/.test(footnote) && /^(?: \p{Lu}|$)/u.test(text.slice(end, end + 3))
  return ` (${given})${stops ? '.' : ''}`
}

/** Returns what the braces at an offset hold; undefined where there are none, or never closed. */
function groupAt(text: string, at: number): string | undefined {
  if (text[at] !== '{') return undefined
  let depth = 0
  for (let end = at; end < Math.min(text.length, at + WORDS_MAX); end++) {
    if (text[end] === '{') depth += 1
    else if (text[end] === '}' && --depth === 0) return text.slice(at + 1, end)
  }
  return undefined
}

/** An address with the words of its link. */
function named(address: string, given: string): string {
  let words = given.trim()
  // Colours and styles around the words: {blue{this page}}.
  for (let inner = /^\\?[A-Za-z]*\{(.*)\}$/.exec(words); inner; inner = /^\\?[A-Za-z]*\{(.*)\}$/.exec(words)) {
    words = (inner[1] as string).trim()
  }
  words = words.replace(/[{}]/g, '')
  if (words === '' || !isSame(words, address)) return words === '' ? address : `${address} (${words})`
  // The stop that a sentence ends with may be inside.
  return words.endsWith('.') && !address.endsWith('.') ? `${address}.` : address
}

function isSame(one: string, other: string): boolean {
  const bare = (address: string) => address.replace(/^https?:\/\/(?:www\.)?|[/.]+$/g, '').toLowerCase()
  return bare(plainAddress(one)) === bare(other)
}

/** Returns an address without what LaTeX needs to print it. */
function plainAddress(address: string): string {
  return address.replace(/\\(?:allowbreak ?|-)/g, '').replace(/\\(?=[_%#&~])/g, '')
}
