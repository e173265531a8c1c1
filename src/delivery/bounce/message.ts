// A message from the mailbox, taken apart: its headers, what it says itself, and what is attached.
// Whoever wrote it may mean harm, so there is a limit to everything, and a message within a message
// is never opened.
import type { ParsedMail } from 'mailparser'

/** Of a message so much is read. A report's own words come first, whatever it returns. */
export const READ_MAX_BYTES = 256 * 1024
/** A report has three parts, a mailing list's footer and a scanner's notes around them. */
const PARTS_MAX = 50
const HEAD_MAX_BYTES = 64 * 1024
const TEXT_MAX_CHARACTERS = 64 * 1024

export interface Parts {
  /** Names in lower case, values on one line. */
  headers: { name: string; value: string }[]
  /** The text, without that of HTML. */
  text: string
  /** All else, decoded; types in lower case. */
  attached: { type: string; content: string }[]
}

/** Takes a message apart, as far as it is read. Rejects where it is none or goes beyond a limit. */
export async function openMessage(source: Buffer): Promise<Parts> {
  const { simpleParser } = await import('mailparser')
  const parsed: ParsedMail = await simpleParser(source.subarray(0, READ_MAX_BYTES), {
    keepDeliveryStatus: true,
    ignoreEmbedded: true,
    skipHtmlToText: true,
    skipTextToHtml: true,
    skipImageLinks: true,
    checksumAlgo: false,
    maxChildNodes: PARTS_MAX,
    maxHeadSize: HEAD_MAX_BYTES,
  })
  return {
    headers: parsed.headerLines.map(({ key, line }) => ({
      name: key.toLowerCase(),
      value: line
        .slice(line.indexOf(':') + 1)
        .replace(/\s+/g, ' ')
        .trim(),
    })),
    text: (parsed.text ?? '').slice(0, TEXT_MAX_CHARACTERS),
    attached: parsed.attachments.map(({ contentType, content }) => ({
      type: contentType.toLowerCase(),
      content: content.toString('latin1'),
    })),
  }
}

/** Lists the values of a header, in order. */
export function valuesOf({ headers }: Parts, ...names: string[]): string[] {
  return headers.filter(({ name }) => names.includes(name)).map(({ value }) => value)
}
