// A message as it travels behind DATA (RFC 5321, 4.5.2): lines end with CRLF, one that begins with
// a dot begins with two, and what ends it stands on a line of its own. What the messages of a
// selection share is brought into this form once.
import { changed, type Image, type Slabs, sizeOf, writeImage } from '../../../digest/piece/image.ts'
import type { Composed } from '../message.ts'

/** Ends a message; its last line end is part of it. */
export const END_OF_DATA = Buffer.from('\r\n.\r\n')

const wireImages = new WeakMap<Image, Image>()

/**
 * Writes a message into a slab, behind a first header if there is one, without what ends it. The
 * slab may be given back once nobody reads it any more.
 */
export function writeMessage(
  { image, values }: Composed,
  first: string,
  slabs: Slabs,
): { slab: Buffer; bytes: Buffer } {
  const wire = wireImages.get(image) ?? toWire(image)
  wireImages.set(image, wire)
  const slab = slabs.take(Buffer.byteLength(first) + sizeOf(wire, values))
  const end = writeImage(wire, values, slab, slab.write(first))
  return { slab, bytes: slab.subarray(0, end) }
}

/** No value begins or ends a line, nor is empty: each literal is seen by itself. */
function toWire(image: Image): Image {
  const last = image.literals.length - 1
  return changed(image, (literal, place) => {
    const lines = literal.replace(/\r\n|\r|\n/g, '\r\n').replace(place === 0 ? /^\.|(?<=\n)\./g : /(?<=\n)\./g, '..')
    return place === last ? lines.replace(/\r\n$/, '') : lines
  })
}
