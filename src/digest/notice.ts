// A notice: a mail that is not a digest, in the same look. Filled whole, once a mail; every value
// is escaped and none is trusted.
import type { Host } from './envelope.ts'
import { hostFrame } from './frame.ts'
import type { Templates } from './rendering.ts'
import { cleanText } from './text/text.ts'

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
  /** What else its reader may want, at the foot: preferences, unsubscribe. */
  links?: readonly { label: string; url: string }[]
}

/** Renders a notice. Throws on a link that is not the host's: a notice leads nowhere else. */
export function renderNotice(notice: Notice, host: Host, templates: Templates): { html: string; text: string } {
  const { action, links = [] } = notice
  for (const link of action ? [action, ...links] : links) {
    if (!isOwnLink(link.url, host)) throw new Error(`a notice's "${link.label}" is no link of the host's`)
  }
  const values = {
    ...hostFrame(host, templates.theme),
    title: cleanText(notice.title),
    preheader: cleanText(notice.preheader),
    paragraphs: notice.paragraphs.map(cleanText),
    action: action ? cleanLink(action) : null,
    links: links.map(cleanLink),
    why: cleanText(notice.footer ?? ''),
  }
  return { html: templates.notice.html.head(values), text: templates.notice.text.head(values) }
}

function cleanLink({ label, url }: { label: string; url: string }) {
  return { label: cleanText(label), url: new URL(url).href }
}

function isOwnLink(link: string, { publicUrl }: Host): boolean {
  return URL.canParse(link) && new URL(link).origin === new URL(publicUrl).origin
}
