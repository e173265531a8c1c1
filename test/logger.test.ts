import { execFile } from 'node:child_process'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it, vi } from 'vitest'
import { openLogger, quietly } from '../src/logger.ts'
import { builtFile } from './support/program.ts'

function collectLines(level: string) {
  const lines: string[] = []
  return { lines, logger: openLogger(level, { write: (line) => lines.push(line) }) }
}

describe('openLogger', () => {
  it('writes one JSON object a line, with a level by name, an ISO time and nothing about the machine', () => {
    const { lines, logger } = collectLines('info')
    logger.info({ event: 'date.collected', papers: 3 }, 'a date was\ncollected')
    logger.warn({ event: 'other' }, 'twice')
    expect(lines).toHaveLength(2)
    expect(lines.map((line) => line.split('\n').length)).toEqual([2, 2])
    const [first] = lines.map((line) => JSON.parse(line))
    expect(first).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      event: 'date.collected',
      papers: 3,
      message: 'a date was\ncollected',
    })
  })

  it('keeps below its level quiet, and everything when it is silent', () => {
    const { lines, logger } = collectLines('warn')
    logger.info('no')
    logger.error('yes')
    const silent = collectLines('silent')
    silent.logger.fatal('no')
    expect([lines.length, silent.lines.length]).toEqual([1, 0])
  })

  it('covers addresses, subjects and tokens, should one ever get in', () => {
    const { lines, logger } = collectLines('info')
    const leak = { address: 'a@leak.example', to: 'b@leak.example', token: 'leak-token', subject: 'leak-subject' }
    logger.info({ event: 'leak', ...leak, mail: leak, headers: { authorization: 'Bearer leak-key' } }, 'it leaked')
    expect(lines.join()).not.toMatch(/leak\.example|leak-/)
    expect(JSON.parse(lines[0] as string)).toMatchObject({ event: 'leak', mail: { to: '[Redacted]' } })
  })

  it('writes to stderr at once: stdout belongs to what a command prints', { tags: 'long' }, async () => {
    const program = `
      import { openLogger, quietly } from '${pathToFileURL(await builtFile('src/logger.ts'))}'
      openLogger('info').info({ event: 'last.words' }, 'it was said')
      process.stdout.write('result')
      process.kill(process.pid, 'SIGKILL')`
    const argv = ['--input-type=module', '--eval', program]
    const ended = await promisify(execFile)(process.execPath, argv).catch((error) => error)
    expect(ended.stdout).toBe('result')
    expect(JSON.parse(ended.stderr)).toMatchObject({ event: 'last.words', message: 'it was said' })
  })
})

describe('quietly', () => {
  it('lets one of many through at a time, with how many it left out', () => {
    vi.useFakeTimers({ toFake: ['Date'], now: 0 })
    const said: [string, number][] = []
    const say = quietly<string>(10_000, (what, leftOut) => said.push([what, leftOut]))
    for (const what of ['a', 'b', 'c']) say(what)
    vi.setSystemTime(9_999)
    say('d')
    vi.setSystemTime(10_000)
    say('e')
    vi.setSystemTime(20_000)
    say('f')
    expect(said).toEqual([
      ['a', 0],
      ['e', 3],
      ['f', 0],
    ])
    vi.useRealTimers()
  })
})
