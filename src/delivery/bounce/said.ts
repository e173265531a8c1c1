// What a report says of one recipient, before it is known whose mail it was.
import type { ReportType } from '../../database/states.ts'

export interface Said {
  type: Extract<ReportType, 'sent' | 'delayed' | 'delivered' | 'soft-bounce' | 'hard-bounce' | 'complained'>
  /** The addresses that it names: the one that was written to, and where that led. */
  recipients: string[]
}

/** From good to bad. */
const MILDEST_FIRST: readonly Said['type'][] = [
  'delivered',
  'sent',
  'delayed',
  'soft-bounce',
  'hard-bounce',
  'complained',
]

/**
 * Chooses what counts for a mail to one address. A report of several is about what that address
 * expands to: of those, the mildest, since somebody behind it was reached or may be.
 */
export function chooseSaid(said: readonly Said[], isOurs: (address: string) => boolean): Said | undefined {
  const own = said.filter(({ recipients }) => recipients.some(isOurs))
  const [mildest] = (own.length > 0 ? own : said).toSorted(
    (a, b) => MILDEST_FIRST.indexOf(a.type) - MILDEST_FIRST.indexOf(b.type),
  )
  return mildest
}
