// How early the engine compiles what runs often. It reckons with pages that run for hours: in a
// command of a few seconds, what it compiles in the background takes more than it ever saves. So
// does PostgreSQL's WebAssembly, of which a round runs thousands of functions a little.
import { setFlagsFromString } from 'node:v8'

/**
 * What lets the engine compile well only what runs some fifteen times as often as usual. Engines
 * before 12 (Node 20) count bytes of code between two looks at a function, later ones its calls.
 */
export const COMPILE_LATE =
  Number.parseInt(process.versions.v8, 10) < 12 ? '--interrupt-budget=1000000' : '--invocation-count-for-turbofan=45000'

/**
 * The same for WebAssembly, of which it counts bytes that ran: 1.8 million in Node 20, 13 million
 * in later ones. With 180 million the demo's round takes a quarter less of a processor, and a round
 * of ten thousand readers about as much: what goes on for longer is compiled well as before.
 */
export const COMPILE_WASM_LATE = '--wasm-tiering-budget=180000000'

/** Has the engine of this process do so. For commands; a service lives long enough. */
export function compileLate(): void {
  setFlagsFromString(COMPILE_LATE)
}
