// What the preview's page lets its reader choose: subscribers, dates, kind and length, the present
// choice marked.
import { LENGTHS } from '../../database/states.ts'
import { longDate } from '../../digest/text/words.ts'
import type { EditionDate } from '../../source/paper.ts'
import { listSubscribers } from '../../subscriber/store.ts'
import { type PreviewChoice, queryOf } from './choice.ts'
import type { PreviewParts } from './digest.ts'

export interface FormValues {
  date: string
  kinds: Choosable[]
  subscribers: Choosable[]
  /** Says that the list is not the whole list; ''. */
  moreSubscribers: string
  lengths: Choosable[]
  histories: Choosable[]
  /** Neighbours among the known editions; '' at either end. */
  earlier: { label: string; path: string }
  later: { label: string; path: string }
}

interface Choosable {
  value: string
  label: string
  selected: boolean
}

/** More would make the list a burden; others are named by the command or in the address. */
const SUBSCRIBERS_LISTED = 200
const LENGTH_WORDS = { titles: 'Titles only', short: 'Short', full: 'Full abstracts' }

export async function listChoices(
  { db, editions }: Pick<PreviewParts, 'db' | 'editions'>,
  choice: PreviewChoice,
): Promise<FormValues> {
  const { date = '', kind, subscriber, length, missed } = choice
  const dates = await editions.listDates(kind)
  const listed = db ? await listSubscribers(db, 0, SUBSCRIBERS_LISTED + 1) : []
  const addresses = listed.slice(0, SUBSCRIBERS_LISTED).flatMap(({ address }) => address ?? [])
  const options = (entries: [value: string, label: string][], chosen: string): Choosable[] =>
    entries.map(([value, label]) => ({ value, label, selected: value === chosen }))
  const neighbour = (near: EditionDate | undefined) =>
    near === undefined
      ? { label: '', path: '' }
      : { label: longDate(near), path: `/?${queryOf({ ...choice, date: near })}` }
  return {
    date,
    kinds: options(
      [
        ['daily', 'Daily'],
        ['weekly', 'Weekly'],
      ],
      kind,
    ),
    // The chosen one is there even when the list ends before it, or when no such subscriber exists.
    subscribers: options(
      [['', 'Default reader'], ...[...new Set([...addresses, subscriber])].filter(Boolean).map(twice)],
      subscriber,
    ),
    moreSubscribers:
      listed.length > SUBSCRIBERS_LISTED ? `The first ${SUBSCRIBERS_LISTED}; --subscriber shows any other.` : '',
    lengths: options(
      [['', "The reader's own"], ...LENGTHS.map((own): [string, string] => [own, LENGTH_WORDS[own]])],
      length ?? '',
    ),
    histories: options(
      [
        ['', 'All received'],
        ['yes', 'Missed by an outage'],
      ],
      missed ? 'yes' : '',
    ),
    earlier: neighbour(dates.findLast((near) => near < date)),
    later: neighbour(dates.find((near) => near > date)),
  }
}

function twice(address: string): [string, string] {
  return [address, address]
}
