// HTML and Markdown in outside text: what only dresses words goes, what raises and lowers becomes
// LaTeX for the reader behind. Tags that a text talks about (<think>, <s>) stay.

/** Tags that dress what they hold. Never <s>: it is the token that sentences begin with. */
const DRESS = 'i|b|em|strong|u|tt|code|small|span|font|p|div|mark|cite|q|li|ul|ol|center|big|kbd|var|samp'
const DRESSED = new RegExp(`<(${DRESS})(?: [^<>]{0,200})?>([^<]{0,2000})</\\1 ?>`, 'gi')
const LINK = /<a [^<>]{0,200}?href ?= ?["']?([^"'<> ]{1,300})["']?[^<>]{0,100}>([^<]{0,400})<\/a ?>/gi
const SCRIPT = /<(su[bp])>([^<]{0,80})<\/\1 ?>/gi
const BREAK = /<(?:br|hr|p) ?\/?>/gi
const ENTITY = /&(?:(amp|lt|gt|quot|apos|nbsp|ndash|mdash|hellip|times)|#(\d{1,6})|#x([\da-f]{1,5}));/gi
const NAMED: Record<string, string> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
  ndash: '–',
  mdash: '—',
  hellip: '…',
  times: '×',
}
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/u

/** **x**, also inside a word (pre**X**), never a power (2**3). */
const STRONG = /(?<![\\*])\*\*(?=[^\s*])(?!(?<=[\p{L}\p{N})]\*\*)\d)([^*]{1,300}?)(?<=\S)\*\*(?!\*)/gu
/** *x* and _x_ where a word begins and one ends: A* stays, and so does snake_case. */
const LEANING = /(?<![^\s("“‘'[–—-])\*(?=[\p{L}\p{N}"“(])([^*]{1,200}?)(?<=\S)\*(?![^\s.,;:!?)"”’'\]…–—-])/gu
const UNDERLINED = /(?<![^\s("“‘'[–—-])_(?=\p{L})([^_]{1,80}?)(?<=[\p{L}\p{N}])_(?![^\s.,;:!?)"”’'\]…–—-])/gu
const MARKDOWN_LINK = /\[([^[\]]{1,200})\]\(((?:https?:\/\/)?[\w-]{1,60}(?:\.[\w-]{1,60}){1,5}(?:\/[^\s()]{0,300})?)\)/g

/** Returns text without the markup that only dresses it. */
export function readMarkup(text: string): string {
  let out = text
  if (out.includes('&')) out = out.replace(ENTITY, decode)
  if (out.includes('<')) {
    out = out
      .replace(SCRIPT, (_all, tag: string, given: string) => `${/b$/i.test(tag) ? '_' : '^'}{${given}}`)
      .replace(LINK, (_all, address: string, words: string) => linked(words, address))
      .replace(DRESSED, '$2')
      .replace(BREAK, ' ')
  }
  if (out.includes(']('))
    out = out.replace(MARKDOWN_LINK, (_all, words: string, address: string) => linked(words, address))
  if (out.includes('*')) out = out.replace(STRONG, '$1').replace(LEANING, '$1')
  if (out.includes('_')) out = out.replace(UNDERLINED, '$1')
  return out
}

/** A link's words and its address; only one of them where they say the same. */
function linked(words: string, address: string): string {
  const said = words.trim()
  const bare = (text: string) => text.replace(/^https?:\/\//, '')
  return said === '' || bare(said) === bare(address) ? address : `${said} (${address})`
}

function decode(_entity: string, name?: string, decimal?: string, hex?: string): string {
  if (name !== undefined) return NAMED[name.toLowerCase()] ?? ''
  const code = decimal === undefined ? Number.parseInt(hex ?? '', 16) : Number(decimal)
  const character = code <= 0x10ffff ? String.fromCodePoint(code) : ''
  return UNPRINTABLE.test(character) ? '' : character
}
