import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { PermanentError } from '../../../src/errors.ts'
import { describeProblems } from '../../../src/web/preview/problem.ts'

let directory: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'paper-round-problem-'))
  await writeFile(join(directory, 'digest.mjml'), 'one\ntwo\nthree\nfour\nfive\nsix\n{{#if seven}}eight\n')
})

afterEach(() => rm(directory, { recursive: true }))

describe('describeProblems', () => {
  it('shows the lines around each place that an error names', async () => {
    const error = new PermanentError('digest.mjml line 1 (mj-text): wrong\ndigest.mjml line 5 (mj-body): worse')
    const problems = await describeProblems(error, [directory])
    expect(problems).toMatchObject([
      { sentence: 'digest.mjml line 1 (mj-text): wrong', place: 'digest.mjml line 1' },
      { sentence: 'digest.mjml line 5 (mj-body): worse', place: 'digest.mjml line 5' },
    ])
    expect(problems[0]?.lines.map(({ number, text, marked }) => [number, text, marked])).toEqual([
      [1, 'one', true],
      [2, 'two', false],
      [3, 'three', false],
      [4, 'four', false],
    ])
    expect(problems[1]?.lines.filter(({ marked }) => marked)).toEqual([{ number: 5, text: 'five', marked: true }])
  })

  it.each([
    ['a cause with a line', new PermanentError('digest.mjml', { cause: new Error('Parse error on line 3:\n...') }), 3],
    ['a position', new PermanentError('digest.mjml is bad', { cause: new Error('Unexpected token at position 9') }), 3],
    [
      'a value that is not there',
      new PermanentError('digest.mjml (piece "card")', { cause: new Error('"seven" not defined in [object Object]') }),
      7,
    ],
  ])('finds the line of %s', async (_, error, line) => {
    const [problem] = await describeProblems(error, [directory])
    expect(problem?.place).toBe(`digest.mjml line ${line}`)
    expect(problem?.lines.find(({ marked }) => marked)?.number).toBe(line)
  })

  it("looks into the host's directory first and into the project's own for the rest", async () => {
    const other = await mkdtemp(join(tmpdir(), 'paper-round-problem-'))
    try {
      await writeFile(join(other, 'digest.mjml'), 'not this one')
      await writeFile(join(other, 'theme.json'), 'the other one')
      const error = new PermanentError('digest.mjml line 1: x\ntheme.json line 1: y')
      const problems = await describeProblems(error, [directory, other])
      expect(problems.map(({ lines }) => lines[0]?.text)).toEqual(['one', 'the other one'])
    } finally {
      await rm(other, { recursive: true })
    }
  })

  it.each([
    'digest.mjml line 99 (mj-text): beyond the end',
    'digest.mjml: the piece "card" is missing',
    '../secret.json line 1: elsewhere',
    '/etc/passwd line 1: elsewhere',
    'nothing.mjml line 1: not there',
    'something quite different',
  ])('shows no lines for: %s', async (sentence) => {
    expect(await describeProblems(new Error(sentence), [directory])).toEqual([{ sentence, place: '', lines: [] }])
  })

  it('shows what is thrown that is no error', async () => {
    expect(await describeProblems('a word', [directory])).toEqual([{ sentence: 'a word', place: '', lines: [] }])
  })
})
