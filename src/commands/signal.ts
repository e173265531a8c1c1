// Turns Ctrl-C and the supervisor's SIGTERM into one abort signal; a second one ends the process
// the hard way.

export function untilSignal(): AbortSignal {
  const controller = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => controller.abort())
  return controller.signal
}
