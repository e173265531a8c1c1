// The live preview's values: what some choices would have brought over the last editions, as a
// small chart, a sentence and the days without anything. Pure; nothing of what the reader really
// got is in it.
import type { LookBack } from '../../../digest/look-back.ts'
import { counted, shortDate } from '../../../digest/text/words.ts'
import { definePage } from '../../page/pages.ts'

export interface LookBackValues {
  /** '' when there is nothing to look back at. */
  summary: string
  /** One bar a date, oldest first, in the chart's own units. */
  bars: { x: number; y: number; height: number; silent: boolean; label: string }[]
  chartWidth: number
  chartHeight: number
  /** Where the chart begins and ends. */
  from: string
  to: string
  /** Whether these are two. */
  many: boolean
  silent: { date: string; why: string }[]
  /** The newest date that would have brought something. */
  newest: string
  titles: string[]
  /** What stands in place of all this where there is nothing to look back at. */
  empty: string
}

export const lookBackPart = definePage<LookBackValues>('look-back')

const BAR_STEP = 10
const CHART_HEIGHT = 64
/** The chart has room for so many, the newest at its right end; fewer do not grow broad. */
const BARS = 30
/** A single paper is seen, and a silent day leaves a dot. */
const BAR_MIN = 4
const TITLES_SHOWN = 5
const EMPTY = {
  daily: 'No edition is final yet: there is nothing to look back at.',
  weekly: 'No weekly edition was made yet: there is nothing to look back at.',
}

type Looks = readonly Omit<LookBack, 'state'>[]

/** By the look that they are made of: the page fills them in once. */
const kept = { daily: new WeakMap<Looks, LookBackValues>(), weekly: new WeakMap<Looks, LookBackValues>() }

/** `looks` come newest first, all of one kind, and are never changed. */
export function lookBackValues(looks: Looks, kind: 'daily' | 'weekly'): LookBackValues {
  const values = kept[kind].get(looks) ?? makeValues(looks, kind)
  kept[kind].set(looks, values)
  return values
}

function makeValues(looks: Looks, kind: 'daily' | 'weekly'): LookBackValues {
  const most = Math.max(1, ...looks.map(({ papers }) => papers))
  const oldestFirst = [...looks].reverse()
  const width = Math.max(BARS, looks.length)
  const silent = looks.filter(({ papers }) => papers === 0)
  const newest = looks.find(({ papers }) => papers > 0)
  return {
    summary: summaryOf(looks, silent.length, kind),
    bars: oldestFirst.map(({ date, papers }, index) => {
      const height = papers === 0 ? BAR_MIN : Math.max(BAR_MIN, Math.round((papers / most) * CHART_HEIGHT))
      const label = `${shortDate(date)}: ${papers === 0 ? 'nothing' : counted(papers, 'paper')}`
      return {
        x: (width - looks.length + index) * BAR_STEP,
        y: CHART_HEIGHT - height,
        height,
        silent: papers === 0,
        label,
      }
    }),
    chartWidth: width * BAR_STEP - 2,
    chartHeight: CHART_HEIGHT,
    from: oldestFirst[0] ? shortDate(oldestFirst[0].date) : '',
    to: looks[0] ? shortDate(looks[0].date) : '',
    many: looks.length > 1,
    silent: silent.map(({ date, silence }) => ({ date: shortDate(date), why: silence ?? '' })),
    newest: newest ? shortDate(newest.date) : '',
    titles: newest?.titles.slice(0, TITLES_SHOWN) ?? [],
    empty: EMPTY[kind],
  }
}

function summaryOf(looks: readonly Pick<LookBack, 'papers'>[], silent: number, kind: 'daily' | 'weekly'): string {
  if (looks.length === 0) return ''
  const over = looks.length === 1 ? `From the last ${kind} edition` : `Of the last ${looks.length} ${kind} editions`
  const brought = looks.length - silent
  if (brought === 0) return `${over}, nothing would have come.`
  const counts = looks.filter(({ papers }) => papers > 0).map(({ papers }) => papers)
  const [least, most] = [Math.min(...counts), Math.max(...counts)]
  const many = least === most ? counted(most, 'paper') : `${least} to ${counted(most, 'paper')}`
  if (looks.length === 1) return `${over}, ${many} would have come.`
  const which = silent === 0 ? 'each' : String(brought)
  const rest = silent === 0 ? '' : `, ${silent} nothing`
  return `${over}, ${which} would have brought you ${many}${rest}.`
}
