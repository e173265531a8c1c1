// SpamAssassin as a judge of whole messages: its own rules only, nothing asked of the network and
// nothing learned.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'

export interface Score {
  file: string
  points: number
  rules: { name: string; points: number }[]
}

/** Five points are spam to it; one leaves room for what a receiver's network tests add. */
export const SCORE_MAX = 1

/**
 * Rules about what papers say and link to: no mail of ours can change that, and hiding it would be
 * what spammers do.
 */
const RULES_OF_THE_SOURCE: Record<string, string> = {
  LONGWORDS: 'ten long words in a row, as abstracts have them',
  PDS_OTHER_BAD_TLD: "a project page's top-level domain",
}

/** Returns how many of a message's points its papers bring along. */
export function pointsOfTheSource(rules: Score['rules']): number {
  return rules.filter(({ name }) => name in RULES_OF_THE_SOURCE).reduce((sum, { points }) => sum + points, 0)
}

/** Tells whether this machine can judge at all. */
export function hasSpamAssassin(): boolean {
  return spawnSync('spamassassin', ['--version'], { stdio: 'ignore' }).status === 0
}

/**
 * Scores each file; one start of the program for all of them, which takes longer than a message
 * does.
 */
export function scoreMessages(files: readonly string[]): Score[] {
  // A home of its own: the program writes settings into the one it finds.
  const home = mkdtempSync(join(tmpdir(), 'spamassassin-'))
  try {
    const report = execFileSync('spamassassin', ['-L', '-t', ...files], {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { PATH: process.env.PATH ?? '', HOME: home },
    })
    const scores = [
      ...report.matchAll(/^Content analysis details: +\((-?[\d.]+) points[\s\S]*?(?=^X-Spam-|(?![\s\S]))/gm),
    ]
    if (scores.length !== files.length) throw new Error(`${scores.length} scores of ${files.length} messages`)
    return scores.map(([details, points], index) => ({
      file: basename(files[index] as string),
      points: Number(points),
      rules: [...details.matchAll(/^ *(-?\d+\.\d) ([A-Z][A-Z0-9_]+) /gm)].map(([, own, name]) => {
        return { name: name as string, points: Number(own) }
      }),
    }))
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
}
