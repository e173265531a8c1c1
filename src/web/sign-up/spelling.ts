// Mistyped mail hosts: gmial.com, hotmial.com. A hint only: nobody is refused for what their
// address looks like. Pure.

/** Large enough that a near miss is more likely a slip than a host of its own. */
const LARGE_HOSTS = [
  'gmail.com',
  'googlemail.com',
  'hotmail.com',
  'hotmail.co.uk',
  'hotmail.fr',
  'outlook.com',
  'yahoo.com',
  'yahoo.co.uk',
  'yahoo.co.jp',
  'yahoo.fr',
  'icloud.com',
  'protonmail.com',
  'proton.me',
  'fastmail.com',
  'yandex.ru',
  'naver.com',
  'web.de',
]

/** Real hosts that look like slips of the above. */
const LOOKALIKES = new Set([
  'mail.com',
  'email.com',
  'ymail.com',
  'gmail.de',
  'hotmail.de',
  'hotmail.it',
  'hotmail.es',
  'outlook.de',
  'outlook.fr',
  'outlook.es',
  'outlook.it',
  'yahoo.ca',
  'yahoo.de',
  'yahoo.es',
  'yahoo.it',
  'yahoo.co.in',
  'yahoo.co.id',
  'protonmail.ch',
  'fastmail.fm',
  'yandex.com',
  'daum.net',
])

/** From this length on, two slips are still more likely than another host. */
const TWO_SLIPS_FROM_CHARACTERS = 9

/**
 * Returns the address that was probably meant, undefined when the given one (normalised) looks
 * right.
 */
export function suggestAddress(address: string): string | undefined {
  const at = address.lastIndexOf('@')
  const host = address.slice(at + 1)
  if (LARGE_HOSTS.includes(host) || LOOKALIKES.has(host)) return undefined
  const near = LARGE_HOSTS.map((large) => ({ large, slips: countSlips(host, large) }))
    .filter(({ large, slips }) => slips <= (large.length >= TWO_SLIPS_FROM_CHARACTERS ? 2 : 1))
    .sort((a, b) => a.slips - b.slips)
  return near[0] && `${address.slice(0, at + 1)}${near[0].large}`
}

/**
 * Counts letters left out, added, changed, or exchanged with their neighbour (the optimal string
 * alignment distance).
 */
function countSlips(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, column) => column)]
  const at = (row: number, column: number) => rows[row]?.[column] ?? Number.POSITIVE_INFINITY
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    rows.push(row)
    for (let j = 1; j <= b.length; j++) {
      const changed = at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const exchanged = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? at(i - 2, j - 2) + 1 : Number.POSITIVE_INFINITY
      row.push(Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, changed, exchanged))
    }
  }
  return at(a.length, b.length)
}
