// Captured days as editions with late risers, and the kinds of readers that mails are looked at
// for. What rose is what the month's later capture says: votes of weeks, so more than a night
// brings.
import type { Outlook } from '../../src/edition/outlook.ts'
import type { Place } from '../../src/edition/place.ts'
import { placesOf, placesWithRisers, RISING_EDITIONS } from '../../src/edition/places.ts'
import { findRisers, rankPapers } from '../../src/edition/ranking.ts'
import type { Listing } from '../../src/source/paper.ts'
import { type CapturedLooks, capturedMonth } from './captured-days.ts'

const MONTHS = ['2025-08', '2026-03']
const WEEK_WORKDAYS = 5

/** Six kinds of readers, by what they chose. */
export const READERS: Readonly<Record<string, object>> = {
  default: {},
  'two topics': { include: ['agents', 'diffusion'] },
  'only a topic': { include: ['reasoning'], includeMeans: 'only', mute: ['video'] },
  'votes and code': { minimumVotes: 10, onlyWithCode: true },
  titles: { papers: 25, length: 'titles' },
  'full, long': { papers: 30, length: 'full', organisations: ['Google'] },
}

/** Lists the daily editions of the captured months, each with what rose of the five before it. */
export function capturedEditions(): Outlook[] {
  return MONTHS.flatMap((month) => {
    const looks = capturedMonth(month).filter(({ own }) => own.length > 0)
    return looks.map((look, at) => dailyOf(look, looks.slice(Math.max(0, at - RISING_EDITIONS), at)))
  })
}

/** Lists the weekly editions of the captured Fridays. */
export function capturedWeeks(): Outlook[] {
  return MONTHS.flatMap((month) => {
    const looks = capturedMonth(month)
    return looks.flatMap(({ date }, at) => {
      if (new Date(`${date}T00:00:00Z`).getUTCDay() !== 5) return []
      const places = placesOf(listedOf(looks.slice(Math.max(0, at - WEEK_WORKDAYS + 1), at + 1))).map((place) => {
        const first = looks
          .find((look) => look.date === place.listedOn)
          ?.own.find((listing) => listing.paper.id === place.paper.id)
        return { ...place, ...(first && { upvotesBefore: first.upvotes }) }
      })
      const earlier = looks.slice(Math.max(0, at - 2 * WEEK_WORKDAYS + 1), Math.max(0, at - WEEK_WORKDAYS + 1))
      return [{ ...outlookOf(date, 'weekly', places), weekBefore: placesOf(listedOf(earlier)) }]
    })
  })
}

/** By the later capture where there is one. */
function listedOf(looks: readonly CapturedLooks[]) {
  return looks.flatMap(({ date, own, later }) =>
    (later && later.length > 0 ? later : own).map((listing) => ({ ...listing, listedOn: date })),
  )
}

function dailyOf({ date, own }: CapturedLooks, before: readonly CapturedLooks[]): Outlook {
  const listed = (look: CapturedLooks, listings: readonly Listing[]) =>
    rankPapers(listings.map((listing) => ({ ...listing, listedOn: look.date })))
  const risers = findRisers(
    before.map((look) => ({
      date: look.date,
      ranked: listed(look, look.later && look.later.length > 0 ? look.later : look.own),
      frozen: new Map(rankPapers(look.own).map((entry) => [entry.paper.id, entry])),
    })),
  )
  const ranked = rankPapers(own.map((listing) => ({ ...listing, listedOn: date })))
  return outlookOf(date, 'daily', placesWithRisers(ranked, risers))
}

function outlookOf(date: string, kind: Outlook['kind'], places: Place[]): Outlook {
  return { date, kind, state: 'open', verdict: 'complete', reason: null, incomplete: false, places, setAside: [] }
}
