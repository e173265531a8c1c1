// A gate before what only one at a time may do.

/** One at a time, in their order, the urgent first. */
export function openGate() {
  let isTaken = false
  const waiting: { isUrgent: boolean; enter(): void }[] = []
  function leave(): void {
    const next = waiting.findIndex(({ isUrgent }) => isUrgent)
    const [first] = waiting.splice(Math.max(0, next), 1)
    if (first) first.enter()
    else isTaken = false
  }
  return {
    /** Returns how to leave; undefined where it took longer than `patienceMs`. */
    enter(isUrgent: boolean, patienceMs: number): Promise<(() => void) | undefined> {
      if (!isTaken) {
        isTaken = true
        return Promise.resolve(leave)
      }
      return new Promise((resolve) => {
        const one = {
          isUrgent,
          enter() {
            clearTimeout(timer)
            resolve(leave)
          },
        }
        const timer = setTimeout(() => {
          waiting.splice(waiting.indexOf(one), 1)
          resolve(undefined)
        }, patienceMs)
        waiting.push(one)
      })
    },
  }
}
