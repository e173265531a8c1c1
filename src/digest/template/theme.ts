// The theme: name, logo, address, colours and fonts of mails and pages, from one small file. Values
// go into templates before MJML reads them.
import * as z from 'zod'
import { PermanentError } from '../../errors.ts'
import { inWords, sayIssues } from '../../issues.ts'
import { lineOf } from '../text/text.ts'
import { readHostFile, readTemplate } from './files.ts'
import { parseJson } from './json.ts'

const THEME_FILE = 'theme.json'

const colour = z.string().regex(/^#[0-9a-f]{6}$/i, 'is not a colour like #1b1916')
// Quotes and brackets would end the attribute or the rule that a font list stands in.
const fonts = z
  .string()
  .regex(/^[\w\s,'-]+$/, "is not a list of fonts (letters, digits, commas, 'names in single quotes')")
/** In CSS pixels: twice as large and the first screen of a phone would be logo. */
const LOGO_WIDTH_MAX = 280
const LOGO_HEIGHT_MAX = 120

const palette = z.strictObject({
  /** Behind everything. */
  page: colour,
  /** What the text stands on. */
  sheet: colour,
  /** Titles. */
  ink: colour,
  body: colour,
  quiet: colour,
  rule: colour,
  accent: colour,
  /** Behind chips. */
  wash: colour,
})

const logo = z.strictObject({
  url: z.url({ protocol: /^https$/, error: 'is not an https link' }),
  /** The same for dark backgrounds, of the same size; without it the one above stands there too. */
  darkUrl: z.url({ protocol: /^https$/, error: 'is not an https link' }).optional(),
  /** What stands there while pictures are off. */
  alt: z.string().trim().min(1, 'is empty: it stands there while pictures are off').max(60),
  width: z.int().min(16).max(LOGO_WIDTH_MAX),
  height: z.int().min(16).max(LOGO_HEIGHT_MAX),
})

const themeSchema = z.strictObject({
  name: z.string().trim().min(1).max(60),
  /** The only picture of a mail; null for none. */
  logo: logo.nullable(),
  /** The host's postal address where POSTAL_ADDRESS says none; '' for none. */
  address: z.string().trim().max(300),
  /** A line of the host's own at the end of every mail; '' for none. */
  footer: z.string().trim().max(300),
  fonts: z.strictObject({ text: fonts, title: fonts }),
  light: palette,
  dark: palette,
})

export type Theme = z.infer<typeof themeSchema>

/**
 * Reads the theme: the project's own, with whatever the host's theme.json says otherwise. Throws a
 * PermanentError that names the file and every value that does not hold.
 */
export function readTheme(directory?: string): Theme {
  const own = parseJson(readTemplate(THEME_FILE), THEME_FILE)
  const host = directory === undefined ? undefined : readHostFile(THEME_FILE, directory)
  return parseTheme(host === undefined ? own : merge(own, parseJson(host, THEME_FILE)))
}

/**
 * Puts the theme's values for `[[light.ink]]` and the like. Throws a PermanentError that names file
 * and line of an unknown one.
 */
export function applyTheme(source: string, theme: Theme, file: string): string {
  const values = new Map<string, string>()
  for (const group of ['fonts', 'light', 'dark'] as const) {
    for (const [key, value] of Object.entries(theme[group])) values.set(`${group}.${key}`, value)
  }
  return source.replace(/\[\[([\w.]+)\]\]/g, (mark, name: string, offset: number) => {
    const value = values.get(name)
    if (value === undefined) {
      throw new PermanentError(`${file} line ${lineOf(source, offset)}: the theme has no ${mark}`)
    }
    return value
  })
}

function parseTheme(value: unknown): Theme {
  const parsed = themeSchema.safeParse(value, { error: inWords })
  if (parsed.success) return parsed.data
  const problems = sayIssues(parsed.error, 'the file').map((problem) => `${THEME_FILE}: ${problem}`)
  throw new PermanentError(problems.join('\n'))
}

/** Objects are merged value by value; anything else the host says stands instead of ours. */
function merge(own: unknown, host: unknown): unknown {
  if (!isRecord(own) || !isRecord(host)) return host
  const entries = Object.entries(host).map(([key, value]) => [key, merge(own[key], value)])
  return { ...own, ...Object.fromEntries(entries) }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
