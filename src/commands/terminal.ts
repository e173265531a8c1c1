// How commands talk: results on stdout, everything else on stderr; a moving bar in a terminal,
// plain lines elsewhere.
import { progress } from '@clack/prompts'
import { counted, grouped } from '../digest/text/words.ts'

export interface Terminal {
  /** A line for people; silent when the command prints JSON. */
  say(line?: string): void
  /** The result: one JSON object, or the lines for people. */
  print(result: unknown, lines: readonly string[]): void
  /** Follows long work. Call `update` as often as you like. */
  follow(label: string): Progress
}

export interface Progress {
  /** `total` undefined: nobody knows yet how much there is. `pace` is shown behind the numbers. */
  update(done: number, total?: number, pace?: string): void
  end(line: string): void
}

/** Below this a moving bar wraps and fills the screen; some terminals report no width at all. */
const BAR_MIN_COLUMNS = 60
/** Plain lines of progress come at most this often. */
const PLAIN_LINE_EVERY_MS = 2_000

export function openTerminal({ json = false }: { json?: boolean }): Terminal {
  return {
    say: (line = '') => {
      if (!json) process.stderr.write(`${line}\n`)
    },
    print: (result, lines) => {
      process.stdout.write(json ? `${JSON.stringify(result)}\n` : lines.map((line) => `${line}\n`).join(''))
    },
    follow: (label) => {
      if (json) return { update: () => {}, end: () => {} }
      return canMove(process.stderr) ? movingBar(label) : plainLines(label)
    },
  }
}

/** Whether a bar can move there: a terminal that says how wide it is, and is wide enough. */
export function canMove({ isTTY, columns }: { isTTY?: boolean; columns?: number }): boolean {
  return isTTY === true && columns !== undefined && columns >= BAR_MIN_COLUMNS
}

/** Returns `Sending …: 3 of 9`, or how many so far, and the pace where it is told. */
export function progressLine(label: string, done: number, total?: number, pace = ''): string {
  const count = total === undefined ? `${counted(done, 'line')} so far` : `${grouped(done)} of ${grouped(total)}`
  return `${label}: ${count}${pace === '' ? '' : ` (${pace})`}`
}

function movingBar(label: string): Progress {
  const bar = progress({ max: 100, size: 30, output: process.stderr })
  let percent = 0
  bar.start(label)
  return {
    update: (done, total, pace) => {
      const now = total === undefined ? 0 : total === 0 ? 100 : Math.floor((done / total) * 100)
      bar.advance(Math.max(0, now - percent), progressLine(label, done, total, pace))
      percent = Math.max(percent, now)
    },
    end: (line) => bar.stop(line),
  }
}

function plainLines(label: string): Progress {
  let nextAt = 0
  return {
    update: (done, total, pace) => {
      if (Date.now() < nextAt) return
      nextAt = Date.now() + PLAIN_LINE_EVERY_MS
      process.stderr.write(`${progressLine(label, done, total, pace)}\n`)
    },
    end: (line) => process.stderr.write(`${line}\n`),
  }
}
