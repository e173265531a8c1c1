// What LaTeX writes with ASCII signs: quotes, dashes, spaces that do not break. Commands on a
// command line keep theirs.

/**
 * A sign without which the rule has nothing to do, what it finds, and what stands there instead.
 */
type Rule = readonly [sign: string, found: RegExp, instead: string]

const RULES: readonly Rule[] = [
  ["'", /(?:``|(?<![\p{L}\p{N}'])'')(?=\S)([^`]{1,300}?)(?:''|")/gu, '“$1”'],
  // Opened with the other sign, or closed with the opening one.
  ["''", /(?<![\p{L}\p{N}\p{P}])"(?=[^\s"])([^"`']{1,300}?)(?<=[^\s\d])''(?!')/gu, '“$1”'],
  ['``', /(?:``|“)(?=[^\s`])([^`'"“”]{1,300}?)(?<=[^\s`])``(?![`\p{L}\p{N}])/gu, '“$1”'],
  ['``', /``(?=[^\s`])/g, '“'],
  ["''", /(?<=[^\s\d'])''(?!')/g, '”'],
  ['`', /(?<![\p{L}\p{N}`])`([^`'\s](?:[^`']{0,80}[^`'\s])?)'(?![\p{L}'])/gu, '‘$1’'],
  // The wrong one before a genitive's s, and no end of code.
  ['`', /`(?<=\p{L}`)(?<!`[^`]{0,80}`)(?=s(?![\p{L}\p{N}`]))/gu, '’'],
  ['---', /(?<=[^\s-]|^| )---(?=[^\s-]|$| )/g, '—'],
  ['--', /(?<= )--(?= |$)|(?<=[\p{L}\p{N})\]’”"%.,×])--(?=[\p{L}\p{N}(["“‘ ∞∼≈°])/gu, '–'],
  ['~', /(?<=[\p{L}\p{N})\].,])~(?=[\p{L}\p{N}(])(?<!\d~(?=\d))/gu, ' '],
  ['∼ ', /∼ (?=\d)/g, '∼'],
]

/** Returns text with the quotes, dashes and spaces that its signs stand for. */
export function setType(text: string): string {
  let out = text
  for (const [sign, found, instead] of RULES) if (out.includes(sign)) out = out.replace(found, instead)
  return out
}
