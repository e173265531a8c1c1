import { describe, expect, it } from 'vitest'
import { suggestAddress } from '../../../src/web/sign-up/spelling.ts'

describe('suggestAddress', () => {
  it.each([
    ['ada@gmial.com', 'ada@gmail.com'],
    ['ada@gamil.con', 'ada@gmail.com'],
    ['ada@gmail.co', 'ada@gmail.com'],
    ['ada@hotmial.com', 'ada@hotmail.com'],
    ['ada@outlok.com', 'ada@outlook.com'],
    ['ada@yahooo.com', 'ada@yahoo.com'],
    ['ada@icluod.com', 'ada@icloud.com'],
    ['ada@wbe.de', 'ada@web.de'],
    // Two slips from hotmail.com, and one from this.
    ['ada@hotmail.fm', 'ada@hotmail.fr'],
  ])('%s may have meant %s', (typed, meant) => {
    expect(suggestAddress(typed)).toBe(meant)
  })

  it.each(['gmail.com', 'mail.com', 'ymail.com', 'yahoo.de', 'example.org', 'ed.ac.uk', 'gmx.de', 'qq.com', 'me.com'])(
    'leaves %s alone',
    (host) => {
      expect(suggestAddress(`ada@${host}`)).toBeUndefined()
    },
  )
})
