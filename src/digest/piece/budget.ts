// Which cards of a mail are shortened, and how far, so that no mail client clips it. Pure: sizes
// in, the same answer for ever.

/**
 * What a reader's program may clip or take long over; Gmail's limit is about 102 kB, counted after
 * transfer encoding.
 */
export const HTML_MAX_BYTES = 80_000
export const MESSAGE_MAX_BYTES = 102_000
/** Room for headers, signatures and the borders between parts. */
export const OUTSIDE_BYTES = 4_000

/**
 * Ever shorter ways to print a card; 0 is as the reader's length says, what each of the others
 * leaves out is told in card.ts.
 */
export const LEVELS = [0, 1, 2, 3, 4, 5, 6] as const
export type Level = (typeof LEVELS)[number]

/** Bytes of some pieces. */
export interface Size {
  /** Of the HTML in UTF-8. */
  html: number
  /** Of HTML and text in quoted-printable. */
  message: number
}

/** How the cards of a mail are printed. */
export interface Fit {
  /** One a card. */
  levels: Level[]
  /** How many cards are printed, from the first on; the others stand on the web. */
  kept: number
}

export const NO_SIZE: Size = { html: 0, message: 0 }

/** Adds up. */
export function sumSizes(sizes: Iterable<Size>): Size {
  const sum = { ...NO_SIZE }
  for (const { html, message } of sizes) {
    sum.html += html
    sum.message += message
  }
  return sum
}

/** Tells whether a mail of this size arrives whole. */
export function fits({ html, message }: Size): boolean {
  return html <= HTML_MAX_BYTES && message + OUTSIDE_BYTES <= MESSAGE_MAX_BYTES
}

/** Lists what is shortened, in order: level by level, each time from the last card up. */
export function* shorteningSteps(count: number): Generator<[index: number, level: Level]> {
  for (const level of LEVELS.slice(1)) {
    for (let index = count - 1; index >= 0; index--) yield [index, level]
  }
}

/**
 * Fits `count` cards, best place first. Nothing is shortened that need not be: step by step until
 * it fits; when the last step is not enough, cards go from the end. `sizeOf` may return undefined
 * for a level that makes a card no shorter.
 */
export function fitCards(
  count: number,
  frame: Size,
  sizeOf: (index: number, level: Level) => Size | undefined,
  sizeOfMore: (left: number) => Size,
): Fit {
  const levels: Level[] = Array.from({ length: count }, () => 0)
  const sizes = levels.map((level, index) => sizeOf(index, level) ?? NO_SIZE)
  let total = sumSizes([frame, ...sizes])
  // Most mails end here.
  if (fits(total)) return { levels, kept: count }
  for (const [index, level] of shorteningSteps(count)) {
    if (fits(total)) break
    const shorter = sizeOf(index, level)
    if (!shorter) continue
    total = sumSizes([total, negative(sizes[index] ?? NO_SIZE), shorter])
    sizes[index] = shorter
    levels[index] = level
  }
  let kept = count
  // Without its first card it would be no digest.
  while (kept > 1 && !fits(kept < count ? sumSizes([total, sizeOfMore(count - kept)]) : total)) {
    kept--
    total = sumSizes([total, negative(sizes[kept] ?? NO_SIZE)])
  }
  return { levels, kept }
}

/**
 * Returns the most that any mail of some of these cards can weigh: of each group (its sizes, and
 * how many of them a mail may hold) the heaviest, less the `left` lightest of all of those. A mail
 * takes the same steps in the same order as its edition, so that it never needs a variant beyond
 * the step at which this fits.
 */
export function heaviest(groups: readonly { sizes: readonly Size[]; most: number }[], left = 0): Size {
  const of = (key: keyof Size) => {
    const descending = (values: number[]) => values.sort((a, b) => b - a)
    const chosen = groups.flatMap(({ sizes, most }) => descending(sizes.map((size) => size[key])).slice(0, most))
    return descending(chosen)
      .slice(0, Math.max(0, chosen.length - left))
      .reduce((sum, bytes) => sum + bytes, 0)
  }
  return { html: of('html'), message: of('message') }
}

function negative({ html, message }: Size): Size {
  return { html: -html, message: -message }
}
