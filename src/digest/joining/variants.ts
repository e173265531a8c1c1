// Which shorter variants of an edition's papers its mails may need to stay within their size, and
// no others: on most days none. Pure.
import type { Section } from '../../database/states.ts'
import { SECTION_MAX } from '../choosing/selection.ts'
import { fits, heaviest, type Level, NO_SIZE, type Size, shorteningSteps, sumSizes } from '../piece/budget.ts'
import { REMARK_SIZE_MAX } from '../piece/remark.ts'
import { FORMS, type Form, type Layout } from './order.ts'

interface Sized {
  size: Size
}

interface Paper {
  section: Section
  forms: Partial<Record<Form, Sized>> & { line: Sized }
}

interface Making<T extends Sized> {
  /** Renders a form of the paper at an index, `level` times shortened. */
  shorten(index: number, form: 'large' | 'compact', level: Level): T
  /** Renders the line that says how many papers were left to the web. */
  more(left: number): T
}

const SECTIONS = ['ranked', 'rising', 'late'] as const

/**
 * Takes the steps that a mail takes, over all papers at once, until the heaviest mail that these
 * could make fits. Returns what had to be rendered for it.
 */
export function neededVariants<T extends Sized>(
  papers: readonly Paper[],
  layout: Layout,
  fixed: Size,
  { shorten, more }: Making<T>,
): T[] {
  const needed: T[] = []
  const remarked = ({ size }: Sized) => sumSizes([size, REMARK_SIZE_MAX])
  const sizes = papers.map(({ forms }) => {
    const line = remarked(forms.line)
    const compact = forms.compact ? remarked(forms.compact) : line
    return { line, compact, large: forms.large ? remarked(forms.large) : compact }
  })
  const allFit = (left = 0) =>
    fits(sumSizes([fixed, heaviestMail(papers, sizes, layout, left), left > 0 ? more(left).size : NO_SIZE]))
  for (const [index, level] of shorteningSteps(papers.length)) {
    if (allFit()) return needed
    for (const form of FORMS) {
      if (form === 'line' || !papers[index]?.forms[form]) continue
      const twin = shorten(index, form, level)
      const size = remarked(twin)
      const own = sizes[index] as Record<Form, Size>
      if (size.message >= own[form].message || size.html >= own[form].html) continue
      own[form] = size
      needed.push(twin)
    }
  }
  for (let left = 1; left < papers.length && !allFit(left - 1); left++) needed.push(more(left))
  // At the last level a paper is its line, which is there anyway.
  const lines = new Set<Sized>(papers.map(({ forms }) => forms.line))
  return needed.filter((twin) => !lines.has(twin))
}

/**
 * Adds up lines of the heaviest papers of each section, and the most by which some of them are more
 * than lines.
 */
function heaviestMail(
  papers: readonly Paper[],
  sizes: readonly Record<Form, Size>[],
  { large, compact }: Layout,
  left: number,
): Size {
  const groups = SECTIONS.map((section) => ({
    sizes: papers.flatMap((paper, index) =>
      paper.section === section ? [(sizes[index] as Record<Form, Size>).line] : [],
    ),
    most: SECTION_MAX[section],
  }))
  const gains = (more: Form, less: Form) =>
    sizes.map((forms) => ({
      html: Math.max(0, forms[more].html - forms[less].html),
      message: Math.max(0, forms[more].message - forms[less].message),
    }))
  return sumSizes([
    heaviest(groups, left),
    heaviest([{ sizes: gains('compact', 'line'), most: large + compact }]),
    heaviest([{ sizes: gains('large', 'compact'), most: large }]),
  ])
}
