import { expect, it } from 'vitest'
import { parseJson } from '../../../src/digest/template/json.ts'

it('reads what is JSON', () => {
  expect(parseJson('\n{"a": [1, -2.5e3, true, null, "x\\"y"], "b": {}}\n', 'x.json')).toEqual({
    ...{ a: [1, -2500, true, null, 'x"y'], b: {} },
  })
})

it.each([
  ['', 1],
  ['{\n  "a": 1,\n}', 3],
  ['{\n  "a": 1\n  "b": 2\n}', 3],
  ['{\n  "a": beige\n}', 2],
  ['{\n  "a": "open\n}', 2],
  ['{\n  "a": [1, 2\n}', 3],
  ['{\n  "a": 1\n}\n}', 4],
  ["{\n  'a': 1\n}", 2],
  ['{\n  "a": 01\n}', 2],
  ['{\n  "a": 1\n\n', 2],
])('names the line of the mistake in %j', (text, line) => {
  expect(() => parseJson(text, 'x.json')).toThrow(new RegExp(`^x\\.json line ${line} is not JSON: `))
})
