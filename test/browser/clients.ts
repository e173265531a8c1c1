// What mail programs make of a mail's HTML before they show it. Each takes the HTML that leaves and
// returns what is left of it there.
import { rawData } from 'caniemail'
import { load } from 'cheerio'

/** Outlook on Windows, whose engine is Word's, as caniemail tells of its newest version. */
const IGNORED_BY_WORD = new Set(
  rawData.data
    .filter(({ category }) => category === 'css')
    .filter(({ stats }) => String(Object.values(stats.outlook?.windows ?? {}).at(-1)).startsWith('n'))
    .map(({ title }) => title.replace(/ property$/, ''))
    .filter((title) => /^[a-z-]+$/.test(title)),
)
/** What it knows of some elements only, and which. */
const WORD_KNOWS_OF: Record<string, RegExp> = {
  padding: /^(?:td|th)$/,
  'max-width': /^table$/,
  margin: /^(?!span$|body$)/,
  height: /^(?!body$|span$|div$|p$)/,
}
const FOR_OTHERS = /<!--\[if !mso\]><!-->.*?<!--<!\[endif\]-->/gs
const FOR_WORD = /<!--\[if [^\]!]*\bmso\b[^\]]*\]>(.*?)<!\[endif\]-->/gs

/** Gmail for accounts of elsewhere, and many apps: without style sheets, classes and ids. */
export function withoutStyles(html: string): string {
  const $ = load(html)
  $('style').remove()
  $('[class]').removeAttr('class')
  $('[id]').removeAttr('id')
  return $.html()
}

/** Outlook on Windows: its comments are read, and what its engine does not know is ignored. */
export function asWord(html: string): string {
  const $ = load(html.replace(FOR_OTHERS, '').replace(FOR_WORD, '$1'))
  $('noscript, xml').remove()
  $('style').each((_, sheet) => {
    const rules = withoutQueries($(sheet).text()).replace(
      /\{([^{}]*)\}/g,
      (_, declared) => `{${keep(declared, isKnownToWord('td'))}}`,
    )
    $(sheet).text(rules)
  })
  $('[style]').each((_, element) => {
    $(element).attr('style', keep($(element).attr('style') ?? '', isKnownToWord(element.tagName)))
  })
  return $.html()
}

/**
 * A program that darkens whatever mail it shows: it asks for no scheme and heeds none that the mail
 * declares. How it darkens is up to the browser.
 */
export function withoutScheme(html: string): string {
  const $ = load(html)
  $('meta[name$="color-scheme"], meta[name="supported-color-schemes"]').remove()
  $('style').each((_, sheet) => {
    const schemes = /@media \(prefers-color-scheme:dark\)\{(?:[^{}]*\{[^{}]*\})*\}|:root\{[^}]*\}/g
    $(sheet).text($(sheet).text().replace(schemes, ''))
  })
  return $.html()
}

function withoutQueries(css: string): string {
  return css.replace(/@media[^{]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}/g, '')
}

function keep(declared: string, isKnown: (property: string) => boolean): string {
  return declared
    .split(';')
    .filter((each) => isKnown(each.slice(0, each.indexOf(':')).trim().toLowerCase()))
    .join(';')
}

function isKnownToWord(tag: string): (property: string) => boolean {
  return (property) => {
    const [whole = ''] = property.split(/-(?:top|right|bottom|left)$/)
    return !IGNORED_BY_WORD.has(property) && (WORD_KNOWS_OF[whole]?.test(tag) ?? true)
  }
}
