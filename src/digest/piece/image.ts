// The one file that knows of buffers. A text with slots becomes an image: its literals encoded once
// as they leave, the slots between them. A mail is a copy of its image into a buffer that is used
// again and again, with its own values on the way; nothing of it is ever one string.

/** A text cut at its slots, `null` where two literals merely meet: `literals[0] slots[0] …`. */
export interface Cut {
  literals: readonly string[]
  slots: readonly (string | null)[]
}

/** A text whose literals are ready to leave. Belongs to one `Encoding`. */
export interface Image {
  /** One more than there are holes. */
  literals: readonly Buffer[]
  holes: readonly string[]
  /** Bytes of all literals. */
  size: number
  /** Each hole that occurs, and how often. */
  kinds: readonly { hole: string; count: number }[]
}

/** How a text leaves: what stands for it, as UTF-8. Must work piece by piece. */
export type Encode = (text: string) => string

/** A value for each hole, encoded already. */
export type Values = Readonly<Record<string, string>>

/** Of encoded literals that are kept, in bytes: the pieces of several editions. */
const KEPT_BYTES_MAX = 8_000_000

/** Makes images in one encoding. What many texts share is encoded once. */
export function openImages(encode: Encode) {
  const kept = new Map<string, Buffer>()
  let keptBytes = 0

  function encoded(literal: string): Buffer {
    const known = kept.get(literal)
    if (known) return known
    const bytes = Buffer.from(encode(literal))
    if (keptBytes > KEPT_BYTES_MAX) {
      kept.clear()
      keptBytes = 0
    }
    kept.set(literal, bytes)
    keptBytes += bytes.length
    return bytes
  }

  return {
    /** Puts texts in a row: each is encoded unless it is `raw`, which is as it leaves already. */
    make(texts: readonly (Cut | { raw: string })[]): Image {
      const literals: Buffer[] = []
      const holes: string[] = []
      let row: Buffer[] = []
      for (const text of texts) {
        if ('raw' in text) {
          row.push(Buffer.from(text.raw))
          continue
        }
        for (const [index, literal] of text.literals.entries()) {
          if (literal !== '') row.push(encoded(literal))
          const slot = text.slots[index] ?? null
          if (slot === null) continue
          literals.push(Buffer.concat(row))
          holes.push(slot)
          row = []
        }
      }
      literals.push(Buffer.concat(row))
      return assemble(literals, holes)
    },
  }
}

function assemble(literals: readonly Buffer[], holes: readonly string[]): Image {
  const counts = new Map<string, number>()
  for (const hole of holes) counts.set(hole, (counts.get(hole) ?? 0) + 1)
  const kinds = [...counts].map(([hole, count]) => ({ hole, count }))
  return { literals, holes, size: literals.reduce((sum, { length }) => sum + length, 0), kinds }
}

/** Returns an image with other literals: `change` gets each as text, a character a byte. */
export function changed({ literals, holes }: Image, change: (literal: string, place: number) => string): Image {
  const texts = literals.map((literal, place) => change(literal.toString('latin1'), place))
  return assemble(
    texts.map((text) => Buffer.from(text, 'latin1')),
    holes,
  )
}

/** Cuts an image in front of the first place where a literal has `mark`. */
export function cutImage({ literals, holes }: Image, mark: string): [head: Image, tail: Image] {
  const place = literals.findIndex((literal) => literal.includes(mark))
  const literal = literals[place]
  if (!literal) throw new Error('an image is cut at what is not in it')
  const at = literal.indexOf(mark)
  return [
    assemble([...literals.slice(0, place), literal.subarray(0, at)], holes.slice(0, place)),
    assemble([literal.subarray(at), ...literals.slice(place + 1)], holes.slice(place)),
  ]
}

/** Returns how many bytes an image takes with these values. Throws where one is missing. */
export function sizeOf({ size, kinds }: Image, values: Values): number {
  let sum = size
  for (const { hole, count } of kinds) {
    const value = values[hole]
    if (value === undefined) throw new Error(`nothing is there for the slot "${hole}"`)
    sum += count * Buffer.byteLength(value)
  }
  return sum
}

/** Writes an image with its values at a place of `target`, which has room; returns its end. */
export function writeImage({ literals, holes }: Image, values: Values, target: Buffer, at: number): number {
  let end = at
  for (let index = 0; index < literals.length; index++) {
    const literal = literals[index] as Buffer
    target.set(literal, end)
    end += literal.length
    const hole = holes[index]
    if (hole !== undefined) end += target.write(values[hole] as string, end)
  }
  return end
}

/** Returns an image with its values as bytes of its own. */
export function toBytes(image: Image, values: Values): Buffer {
  const bytes = Buffer.allocUnsafe(sizeOf(image, values))
  writeImage(image, values, bytes, 0)
  return bytes
}

/** Cuts a text at the words that stand in for its slots. */
export function cutAt(text: string, standIns: Values): Cut {
  const literals: string[] = []
  const slots: string[] = []
  const words = Object.values(standIns)
  let from = 0
  for (const match of text.matchAll(new RegExp(words.map((word) => word.replace(/[.+]/g, '\\$&')).join('|'), 'g'))) {
    literals.push(text.slice(from, match.index))
    slots.push(Object.keys(standIns).find((slot) => standIns[slot] === match[0]) as string)
    from = match.index + match[0].length
  }
  return { literals: [...literals, text.slice(from)], slots }
}

/** Buffers that are used again. One that is not given back is left to the garbage. */
export interface Slabs {
  take(size: number): Buffer
  give(slab: Buffer): void
}

/** A slab is made a little larger than it has to be, so that the next batch fits as well. */
const ROOM = 1.1
/** As many as requests are ever under way at once in a process. */
const FREE_MAX = 4

/** Keeps at most so many that are free: as many as are ever in use at once. */
export function openSlabs(most = FREE_MAX): Slabs {
  const free: Buffer[] = []
  return {
    take(size) {
      const index = free.findIndex(({ length }) => length >= size)
      if (index >= 0) return free.splice(index, 1)[0] as Buffer
      // What is too small goes: it would be too small for the next batch too.
      free.shift()
      return Buffer.allocUnsafeSlow(Math.ceil(size * ROOM))
    },
    give(slab) {
      if (free.length < most) free.push(slab)
    },
  }
}
