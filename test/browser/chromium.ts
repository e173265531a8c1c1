// Debian's Chromium, which every browser test and picture uses. Whoever opens it closes it.
import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

/** The shell is the same engine without a window's trimmings, for a third of the time. */
const PROGRAMS = ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium']
const program = process.env.CHROMIUM_PATH ?? PROGRAMS.find((path) => existsSync(path))

export const hasChromium = program !== undefined

/** Throws where there is none: ask `hasChromium` first. */
export function openChromium(): Promise<Browser> {
  if (program === undefined) throw new Error(`There is no Chromium on this machine: ${PROGRAMS.join(' or ')}`)
  return chromium.launch({ executablePath: program, args: ['--no-sandbox', '--disable-lcd-text'] })
}
