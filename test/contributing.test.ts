// Holds the recipes of CONTRIBUTING.md to the source: every file that one names is there, and every
// symbol stands in one of the files of its step.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const FILE = /`((?:src|test|templates|docs)\/[\w./-]+|\.env\.example)`/g
const NAMED = /(?:src|test|templates|docs)\/[\w./-]*\w/g
/** A name as code writes it: not a command, an option or a placeholder. */
const SYMBOL =
  /`([A-Z]+_[A-Z_]+|[A-Za-z]*[a-z][A-Z]\w*|[a-z]+_[a-z_]+|Job|Provider|migrations|routes|fields|up|sweep|state|reason)`/g

const recipes = readFileSync(join(ROOT, 'CONTRIBUTING.md'), 'utf8')
  .split(/^## /m)
  .slice(1)
  .map((text) => [text.split('\n')[0] ?? '', text] as const)

function lostNames(text: string): string[] {
  const files = [...text.matchAll(NAMED)].map(([name]) => name).filter((name) => !existsSync(join(ROOT, name)))
  const symbols = text.split('\n').flatMap((step) => {
    const sources = [...step.matchAll(FILE)]
      .map(([, name = '']) => join(ROOT, name))
      .filter((path) => existsSync(path) && /\.\w+$/.test(path))
      .map((path) => readFileSync(path, 'utf8'))
    return [...step.matchAll(SYMBOL)]
      .map(([, name = '']) => name)
      .filter((name) => sources.length > 0 && !sources.some((source) => new RegExp(`\\b${name}\\b`).test(source)))
  })
  return [...files, ...symbols]
}

it('sees what is lost', () => {
  expect(lostNames('1. `openPipelines` in `src/jobs/pipeline.ts`, `src/jobs/nothing.ts`')).toEqual([
    'src/jobs/nothing.ts',
    'openPipelines',
  ])
})

it('has a recipe for what is most often done', () => {
  expect(recipes.map(([name]) => name)).toEqual([
    'Run one test',
    ...['Add a provider', 'Add a preference', 'Add a page', 'Add a job', 'Add a migration'],
    'Look at a stuck edition',
  ])
})

describe.each(recipes)('%s', (_, text) => {
  it('names files and symbols that are there', () => {
    expect(text.match(NAMED)?.length).toBeGreaterThan(0)
    expect(lostNames(text)).toEqual([])
  })
})
