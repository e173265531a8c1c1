// Shows one colour scheme of a mail whatever the browser prefers. For the preview only: no mail
// leaves like this.

export type Scheme = 'light' | 'dark'

// Features rather than `all` and `not all`, which could not stand within a longer query.
const ALWAYS = '(min-width: 0)'
const NEVER = '(max-width: 0)'

/**
 * Returns the HTML with every question for the reader's colour scheme answered: in style sheets, in
 * media attributes and where the mail declares which schemes it knows. What a mail prints is never
 * touched: escaped text holds no tags.
 */
export function forceScheme(html: string, scheme: Scheme): string {
  return html
    .replace(/<style\b[^>]*>.*?<\/style>/gis, (sheet) => answerQueries(declare(sheet, scheme), scheme))
    .replace(/<(?:meta|link|source)\b[^>]*>/gi, (tag) => answerQueries(declareMeta(tag, scheme), scheme))
}

function answerQueries(text: string, scheme: Scheme): string {
  return text.replace(/\(\s*prefers-color-scheme\s*:\s*(light|dark)\s*\)/gi, (_, asked: string) =>
    asked.toLowerCase() === scheme ? ALWAYS : NEVER,
  )
}

/**
 * `color-scheme: light dark` decides canvas, scroll bars and system colours; the query is no
 * declaration.
 */
function declare(sheet: string, scheme: Scheme): string {
  return sheet.replace(/(?<![\w-])((?:supported-)?color-schemes?\s*:\s*)(?:light dark|dark light)\b/gi, `$1${scheme}`)
}

function declareMeta(tag: string, scheme: Scheme): string {
  return /\bname="(?:supported-)?color-schemes?"/i.test(tag)
    ? tag.replace(/\bcontent="[^"]*"/i, `content="${scheme}"`)
    : tag
}
