import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { putSection, sectionOf } from '../docs/changelog.ts'
import { VERSION } from '../src/version.ts'

const commit = (subject: string, body = '') => ({ subject, body })

describe('a section of the changelog', () => {
  it('says what a host notices, by kind, and leaves out what only the source does', () => {
    const section = sectionOf('1.2.0', '2026-03-05', [
      commit('feat(web): a page'),
      commit('refactor(web): the same page'),
      commit('fix(test): a test'),
      commit('fix: a fault'),
      commit('feat(config)!: PORT is named', 'BREAKING CHANGE: HTTP_PORT is PORT now: change your .env'),
      commit('no commit of ours'),
      commit('build: smaller'),
    ])
    expect(section).toBe(`## 1.2.0 (2026-03-05)

### Before you upgrade

- HTTP_PORT is PORT now: change your .env

### New

- **web**: a page
- **config**: PORT is named

### Mended

- a fault

### Package and image

- smaller
`)
  })

  it('comes first, replaces itself and leaves the others alone', () => {
    const first = putSection('', '1.0.0', '## 1.0.0 (2026-01-01)\n\n- one\n')
    const second = putSection(first, '1.1.0', '## 1.1.0 (2026-02-01)\n\n- two\n')
    const again = putSection(second, '1.1.0', '## 1.1.0 (2026-02-02)\n\n- three\n')
    expect(again.split('\n').filter((line) => /^(## |- )/.test(line))).toEqual([
      '## 1.1.0 (2026-02-02)',
      '- three',
      '## 1.0.0 (2026-01-01)',
      '- one',
    ])
    expect(putSection(again, '1.1.0', '## 1.1.0 (2026-02-02)\n\n- three\n')).toBe(again)
  })
})

it('CHANGELOG.md begins with the version of the package', () => {
  const changelog = readFileSync(new URL('../CHANGELOG.md', import.meta.url), 'utf8')
  expect(/^## (\S+) \(\d{4}-\d\d-\d\d\)$/m.exec(changelog)?.[1]).toBe(VERSION)
})
