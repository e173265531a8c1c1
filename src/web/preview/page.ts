// The page of the preview: its template, its style and its script. It takes no look from the theme
// and none of its files from TEMPLATES_DIR: it must stand while those are being worked on.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import Handlebars from 'handlebars'
import { HTML_MAX_BYTES, MESSAGE_MAX_BYTES } from '../../digest/piece/budget.ts'
import { TEMPLATES_DIR } from '../../digest/template/files.ts'
import { checkTemplate } from '../../digest/template/template.ts'
import { cleanLine } from '../../digest/text/text.ts'
import type { FormValues } from './form.ts'
import type { PreviewMail } from './mail.ts'
import type { Problem } from './problem.ts'
import type { Scheme } from './scheme.ts'

export interface PreviewValues {
  /**
   * Of the templates that the page was made with: the script reloads when it is no longer theirs.
   */
  revision: string
  form: FormValues
  /** Where the papers come from and how they stand. */
  origin: string
  /** One of the three. */
  mail: MailValues | null
  problems: Problem[]
  nothing: string
}

interface MailValues {
  subject: string
  subjectLength: string
  sizes: { label: string; size: string; limit: string; bytes: number; limitBytes: number; over: boolean }[]
  frames: { title: string; caption: string; device: Device; scheme: Scheme; path: string; height: number }[]
  /** Papers that could not be printed, each with why. */
  leftOut: string[]
  text: string
  textFacts: string
  headers: { name: string; value: string }[]
}

type Device = 'phone' | 'desktop'

/** Clients fold longer ones. */
const SUBJECT_LIMIT = 78
const WIDTHS: Record<Device, number> = { phone: 375, desktop: 700 }
/**
 * Pixels of the HTML for what the text part has, measured on days of all lengths. A sandboxed frame
 * does not tell its height: one that is guessed a little too high ends in the mail's ground, one
 * too low scrolls by itself.
 */
const HEIGHTS: Record<Device, { proseLine: number; linkLine: number; around: number }> = {
  phone: { proseLine: 36, linkLine: 15, around: 200 },
  desktop: { proseLine: 20, linkLine: 15, around: 560 },
}

export interface PreviewPage {
  stylesheet: string
  render(values: PreviewValues): string
}

export function openPreviewPage(): PreviewPage {
  const read = (file: string) => readFileSync(join(TEMPLATES_DIR, 'pages', file), 'utf8')
  const source = read('preview.hbs')
  checkTemplate(source, 'pages/preview.hbs')
  const fill = Handlebars.create().compile(source, { strict: true })
  return { stylesheet: read('preview.css'), render: (values) => fill(values) }
}

/** Returns what the page shows of a mail; `pathOf` leads to its HTML in a scheme. */
export function mailValues(mail: PreviewMail, pathOf: (scheme: Scheme) => string): MailValues {
  const lines = mail.text.trimEnd().split('\n')
  const frame = (device: Device, scheme: Scheme) => ({
    title: `The email on a ${device}, ${scheme}`,
    caption: `${device === 'phone' ? 'Phone' : 'Desktop'} · ${WIDTHS[device]} px · ${scheme}`,
    device,
    scheme,
    path: pathOf(scheme),
    height: guessHeight(device, lines),
  })
  const size = (label: string, bytes: number, limit: number) => ({
    label,
    size: kilobytes(bytes),
    limit: kilobytes(limit),
    bytes,
    limitBytes: limit,
    over: bytes > limit,
  })
  return {
    subject: mail.subject,
    subjectLength: `${mail.subject.length} of ${SUBJECT_LIMIT} characters`,
    sizes: [size('HTML', mail.htmlBytes, HTML_MAX_BYTES), size('Whole message', mail.messageBytes, MESSAGE_MAX_BYTES)],
    frames: (['light', 'dark'] as const).flatMap((scheme) => [frame('phone', scheme), frame('desktop', scheme)]),
    leftOut: mail.leftOut,
    text: mail.text,
    textFacts: `${lines.length} lines, the longest but links ${longestLine(lines)} characters`,
    // A browser would take control and bidi characters at their word.
    headers: mail.headers.map(({ name, value }) => ({ name, value: cleanLine(value) })),
  }
}

function guessHeight(device: Device, lines: readonly string[]): number {
  const { proseLine, linkLine, around } = HEIGHTS[device]
  const filled = lines.filter((line) => line.trim() !== '')
  const links = filled.filter(holdsLink).length
  return (filled.length - links) * proseLine + links * linkLine + around
}

/** A link is as long as it is. */
function longestLine(lines: readonly string[]): number {
  return lines.reduce((most, line) => (holdsLink(line) ? most : Math.max(most, [...line].length)), 0)
}

function holdsLink(line: string): boolean {
  return /https?:\/\//.test(line)
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1000).toFixed(1).replace(/\.0$/, '')} kB`
}
