// Holds the documents to the files that they lead to, and the README to its length.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import packageJson from '../package.json' with { type: 'json' }

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const README_LINES_MAX = 130
/** The changelog is written from commits and leads nowhere. */
const DOCUMENTS = [
  ...['README.md', 'CONTRIBUTING.md', 'SECURITY.md'],
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
]

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')

/** What a heading is called in an address. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\w\s-]/g, '')
    .trim()
    .replace(/\s/g, '-')
}

/** Returns the relative links of a text that lead to no file, or to no heading of it. */
function lostLinks(path: string, text: string): string[] {
  return [...text.matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g)]
    .filter(([, to = '', anchor]) => {
      const target = to === '' ? path : join(dirname(path), to)
      if (!existsSync(join(ROOT, target))) return true
      if (anchor === undefined) return false
      return ![...read(target).matchAll(/^#+ (.+)$/gm)].some(([, heading = '']) => anchorOf(heading) === anchor)
    })
    .map(([link]) => `${path}: ${link}`)
}

/** Returns the scripts that a text calls and the files that it names, where they are not there. */
function lostCommands(path: string, text: string): string[] {
  const scripts = [...text.matchAll(/npm run (?:--silent |-s )?([\w:-]+)/g)]
    .filter(([, name = '']) => !(name in packageJson.scripts))
    .map(([call]) => `${path}: ${call}`)
  const files = [...text.matchAll(/(?<![\w/.])(?:src|test|docs|templates)\/[\w./-]*\w/g)]
    .filter(([name]) => !existsSync(join(ROOT, name)))
    .map(([name]) => `${path}: ${name}`)
  return [...scripts, ...files]
}

it('sees what is lost', () => {
  expect(lostLinks('docs/a.md', '[a](../nowhere.md) [b](../README.md#no-such) [c](#x)')).toHaveLength(3)
  expect(lostLinks('docs/adr/a.md', '[a](../../README.md#run-it) [b](https://a.example) [c](../promises.md)')).toEqual(
    [],
  )
  expect(lostCommands('a.md', '`npm run -s nothing -- a` `src/nowhere.ts` `npx tsx test/bench/no.ts`')).toHaveLength(3)
  expect(lostCommands('a.md', '`npm run test:full -- test/crash/crash.test.ts` `https://a.example/src/x`')).toEqual([])
})

describe.each(DOCUMENTS)('%s', (path) => {
  const text = read(path)
  it('leads to files, headings and scripts that are there', () => {
    expect([...lostLinks(path, text), ...lostCommands(path, text)]).toEqual([])
  })
})

it('keeps the README short enough to be read', () => {
  expect(read('README.md').split('\n').length - 1).toBeLessThanOrEqual(README_LINES_MAX)
})

it('lists every decision once, and each says what it stands on', () => {
  const index = read('docs/adr/README.md')
  const files = readdirSync(join(ROOT, 'docs/adr')).filter((name) => name !== 'README.md')
  expect(files.length).toBeGreaterThan(20)
  expect([...index.matchAll(/\]\(([\w-]+\.md)\)/g)].map(([, name]) => name).sort()).toEqual(files.sort())
  for (const name of files) {
    const text = read(`docs/adr/${name}`)
    const heading = /^# (.+)$/m.exec(text)?.[1]
    expect(index).toContain(`[${heading}](${name})`)
    expect(text).toMatch(/\*\*Context\.\*\*[\s\S]*\*\*Decision\.\*\*[\s\S]*\*\*What else was (tried|considered)\.\*\*/)
  }
})

it('leads from the README to every page of docs/', () => {
  const readme = read('README.md')
  const pages = readdirSync(join(ROOT, 'docs')).filter(
    (name) => name.endsWith('.md') && statSync(join(ROOT, 'docs', name)).isFile(),
  )
  expect(pages.filter((name) => !readme.includes(`docs/${name}`))).toEqual([])
})
