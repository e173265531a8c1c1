import { describe, expect, it } from 'vitest'
import { canMove, progressLine } from '../../src/commands/terminal.ts'

describe('a moving bar', () => {
  it.each([
    ['a terminal', { isTTY: true, columns: 80 }, true],
    ['a terminal that says no width', { isTTY: true }, false],
    ['a terminal of no width', { isTTY: true, columns: 0 }, false],
    ['a narrow one', { isTTY: true, columns: 40 }, false],
    ['a pipe', {}, false],
  ])('%s', (_name, stream, moves) => expect(canMove(stream)).toBe(moves))
})

it('counts towards an end, or from the beginning where none is known', () => {
  expect(progressLine('Sending', 1200, 3000)).toBe('Sending: 1,200 of 3,000')
  expect(progressLine('Importing', 1)).toBe('Importing: 1 line so far')
})
