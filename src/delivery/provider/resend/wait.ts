// The wait for one answer: over after a deadline, or when somebody ends it from outside. Nobody
// below has a deadline, and a request that was given up looks like a cut one, so this remembers
// what ended it.

export interface Wait {
  isOver(): boolean
  /** Why it is over, undefined while it is not. */
  reason(): string | undefined
  /** Acts when it is over before it is closed. */
  whenOver(act: () => void): void
  close(): void
}

/** Opens a wait of `deadlineMs` milliseconds, or until `outer` is aborted. */
export function openWait(deadlineMs: number, outer: AbortSignal | undefined): Wait {
  let ended: string | undefined
  let acts: (() => void)[] = []
  const end = (reason: string) => {
    if (ended !== undefined) return
    ended = reason
    for (const act of acts) act()
  }
  const onAbort = () => end('stopped while waiting for the answer')
  const timer = setTimeout(() => end(`no answer within ${deadlineMs} ms`), deadlineMs)
  // AbortSignal.any would keep one entry a request on a signal that lives as long as the process.
  if (outer?.aborted) onAbort()
  else outer?.addEventListener('abort', onAbort, { once: true })
  return {
    isOver: () => ended !== undefined,
    reason: () => ended,
    whenOver(act) {
      if (ended === undefined) acts.push(act)
      else act()
    },
    close() {
      clearTimeout(timer)
      outer?.removeEventListener('abort', onAbort)
      acts = []
    },
  }
}
