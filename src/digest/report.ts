// The host's morning report as a mail, in the look of a digest. Filled whole; every value is
// escaped and none is trusted.

import { hostFrame } from './frame.ts'
import type { Host } from './piece/envelope.ts'
import type { NoticeForm } from './rendering.ts'
import type { Theme } from './template/theme.ts'
import { cleanText } from './text/text.ts'

/** What a report says, in plain text. */
export interface Report {
  subject: string
  title: string
  /** What an inbox shows beside the subject. */
  preheader: string
  /** When it was made. */
  day: string
  sections: readonly ReportSection[]
}

/** A heading with figures, sentences or both. */
export interface ReportSection {
  heading: string
  rows: readonly { label: string; figure: string }[]
  sentences: readonly string[]
}

/** Renders a report with a host's frame. */
export function renderReport(
  { title, preheader, day, sections }: Report,
  host: Host,
  theme: Theme,
  template: NoticeForm,
): { html: string; text: string } {
  const values = {
    ...hostFrame(host, theme),
    title: cleanText(title),
    preheader: cleanText(preheader),
    day: cleanText(day),
    sections: sections.map(({ heading, rows, sentences }) => ({
      heading: cleanText(heading),
      rows: rows.map(({ label, figure }) => ({
        label: cleanText(label),
        figure: cleanText(figure),
        line: cleanText(`${label}: ${figure}`),
      })),
      sentences: sentences.map(cleanText),
    })),
    why: `You get this every morning because OPERATOR_EMAIL at ${new URL(host.publicUrl).host} names this address.`,
  }
  return { html: template.html.head(values), text: template.text.head(values) }
}
