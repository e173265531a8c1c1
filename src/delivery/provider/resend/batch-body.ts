// A batch as Resend's API takes it, to the byte as the official client writes it, so that a repeat
// of what that client sent is still the same request. Joined mails are images, copied into a slab;
// any other mail is written as JSON.

import type { Draft } from '../../../digest/piece/draft.ts'
import { type Image, openImages, type Slabs, sizeOf, type Values, writeImage } from '../../../digest/piece/image.ts'
import type { Mail } from '../provider.ts'

interface Body {
  /** To be given back when the request has left whole. */
  slab: Buffer
  /** The part of the slab that is the body. */
  bytes: Buffer
}

/** What a string is in JSON, without its quotes. No letter is ever cut in two by a slot. */
const escapeJson = (text: string) => JSON.stringify(text).slice(1, -1)

const images = openImages(escapeJson)
const imageOf = new WeakMap<Draft, Image>()

/** Returns the fields of a mail in the order in which the client writes them. */
export function toResendMail(mail: Mail, tags: { name: string; value: string }[]) {
  return {
    from: mail.from,
    headers: mail.headers,
    html: mail.html,
    subject: mail.subject,
    tags,
    text: mail.text,
    to: mail.to,
  }
}

/** Returns the tags by which reports and look-ups find a digest again. */
function tagsOf(publicId: string, edition: string) {
  return [
    { name: 'delivery', value: publicId },
    { name: 'edition', value: edition },
  ]
}

/** Writes a batch into a slab. `edition` is the tag of its mails. */
export function writeBody(mails: readonly Mail[], edition: string, slabs: Slabs): Body {
  const tag = escapeJson(edition)
  const parts = mails.map((mail) => partOf(mail, edition, tag))
  let size = 2
  for (const { image, values } of parts) size += sizeOf(image, values) + 1
  const slab = slabs.take(size)
  let at = 0
  for (const { image, values } of parts) {
    slab[at] = at === 0 ? BRACKET : COMMA
    at = writeImage(image, values, slab, at + 1)
  }
  slab[at++] = END
  return { slab, bytes: slab.subarray(0, at) }
}

const BRACKET = 0x5b
const COMMA = 0x2c
const END = 0x5d

function partOf(mail: Mail, edition: string, tag: string): { image: Image; values: Values } {
  const { joined, publicId, to } = mail
  if (!joined) {
    const json = JSON.stringify(toResendMail(mail, tagsOf(publicId, edition)))
    return { image: images.make([{ raw: json }]), values: {} }
  }
  const image = imageOf.get(joined.draft) ?? makeImage(joined.draft)
  imageOf.set(joined.draft, image)
  // Named one by one, so that all have one shape for the engine.
  const { unsubscribe, view, preferences } = joined.slots
  return { image, values: { unsubscribe, view, preferences, publicId, edition: tag, to: escapeJson(to) } }
}

function makeImage({ from, subject, headers, html, text }: Draft): Image {
  const raw = (json: string) => ({ raw: json })
  const hole = (name: string) => ({ literals: ['', ''], slots: [name] })
  const pairs = headers.flatMap(({ name, value }, index) => [
    raw(`${index === 0 ? '' : ','}${JSON.stringify(name)}:"`),
    value,
    raw('"'),
  ])
  return images.make([
    raw(`{"from":${JSON.stringify(from)},"headers":{`),
    ...pairs,
    raw('},"html":"'),
    html,
    raw(`","subject":${JSON.stringify(subject)},"tags":[{"name":"delivery","value":"`),
    hole('publicId'),
    raw('"},{"name":"edition","value":"'),
    hole('edition'),
    raw('"}],"text":"'),
    text,
    raw('","to":"'),
    hole('to'),
    raw('"}'),
  ])
}
