// The contrast that a reader sees: measured on the pixels of a picture, so that it holds for
// colours that a program has changed after the page was styled.
import type { Page } from 'playwright-core'

/** WCAG's for text of any size. */
export const CONTRAST_MIN = 4.5

export interface Seen {
  text: string
  /** Between the ground behind it and the pixel that differs most. */
  ratio: number
  /** How light the ground is, from 0 to 1. */
  ground: number
}

/** Runs in the page: the boxes of its texts, in CSS pixels from its top. */
const BOXES = `(() => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  const found = []
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const text = node.data.replace(/[\\s\\u00a0\\u034f·]+/g, ' ').trim()
    if (text === '' || !node.parentElement.checkVisibility()) continue
    const range = document.createRange()
    range.selectNodeContents(node)
    for (const box of range.getClientRects()) {
      if (box.width < 6 || box.height < 6) continue
      found.push({ text: text.slice(0, 40), x: box.x, y: box.y + scrollY, width: box.width, height: box.height })
    }
  }
  return found
})()`

/** Runs in a blank page: reads a picture and measures each box in it. */
const MEASURE = `async ({ picture, boxes, scale }) => {
  const bitmap = await createImageBitmap(await (await fetch('data:image/png;base64,' + picture)).blob())
  const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d', { willReadFrequently: true })
  context.drawImage(bitmap, 0, 0)
  const linear = (value) => (value <= 10.31 ? value / 3294.6 : ((value / 255 + 0.055) / 1.055) ** 2.4)
  const light = (r, g, b) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
  return boxes.map(({ text, x, y, width, height }) => {
    const { data } = context.getImageData(x * scale, y * scale, Math.max(1, width * scale), Math.max(1, height * scale))
    const counts = new Map()
    for (let at = 0; at < data.length; at += 4) {
      const colour = (data[at] << 16) | (data[at + 1] << 8) | data[at + 2]
      counts.set(colour, (counts.get(colour) ?? 0) + 1)
    }
    const lightOf = (colour) => light(colour >> 16, (colour >> 8) & 255, colour & 255)
    const ground = lightOf([...counts].reduce((most, each) => (each[1] > most[1] ? each : most))[0])
    const ratios = [...counts.keys()].map((colour) => {
      const other = lightOf(colour)
      return (Math.max(ground, other) + 0.05) / (Math.min(ground, other) + 0.05)
    })
    return { text, ratio: Math.max(...ratios), ground }
  })
}`

/**
 * Measures every text that a page shows, `scale` being its device pixels a CSS pixel. `reader` is
 * another page of the browser, which reads the picture.
 */
export async function measureContrast(page: Page, reader: Page, scale: number): Promise<Seen[]> {
  const boxes = await page.evaluate(BOXES)
  const picture = (await page.screenshot({ fullPage: true })).toString('base64')
  return reader.evaluate(`(${MEASURE})(${JSON.stringify({ picture, boxes, scale })})`)
}
