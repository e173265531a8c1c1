// Lists as PostgreSQL reads them, written at once: the driver looks at each of a hundred elements
// by itself. For what needs no quotes; anything else is left to the driver.

/** Writes integers, and any words of letters, digits and hyphens; null stays null. */
export function arrayOf(list: readonly (number | string | null)[]): string {
  let text = ''
  for (const each of list) text += `,${each ?? 'NULL'}`
  return `{${text.slice(1)}}`
}

/** Writes one integer `times` over. */
export function arrayOfSame(value: number, times: number): string {
  return `{${`,${value}`.repeat(times).slice(1)}}`
}

/**
 * Returns what `unnest` beside a longer list makes the same rows of: nothing, where there is
 * nothing but null.
 */
export function withoutNulls<Each>(list: readonly (Each | null)[]): readonly (Each | null)[] {
  return list.some((each) => each !== null) ? list : []
}
