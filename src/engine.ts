// How early the engine compiles what runs often. It reckons with pages that run for hours: in a
// command of a few seconds, what it compiles in the background takes more than it ever saves.
import { setFlagsFromString } from 'node:v8'

/** Bytes of its code that a function runs between two looks at it; usually 67,584. */
const LOOK_EVERY_BYTES = 1_000_000

/** Lets the engine compile only what runs very often. For commands; a service lives long enough. */
export function compileLate(): void {
  setFlagsFromString(`--interrupt-budget=${LOOK_EVERY_BYTES}`)
}
