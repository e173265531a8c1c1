// How much garbage a process that sends may gather. Left to itself the engine lets a heap grow to
// several times what lives in it before it looks through all of it, the first time above all, so
// that what a sender takes would follow the length of the list.
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** So much more than lives is gathered between two looks, in percent. */
const GROWING_PERCENT = 50
/** Twice what lives in a sender, the young garbage included. */
const FIRST_LOOK_BYTES = 40e6
const ASK_EVERY_MS = 1_000

/**
 * Keeps the heap of this process close to what lives in it, for a small part more of work: whoever
 * never has much in it is never looked through.
 */
export function keepHeapSmall({ askEveryMs = ASK_EVERY_MS } = {}): void {
  // Asked anew after each look, so that it may be said at any time.
  setFlagsFromString(`--heap-growing-percent=${GROWING_PERCENT}`)
  const timer = setInterval(() => {
    if (getHeapStatistics().used_heap_size < FIRST_LOOK_BYTES) return
    clearInterval(timer)
    lookThrough()
  }, askEveryMs)
  timer.unref()
}

/** The engine has no other name for it that a running program could call. */
function lookThrough(): void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  setFlagsFromString('--no-expose-gc')
  collect()
}
