// How early the engine compiles what runs often. It reckons with pages that run for hours: in a
// command of a few seconds, what it compiles in the background takes more than it ever saves.
import { setFlagsFromString } from 'node:v8'

/**
 * What lets the engine compile well only what runs some fifteen times as often as usual. Engines
 * before 12 (Node 20) count bytes of code between two looks at a function, later ones its calls.
 */
export const COMPILE_LATE =
  Number.parseInt(process.versions.v8, 10) < 12 ? '--interrupt-budget=1000000' : '--invocation-count-for-turbofan=45000'

/** Has the engine of this process do so. For commands; a service lives long enough. */
export function compileLate(): void {
  setFlagsFromString(COMPILE_LATE)
}
