// The theme: name, colours and fonts of mails and pages, from one small file. Values go into templates before MJML reads them.
import { z } from 'zod'
import { PermanentError } from '../errors.ts'
import { lineOf } from './text.ts'

const colour = z.string().regex(/^#[0-9a-f]{6}$/i, 'is not a colour like #1b1916')
// Quotes and brackets would end the attribute or the rule that a font list stands in.
const fonts = z
  .string()
  .regex(/^[\w\s,'-]+$/, "is not a list of fonts (letters, digits, commas, 'names in single quotes')")

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

const themeSchema = z.strictObject({
  name: z.string().trim().min(1).max(60),
  fonts: z.strictObject({ text: fonts, title: fonts }),
  light: palette,
  dark: palette,
})

export type Theme = z.infer<typeof themeSchema>

/** Parses a theme file. Throws a PermanentError that names the file and every value that does not hold. */
export function parseTheme(json: string, file: string): Theme {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch (cause) {
    throw new PermanentError(`${file} is not JSON`, { cause })
  }
  const parsed = themeSchema.safeParse(value)
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.map((issue) => `${file}: ${issue.path.join('.')} ${issue.message}`)
  throw new PermanentError(problems.join('\n'))
}

/** Puts the theme's values for `[[light.ink]]` and the like. Throws a PermanentError that names file and line of an unknown one. */
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
