// How fast something goes and how long the rest takes, from what was done in the last seconds.
import { counted, grouped } from '../digest/text/words.ts'
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../time.ts'

/** Long enough to even out batches, short enough to follow a provider that slows down. */
const WINDOW_MS = 15 * SECOND_MS

/**
 * Returns what turns counts into words: how many are `done` and how many are `left` at a moment in
 * milliseconds. '' until something was done.
 */
export function openPace(): (done: number, left: number, atMs: number) => string {
  const seen: { done: number; atMs: number }[] = []
  return (done, left, atMs) => {
    seen.push({ done, atMs })
    while (seen.length > 2 && (seen[1]?.atMs ?? atMs) <= atMs - WINDOW_MS) seen.shift()
    const first = seen[0] ?? { done, atMs }
    const perMs = (done - first.done) / Math.max(1, atMs - first.atMs)
    if (perMs <= 0) return ''
    return `${grouped(Math.max(1, Math.round(perMs * MINUTE_MS)))} a minute, ${lengthInWords(left / perMs)} left`
  }
}

/** Returns `88 seconds`, `3 minutes`, `2 hours 5 minutes`: a minute more or less is much of one. */
export function lengthInWords(ms: number): string {
  if (ms < 2 * MINUTE_MS) return counted(Math.max(1, Math.round(ms / SECOND_MS)), 'second')
  const minutes = Math.round(ms / MINUTE_MS)
  if (minutes * MINUTE_MS < HOUR_MS) return counted(minutes, 'minute')
  const hours = Math.floor((minutes * MINUTE_MS) / HOUR_MS)
  const rest = minutes - (hours * HOUR_MS) / MINUTE_MS
  return rest === 0 ? counted(hours, 'hour') : `${counted(hours, 'hour')} ${counted(rest, 'minute')}`
}
