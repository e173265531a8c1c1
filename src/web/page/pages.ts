// Fills the page templates. Every page stands in the same frame and takes its look from the theme;
// values are always escaped, only a filled page may stand raw in the frame, and no page carries
// script of its own.
import { createHash } from 'node:crypto'
import Handlebars from 'handlebars'
import type { Context } from 'hono'
import { readTemplate } from '../../digest/template/files.ts'
import { checkTemplate } from '../../digest/template/template.ts'
import { readTheme, type Theme } from '../../digest/template/theme.ts'
import { cleanText } from '../../digest/text/text.ts'

/** A page by the name of its template, with the values that the template prints. */
export interface Page<Values> {
  name: string
  /** Never set: it carries the type. */
  values?: Values
}

/** What a page's frame needs to know beside its body. */
interface Frame {
  /** For the tab; the site's name is added. */
  title: string
  /** A room for lists and mails instead of a column for reading. */
  wide?: boolean
  /** Whether it holds the subscribe form, which comes with a script that guesses the time zone. */
  form?: boolean
  /** Whether it asks for a proof, which comes with a script that gives it. */
  challenge?: boolean
  /**
   * Whether it holds the form of choices, which comes with a script that previews them while they
   * are made.
   */
  choices?: boolean
  /** What search engines and those who share a link are told; for pages that anybody may find. */
  about?: {
    /** Where it is found, without the path of PUBLIC_URL. */
    path: string
    /** A sentence or two. */
    description: string
    /** Whether it is about one date. */
    article?: boolean
  }
}

export interface Pages {
  /** Path in front of every link of a page: '' unless PUBLIC_URL has one. */
  base: string
  /** The site's name. */
  name: string
  /** In front of links that are followed from elsewhere; without a slash at its end. */
  publicUrl: string
  stylesheet: string
  /** The script that guesses the time zone of the subscribe form. */
  script: string
  /** The script that previews choices while they are made. */
  previewScript: string
  /** The script that solves a challenge. */
  challengeScript: string
  /** Where stylesheet and scripts are asked for, with their version. */
  assets: readonly string[]
  render<Values extends object>(page: Page<Values>, frame: Frame, values: NoInfer<Values>): string
  /** Fills a page's template alone, without its frame. */
  fill<Values extends object>(page: Page<Values>, values: NoInfer<Values>): string
}

const HASH_CHARACTERS = 12
/** The templates of all pages: those that a start compiles, so that none fails on a reader. */
const defined = new Set<string>()
/** Parts that several pages share, each called by its file's name: `{{> subscribe-form form}}`. */
const PARTIALS: readonly string[] = [
  'site-head',
  'site-foot',
  'subscribe-form',
  'rhythm',
  'zones',
  'look-back',
  'search-form',
  'link-form',
  'votes',
  'byline',
  'abstract',
  'marked',
  'papers',
  'late',
]

/**
 * Those whose values are often the very same object, which nobody changes: each is filled once. The
 * world's time zones are most of a page that holds them.
 */
const FILLED_ONCE: ReadonlySet<string> = new Set(['zones', 'look-back'])

/**
 * Returns the page of `templates/pages/NAME.hbs`. `Values` are ready to be escaped, all of them, as
 * a missing one throws: '' where there is nothing to say, which the template then leaves out.
 */
export function definePage<Values extends object>(name: string): Page<Values> {
  defined.add(name)
  return { name }
}

/**
 * Reads and compiles the templates of all pages, a directory's own ones first. Throws a
 * PermanentError that names the file that cannot be read or prints a value without escaping.
 */
export function openPages(settings: { publicUrl: string; templatesDir?: string | undefined }): Pages {
  const read = (file: string) => readTemplate(file, settings.templatesDir)
  const theme = readTheme(settings.templatesDir)
  const stylesheet = [variables(theme), read('pages/style.css'), read('pages/forms.css')].join('\n')
  const { bodies, frame } = compileAll(new Map(templateFiles().map((file) => [file, read(file)])))
  const name = cleanText(theme.name)
  const publicUrl = settings.publicUrl.replace(/\/+$/, '')
  const base = new URL(publicUrl).pathname.replace(/\/+$/, '')
  const script = read('pages/zone.js')
  const style = versioned(`${base}/style.css`, stylesheet)
  const zoneScript = versioned(`${base}/zone.js`, script)
  const previewScript = read('pages/preferences.js')
  const previewScriptPath = versioned(`${base}/preferences.js`, previewScript)
  const challengeScript = read('pages/challenge.js')
  const challengeScriptPath = versioned(`${base}/challenge.js`, challengeScript)
  const colours = { light: theme.light.page, dark: theme.dark.page }
  const icon = iconOf(theme)
  const fill: Pages['fill'] = (page, values) => bodies.get(page.name)?.({ ...values, name, base }) ?? ''

  return {
    base,
    name,
    publicUrl,
    stylesheet,
    script,
    previewScript,
    challengeScript,
    assets: [style, zoneScript, previewScriptPath, challengeScriptPath],
    fill,
    render(page, { title, wide = false, form = false, choices = false, challenge = false, about }, values) {
      const body = fill(page, values)
      const shared = about && {
        url: publicUrl + about.path,
        title: title || name,
        description: about.description,
        type: about.article ? 'article' : 'website',
      }
      const needed = form ? zoneScript : choices ? previewScriptPath : challenge ? challengeScriptPath : ''
      const own = { page: page.name, title, wide, script: needed, shared: shared ?? null }
      return frame({ ...own, name, base, style, icon, colours, body })
    },
  }
}

type Fill = (values: object) => string

interface Compiled {
  /** By the page's name. */
  bodies: ReadonlyMap<string, Fill>
  frame: Fill
}

const FRAME = fileOf('frame')
let last: (Compiled & { sources: string }) | undefined

function fileOf(name: string): string {
  return `pages/${name}.hbs`
}

function templateFiles(): string[] {
  return [...[...PARTIALS, ...defined].map(fileOf), FRAME]
}

/**
 * Compiles the sources of all templates, by file. The last ones are kept: an app that is made anew
 * of the same, as while a mail is worked on, takes no time.
 */
function compileAll(sources: ReadonlyMap<string, string>): Compiled {
  const key = JSON.stringify([...sources])
  if (last?.sources === key) return last
  const handlebars = Handlebars.create()
  const compileFile = (name: string) => {
    const program = checkTemplate(sources.get(fileOf(name)) as string, fileOf(name), PARTIALS)
    return handlebars.compile(program, { strict: true })
  }
  for (const partial of PARTIALS) {
    const filled = compileFile(partial)
    handlebars.registerPartial(partial, FILLED_ONCE.has(partial) ? fillOnce(filled) : filled)
  }
  const bodies = new Map([...defined].map((page) => [page, compileFile(page)]))
  // The one template that takes a value as it is: a page that was filled before.
  const frame = handlebars.compile(sources.get(FRAME), { strict: true })
  last = { sources: key, bodies, frame }
  return last
}

function fillOnce(fill: Handlebars.TemplateDelegate<object>): Handlebars.TemplateDelegate<object> {
  const known = new WeakMap<object, string>()
  return (values, options) => {
    const filled = known.get(values) ?? inOnePiece(fill(values, options))
    known.set(values, filled)
    return filled
  }
}

/**
 * A filled template is a string of hundreds of joints, which each page that holds it would walk
 * through again as it goes out.
 */
function inOnePiece(text: string): string {
  return Buffer.from(text).toString()
}

/**
 * Answers with the stylesheet, to be kept for good under the address that pages name, which changes
 * with its content.
 */
export function showStyle(pages: Pages) {
  return (c: Context): Response => keptForGood(c, 'text/css', pages.stylesheet)
}

/** Answers with the script of the subscribe form, kept like the stylesheet. */
export function showZoneScript(pages: Pages) {
  return (c: Context): Response => keptForGood(c, 'text/javascript', pages.script)
}

/** Answers with the script of the preferences page, kept like the stylesheet. */
export function showPreviewScript(pages: Pages) {
  return (c: Context): Response => keptForGood(c, 'text/javascript', pages.previewScript)
}

/** Answers with the script that solves a challenge, kept like the stylesheet. */
export function showChallengeScript(pages: Pages) {
  return (c: Context): Response => keptForGood(c, 'text/javascript', pages.challengeScript)
}

function keptForGood(c: Context, type: string, content: string): Response {
  c.header('Content-Type', `${type}; charset=utf-8`)
  if (c.req.query('v') !== undefined) c.header('Cache-Control', 'public, max-age=31536000, immutable')
  return c.body(content)
}

/**
 * Names the version of a file by its content: browsers keep it for good and never show an old look.
 */
function versioned(path: string, content: string): string {
  return `${path}?v=${createHash('sha256').update(content).digest('hex').slice(0, HASH_CHARACTERS)}`
}

/** A sheet with three lines, the first one marked, as a picture within the page: a route less. */
function iconOf({ light }: Theme): string {
  const line = (y: number, colour: string) => `<path d='M9 ${y}h14' stroke='${colour}' stroke-width='3'/>`
  const sheet = `<rect width='32' height='32' rx='6' fill='${light.accent}'/><rect x='5' y='4' width='22' height='24' rx='2' fill='${light.sheet}'/>`
  const lines = [line(10, light.accent), line(16, light.quiet), line(22, light.quiet)].join('')
  const svg = `<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'>${sheet}${lines}</svg>`
  return `data:image/svg+xml,${encodeURIComponent(svg)}`
}

/** The theme as custom properties: the stylesheet names no colour and no font of its own. */
function variables(theme: Theme): string {
  const list = (values: Record<string, string>, prefix: string) =>
    Object.entries(values)
      .map(([key, value]) => `  --${prefix}${key}: ${value};`)
      .join('\n')
  const root = (rules: string) => `:root {\n${rules}\n}`
  return [
    root(`${list(theme.fonts, 'font-')}\n${list(theme.light, '')}`),
    `@media screen and (prefers-color-scheme: dark) {\n${root(list(theme.dark, ''))}\n}`,
  ].join('\n')
}
