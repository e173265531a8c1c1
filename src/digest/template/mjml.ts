// MJML becomes HTML, once a process. The only file that knows MJML; what it refuses is never sent.
import { PermanentError } from '../../errors.ts'
import { lineOf } from '../text/text.ts'
import { checkTags, checkTemplate } from './template.ts'
import { applyTheme, type Theme } from './theme.ts'

/** What a mail is compiled with: the theme, and the style sheet that every mail shares. */
export interface Look {
  theme: Theme
  /** The style sheet as its author wrote it. */
  style: string
  styleFile: string
}

const STYLE_MARK = '[[style]]'
/**
 * Stands behind a preheader, so that an inbox shows nothing of what comes after it: joiners that
 * draw nothing, with spaces to break at.
 */
const PADDING_MARK = '[[padding]]'
const PADDING = '&#847; '.repeat(80)
/**
 * MJML hides the preheader three times over. display: none suffices; white letters of one pixel are
 * what filters count as spam.
 */
const INVISIBLE_LETTERS = /(?<=<div style="display:none;)font-size:1px;color:#ffffff;line-height:1px;/
/**
 * What MJML calls its frame. It is no landmark, so that a screen reader could not jump to the
 * mail's beginning.
 */
const ARTICLE = 'aria-roledescription="email" role="article"'

/**
 * Checks a template as its author wrote it, puts in the look and compiles it strictly; Handlebars'
 * marks pass through. Throws a PermanentError that names file, line and tag of each problem.
 */
export async function compileMjml(source: string, file: string, look: Look): Promise<string> {
  checkTemplate(source, file)
  checkTags(source, file)
  if (!source.includes('<mjml')) {
    throw new PermanentError(`${file} line 1 (mjml): the tag is missing, and a mail stands in it`)
  }
  const include = source.indexOf('<mj-include')
  if (include >= 0) {
    throw new PermanentError(`${file} line ${lineOf(source, include)} (mj-include): templates include no other files`)
  }
  // On one line, so that the lines of what follows stay as the author counts them.
  const style = squeeze(applyTheme(look.style, look.theme, look.styleFile))
  const filled = source.split(STYLE_MARK).join(style).split(PADDING_MARK).join(PADDING)
  const dressed = applyTheme(filled, look.theme, file)
  // Loaded only here: processes that join and send never need it. The package is MJML's
  // build for browsers: it gives the same bytes, knows no include, and is a third of the packages.
  const { default: mjml2html } = await import('mjml')
  try {
    // Left to itself, MJML links known font names to a font service that would see every reader.
    const { html } = await mjml2html(dressed, { validationLevel: 'strict', keepComments: true, fonts: {} })
    // Indentation is a fifth of the bytes and says nothing to a mail client.
    return html
      .replace(INVISIBLE_LETTERS, '')
      .replace(ARTICLE, 'role="main"')
      .replace(/^[ \t]+/gm, '')
      .replace(/\n{2,}/g, '\n')
  } catch (cause) {
    const problems = problemsOf(cause).map(
      ({ line, tagName, message }) => `${file} line ${line} (${tagName}): ${message}`,
    )
    throw problems.length > 0 ? new PermanentError(problems.join('\n')) : new PermanentError(file, { cause })
  }
}

function squeeze(css: string): string {
  return css
    .replace(/\/\*.*?\*\//gs, '')
    .replace(/\s+/g, ' ')
    .replace(/ ?([{};,]) ?/g, '$1')
    .replace(/: /g, ':')
    .trim()
}

function problemsOf(error: unknown): { line: number; tagName: string; message: string }[] {
  return error instanceof Error && 'errors' in error && Array.isArray(error.errors) ? error.errors : []
}
