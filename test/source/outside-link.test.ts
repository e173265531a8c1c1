// Links out of outside text: only what was checked and rebuilt comes out.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { arxivIdOf, codeUrlOf, projectUrlOf } from '../../src/source/outside-link.ts'

describe('arxivIdOf', () => {
  it.each([
    ['2508.04026', '2508.04026'],
    ['2508.04026v3', '2508.04026'],
    ['1412.6980', '1412.6980'],
    ['cs/0112017', 'cs/0112017'],
    ['hep-th/9901001v2', 'hep-th/9901001'],
    ['math.GT/0309136', 'math.GT/0309136'],
    ['cs/0113017', null],
    ['cs/011201', null],
    ['cs/0801001', null],
    ['../9901001', null],
    ['2513.04026', null],
    ['2508.040', null],
    ['2508.04026/../x', null],
    ['hello', null],
    ['', null],
    [null, null],
  ])('of %j is %j', (id, expected) => {
    expect(arxivIdOf(id)).toBe(expected)
  })
})

describe('codeUrlOf', () => {
  it.each([
    ['https://github.com/microsoft/villa-x/', 'https://github.com/microsoft/villa-x'],
    ['https://github.com/owner/name/tree/main/part?tab=readme#top', 'https://github.com/owner/name'],
    ['http://www.github.com/owner/na.me.git', 'https://github.com/owner/na.me'],
    ['https://github.com/Alibaba-NLP/WebAgent//', 'https://github.com/Alibaba-NLP/WebAgent'],
    ['https://github.com/owner', null],
    ['https://github.com.evil.org/owner/name', null],
    ['https://user:secret@github.com/owner/name', null],
    ['https://github.com:8443/owner/name', null],
    ['https://gist.github.com/owner/name', null],
    ['https://github.com/owner/%3Cscript%3E', null],
    ['https://github.com/owner/...', null],
    ['javascript:alert(1)', null],
    ['owner/name', null],
    [null, null],
  ])('of %j is %j', (address, expected) => {
    expect(codeUrlOf(address)).toBe(expected)
  })
})

describe('projectUrlOf', () => {
  it.each([
    ['https://owner.github.io/project', 'https://owner.github.io/project'],
    [' https://Project.AI ', 'https://project.ai/'],
    ['https://project.ai/a b"<c>', 'https://project.ai/a%20b%22%3Cc%3E'],
    ['http://project.ai', null],
    ['https://127.0.0.1/x', null],
    ['https://0x7f000001/x', null],
    ['https://[::1]/x', null],
    ['https://localhost/x', null],
    ['https://printer.local/x', null],
    ['https://intranet/x', null],
    ['https://user@project.ai/', null],
    ['https://project.ai:444/', null],
    ['https://аpple.com/', null],
    [`https://project.ai/${'x'.repeat(200)}`, null],
    ['data:text/html,x', null],
    ['not an address', null],
    [undefined, null],
  ])('of %j is %j', (address, expected) => {
    expect(projectUrlOf(address)).toBe(expected)
  })

  it('gives nothing or an https address without quotes, brackets, spaces or credentials', () => {
    fc.assert(
      fc.property(fc.oneof(fc.webUrl({ withFragments: true, withQueryParameters: true }), fc.string()), (address) => {
        const url = projectUrlOf(address)
        if (url !== null) expect(url).toMatch(/^https:\/\/[a-z0-9.-]+\/[^\s<>"]*$/)
      }),
    )
  })
})
