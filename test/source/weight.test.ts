import { expect, it } from 'vitest'
import { refuseWeight } from '../../src/source/weight.ts'

it('takes what a day of papers is, however many authors they have', () => {
  const authors = JSON.stringify(Array.from({ length: 3_000 }, (_, index) => ({ name: `Author ${index} {[` })))
  const paper = `{"title":"On \\"[[\\\\\\" and {","paper":{"id":"2603.00001","authors":${authors}}}`
  expect(refuseWeight(`[${Array.from({ length: 100 }, () => paper).join(',')}]`)).toBeUndefined()
})

it('refuses what is nothing but brackets, without parsing it', () => {
  expect(refuseWeight(`[${'{},'.repeat(4_000_000)}{}]`)).toBe('The answer holds more than 400000 lists and objects')
  expect(refuseWeight('['.repeat(8_000_000))).toBe('The answer nests more than 64 deep')
})

it('refuses more values than papers could have, be they no objects', () => {
  expect(refuseWeight(`[[${'1,'.repeat(2_000_000)}1]]`)).toBeUndefined()
  expect(refuseWeight(`[[${'1,'.repeat(2_000_001)}1]]`)).toBe('The answer holds more than 2000000 values')
  expect(refuseWeight(`["${','.repeat(2_000_001)}"]`)).toBeUndefined()
})

it('counts no bracket within a string, and each one outside', () => {
  const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`
  expect(refuseWeight(nested(64))).toBeUndefined()
  expect(refuseWeight(nested(65))).toBe('The answer nests more than 64 deep')
  expect(refuseWeight(`["${'['.repeat(100)}\\"${'{'.repeat(100)}",${nested(63)}]`)).toBeUndefined()
})
