import { describe, expect, it } from 'vitest'
import { openPathReader } from '../../../src/web/page/base-path.ts'

const ROUTES = ['/', '/editions', '/editions/:date', '/unsubscribe/:token']

const readIn = (publicUrl: string) => {
  const read = openPathReader(publicUrl, ROUTES)
  return (path: string) => read(new Request(`http://localhost:3000${path}`))
}

describe('openPathReader', () => {
  it('takes the path of the public address off once, and no other', () => {
    const read = readIn('https://example.org/papers')
    expect(read('/papers/editions?q=a')).toBe('/editions')
    expect(read('/papers')).toBe('/')
    expect(read('/papers/')).toBe('/')
    expect(read('/papers?month=2026-03')).toBe('/')
    expect(read('/editions')).toBe('/editions')
    expect(read('/papersomething')).toBe('/papersomething')
    expect(read('/papers/papers/editions')).toBe('/papers/editions')
  })

  it('takes off one of several parts, and one that is written in other signs', () => {
    expect(readIn('https://example.org/news/papers')('/news/papers/editions')).toBe('/editions')
    expect(readIn('https://example.org/news/papers')('/news/editions')).toBe('/news/editions')
    expect(readIn('https://example.org/bücher')('/b%c3%bccher/editions')).toBe('/editions')
  })

  it('leaves all paths as they are where there is none, or where it would be one of our own', () => {
    expect(readIn('https://example.org')('//editions')).toBe('//editions')
    expect(readIn('https://example.org/editions')('/editions/2026-03-05')).toBe('/editions/2026-03-05')
  })
})
