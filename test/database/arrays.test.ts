import { describe, expect, it } from 'vitest'
import { arrayOf, arrayOfSame, withoutNulls } from '../../src/database/arrays.ts'

describe('a list for PostgreSQL', () => {
  it('is written with its nulls, and empty', () => {
    expect(arrayOf([1, null, 'a-b'])).toBe('{1,NULL,a-b}')
    expect(arrayOf([])).toBe('{}')
  })

  it('is written of one number again and again', () => {
    expect(arrayOfSame(12, 3)).toBe('{12,12,12}')
    expect(arrayOfSame(12, 0)).toBe('{}')
  })

  it('is left out where it is null all along, and whole otherwise', () => {
    expect(withoutNulls([null, null])).toEqual([])
    expect(withoutNulls([null, 'a'])).toEqual([null, 'a'])
  })
})
