// A draft: a mail without what is one reader's alone, as all readers of a selection share it.
import { SLOT_MAX_LENGTH, SLOT_NAMES, type SlotName, type Slotted } from './piece.ts'

export type Slots = Readonly<Record<SlotName, string>>

/** Anything else could need escaping; tokens are base64url. */
const SLOT_VALUE = new RegExp(`^[A-Za-z0-9_-]{1,${SLOT_MAX_LENGTH}}$`)

/** A text with slots; null where two literals merely meet, each as its piece has it. */
export interface Row {
  literals: string[]
  slots: (SlotName | null)[]
}

/**
 * The same object for all readers of a selection, and its literals are those of the pieces: whoever
 * encodes them does so once.
 */
export interface Draft {
  from: string
  subject: string
  headers: readonly { name: string; value: Slotted }[]
  html: Row
  text: Row
}

/** Throws on a slot value that is not URL-safe. */
export function checkSlots(slots: Slots): void {
  for (const name of SLOT_NAMES) {
    if (!SLOT_VALUE.test(slots[name]))
      throw new Error(`the slot "${name}" holds no URL-safe value of 1 to ${SLOT_MAX_LENGTH} characters`)
  }
}

/** Returns a mail's headers by name. */
export function fillHeaders({ headers }: Draft, slots: Slots): Record<string, string> {
  return Object.fromEntries(headers.map(({ name, value }) => [name, fill(value, slots)]))
}

/** Returns the whole text. Throws where it has a slot and there are no values. */
export function fill({ literals, slots: marks }: Slotted | Row, slots: Slots | undefined): string {
  let out = literals[0] ?? ''
  for (let index = 0; index < marks.length; index++) {
    const mark = marks[index] as SlotName | null
    if (mark !== null && !slots) throw new Error(`the slot "${mark}" has no place on a page without a reader`)
    out += mark === null || !slots ? '' : slots[mark]
    out += literals[index + 1] ?? ''
  }
  return out
}
