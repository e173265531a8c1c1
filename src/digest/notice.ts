// A notice: a mail that is not a digest, in the same look. Filled whole, once a mail; every value is escaped and none is trusted.
import type { Host } from './envelope.ts'
import { hostFrame } from './frame.ts'
import type { Templates } from './rendering.ts'
import { cleanText } from './text.ts'

/** What a notice says, in plain text. */
export interface Notice {
  title: string
  /** What an inbox shows beside the subject. */
  preheader: string
  paragraphs: readonly string[]
  /** The one thing to do. */
  action?: { label: string; url: string }
  /** Why this mail was sent. */
  footer?: string
}

/** Renders a notice. Throws on an action that is no link of the host's: a notice leads nowhere else. */
export function renderNotice(notice: Notice, host: Host, templates: Templates): { html: string; text: string } {
  const { action } = notice
  if (action && !isOwnLink(action.url, host)) throw new Error("a notice's action is no link of the host's")
  const values = {
    ...hostFrame(host, templates.theme),
    title: cleanText(notice.title),
    preheader: cleanText(notice.preheader),
    paragraphs: notice.paragraphs.map(cleanText),
    action: action ? { label: cleanText(action.label), url: new URL(action.url).href } : null,
    why: cleanText(notice.footer ?? ''),
  }
  return { html: templates.notice.html.head(values), text: templates.notice.text.head(values) }
}

function isOwnLink(link: string, { publicUrl }: Host): boolean {
  return URL.canParse(link) && new URL(link).origin === new URL(publicUrl).origin
}
