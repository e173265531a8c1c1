// What is said beside every answer that an email is on its way: it may be held back by the limits
// of its address (src/delivery/request/sign-up.ts), which the answer must not tell.

/** Says where to look, and how many emails of a kind an address gets. */
export function limitNote(kind: string): string {
  return `Nothing after a few minutes? Check your spam folder. We send at most one ${kind} a day to an address, and three in 30 days.`
}
