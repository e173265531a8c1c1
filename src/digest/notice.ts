// A notice: a mail that is not a digest, in the same look. Filled whole, once a mail; every value
// is escaped and none is trusted. Forms that are no longer made stay, to the byte, for notices that
// were attempted in them.

import { hostFrame } from './frame.ts'
import type { Host } from './piece/envelope.ts'
import type { Templates } from './rendering.ts'
import { cleanText } from './text/text.ts'

/**
 * What notices are made in now; stored with every marked one. Raised whenever the same row could
 * give other bytes.
 */
export const NOTICE_VERSION = 3
/** Versions that are repeated to the byte as ever. Another one's notice is never rebuilt. */
export const NOTICE_VERSIONS: readonly number[] = [1, 2, NOTICE_VERSION]

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

/**
 * Renders a notice in the form of a version. Throws on a link that is not the host's: a notice
 * leads nowhere else.
 */
export async function renderNotice(
  notice: Notice,
  host: Host,
  templates: Templates,
  version: number = NOTICE_VERSION,
): Promise<{ html: string; text: string }> {
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
  const form = await templates.notice(version)
  return { html: form.html.head(values), text: form.text.head(values) }
}

function cleanLink({ label, url }: { label: string; url: string }) {
  return { label: cleanText(label), url: new URL(url).href }
}

function isOwnLink(link: string, { publicUrl }: Host): boolean {
  return URL.canParse(link) && new URL(link).origin === new URL(publicUrl).origin
}
