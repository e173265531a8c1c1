// Writes the section of this version in CHANGELOG.md from the commits since the last tagged one:
// what a host notices, in the order in which it came. Sections of earlier versions stay as they
// are. Run: npm run changelog, before a version is tagged.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { VERSION } from '../src/version.ts'

export interface Commit {
  subject: string
  body: string
}

const HEAD =
  '# Changelog\n\nWhat changed for whoever hosts or reads paper-round, written from its commits by `npm run changelog`.\n'
const BREAKING = 'Before you upgrade'
/** By the type of a commit; what only concerns the source itself (tests, moves) is left out. */
const HEADINGS: Record<string, string> = {
  feat: 'New',
  fix: 'Mended',
  perf: 'Faster',
  build: 'Package and image',
}
/** Mended in what no host runs. */
const OWN = ['test', 'crash', 'bench', 'ci', 'docs']
const SUBJECT = /^(?<type>[a-z]+)(?:\((?<scope>[^)]+)\))?(?<bang>!)?: (?<text>.+)$/

/** Returns a version's section, oldest change first; a heading without changes is left out. */
export function sectionOf(version: string, date: string, commits: readonly Commit[]): string {
  const lines = new Map([BREAKING, ...Object.values(HEADINGS)].map((heading): [string, string[]] => [heading, []]))
  for (const { subject, body } of commits) {
    const { type = '', scope, bang, text = '' } = SUBJECT.exec(subject)?.groups ?? {}
    const breaking = /^BREAKING CHANGE: (.+)$/m.exec(body)?.[1] ?? (bang && text)
    if (breaking) lines.get(BREAKING)?.push(`- ${breaking}`)
    if (scope !== undefined && OWN.includes(scope)) continue
    lines.get(HEADINGS[type] ?? '')?.push(`- ${scope ? `**${scope}**: ` : ''}${text}`)
  }
  const groups = [...lines].filter(([, changes]) => changes.length > 0)
  return [`## ${version} (${date})\n`, ...groups.map(([heading, all]) => `### ${heading}\n\n${all.join('\n')}\n`)].join(
    '\n',
  )
}

/** Returns the changelog with a version's section in the first place, or in its own if it has one. */
export function putSection(changelog: string, version: string, section: string): string {
  const [, ...sections] = changelog.split(/^(?=## )/m)
  const others = sections.filter((other) => !other.startsWith(`## ${version} `))
  return [HEAD, section, ...others.map((other) => other.trimEnd().concat('\n'))].join('\n')
}

const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8' }).trim()

function commitsSince(tag: string | undefined): Commit[] {
  const range = tag === undefined ? 'HEAD' : `${tag}..HEAD`
  const log = git('log', '--no-merges', '--reverse', '--format=%s%x1f%b%x1e', range)
  return log
    .split('\u001e')
    .map((entry) => entry.trim().split('\u001f'))
    .flatMap(([subject = '', body = '']) => (subject === '' ? [] : [{ subject, body }]))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const file = fileURLToPath(new URL('../CHANGELOG.md', import.meta.url))
  const tags = git('tag', '--list', 'v*', '--sort=-version:refname').split('\n')
  const before = tags.find((tag) => tag !== '' && tag !== `v${VERSION}`)
  const section = sectionOf(VERSION, git('log', '-1', '--format=%cs'), commitsSince(before))
  writeFileSync(file, putSection(existsSync(file) ? readFileSync(file, 'utf8') : HEAD, VERSION, section))
}
