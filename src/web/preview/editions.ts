// The editions that a preview can show: what is stored, else what the source says, else the sample
// days. Only ever reads.
import type { Kysely } from 'kysely'
import type { Database } from '../../database/schema.ts'
import type { EditionKind } from '../../database/states.ts'
import { type Outlook, outlookFromSource, outlookFromStore } from '../../edition/outlook.ts'
import type { Place } from '../../edition/place.ts'
import { daysOfWeek, placesWithRisers } from '../../edition/places.ts'
import { findRisers } from '../../edition/ranking.ts'
import type { EditionDate, Source } from '../../source/paper.ts'
import { openSampleSource, SAMPLE_DATES } from '../../source/sample.ts'
import { listVoteBars } from '../../subscriber/store.ts'

export interface PreviewEditions {
  /** Lists the dates that are known to hold something, oldest first. */
  listDates(kind: EditionKind): Promise<EditionDate[]>
  /**
   * Returns an edition with a few words on where it comes from. Throws when the source cannot be
   * read.
   */
  getOutlook(date: EditionDate, kind: EditionKind): Promise<{ outlook: Outlook; origin: string }>
}

export interface EditionsOptions {
  /** Undefined where no stores are at hand. */
  db: Kysely<Database> | undefined
  source: Source
  /** Whether the sample days stand in for dates that are not stored. */
  sample: boolean
}

export function openEditions({ db, source, sample }: EditionsOptions): PreviewEditions {
  // Asked once: reloading a page must not ask a host on the internet again and again.
  const read = new Map<string, Promise<{ outlook: Outlook; origin: string }>>()

  async function readSource(date: EditionDate, kind: EditionKind) {
    const outlook = await outlookFromSource(source, date, kind, db)
    return { outlook, origin: `read from ${source.name} at ${new Date().toISOString().slice(11, 16)} UTC` }
  }

  return {
    async listDates(kind) {
      const stored = db ? await listStoredDates(db, kind) : []
      return stored.length === 0 && sample ? [...(kind === 'weekly' ? SAMPLE_DATES.slice(1) : SAMPLE_DATES)] : stored
    },
    async getOutlook(date, kind) {
      const stored = db && (await outlookFromStore(db, date, kind, await listVoteBars(db)))
      if (stored)
        return { outlook: stored, origin: stored.state === 'frozen' ? 'stored, frozen' : 'stored, still open' }
      if (sample && isOfSample(date, kind))
        return { outlook: await outlookFromSample(date, kind), origin: 'sample day' }
      const key = `${kind} ${date}`
      const reading = read.get(key) ?? readSource(date, kind)
      read.set(key, reading)
      reading.catch(() => read.delete(key))
      return reading
    },
  }
}

/**
 * Ranks a sample day, or the week of both. The second day has what a freeze adds: the late risers
 * that a later look at the first one finds, and that day's papers for readers who missed it.
 */
export async function outlookFromSample(date: EditionDate, kind: EditionKind): Promise<Outlook> {
  const [first, second] = SAMPLE_DATES
  const later = openSampleSource({ later: true })
  if (kind === 'weekly') return outlookFromSource(later, date, kind)
  const morning = openSampleSource({ later: false })
  const outlook = await outlookFromSource(morning, date, kind)
  if (date !== second) return outlook
  const [before, after] = [await outlookFromSource(morning, first, kind), await outlookFromSource(later, first, kind)]
  const ranked = (places: readonly Place[]) => places.map((place) => ({ ...place, submittedAt: null }))
  const risers = findRisers([
    {
      date: first,
      ranked: ranked(after.places),
      frozen: new Map(before.places.map((place) => [place.paper.id, place])),
    },
  ])
  const places = placesWithRisers(ranked(outlook.places), risers)
  const known = new Set(places.map((place) => place.paper.id))
  const late = before.places
    .filter((place) => !known.has(place.paper.id))
    .map((place, index): Place => ({ ...place, section: 'late', position: places.length + index + 1 }))
  return { ...outlook, places: [...places, ...late] }
}

/** Tells whether any edition holds papers, or may still come to. */
export async function isAnyStored(db: Kysely<Database>): Promise<boolean> {
  const row = await db.selectFrom('editions').select('id').where('state', '<>', 'empty').limit(1).executeTakeFirst()
  return row !== undefined
}

/** A week counts as the sample's when the sample knows any of its days. */
function isOfSample(date: EditionDate, kind: EditionKind): boolean {
  const days = kind === 'weekly' ? daysOfWeek(date) : [date]
  return days.some((day) => SAMPLE_DATES.includes(day))
}

async function listStoredDates(db: Kysely<Database>, kind: EditionKind): Promise<EditionDate[]> {
  const rows = await db
    .selectFrom('editions')
    .select('date')
    .where('kind', '=', kind)
    .where('state', '<>', 'empty')
    .orderBy('date')
    .execute()
  return rows.map((row) => row.date)
}
