// What a picture of a page does not show: whether it scrolls sideways, and what in it is too small
// for a finger.
import type { Page } from 'playwright-core'

/** A finger's width in CSS pixels; links within a sentence are exempt. */
const TARGET_MIN = 44

/** Runs in the page. */
const MEASURE = `({
  overflow: document.documentElement.scrollWidth - window.innerWidth,
  small: [...document.querySelectorAll('a, button, label, summary, select, textarea, input:not([type=hidden], [type=radio], [type=checkbox])')]
    .filter((element) => {
      const box = element.getBoundingClientRect()
      const label = element.matches('.field > label')
      const hidden = element.closest('.hidden') !== null
      return !label && !hidden && box.width > 0 && getComputedStyle(element).display !== 'inline' && Math.round(box.height) < ${TARGET_MIN}
    })
    .map((element) => element.outerHTML.slice(0, 80)),
})`

/**
 * Returns by how many pixels a page is wider than its window, and its targets that are too small,
 * as HTML.
 */
export async function measure(page: Page): Promise<{ overflow: number; small: string[] }> {
  return page.evaluate(MEASURE)
}
