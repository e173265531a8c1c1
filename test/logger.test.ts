import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it, vi } from 'vitest'
import { openLines, openLogger, quietly } from '../src/logger.ts'
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

  it('writes to stderr at once: stdout belongs to what a command prints', async () => {
    const program = `
      import { openLines, openLogger, quietly } from '${pathToFileURL(await builtFile('src/logger.ts'))}'
      openLogger('info').info({ event: 'last.words' }, 'it was said')
      process.stdout.write('result')
      process.kill(process.pid, 'SIGKILL')`
    const argv = ['--input-type=module', '--eval', program]
    const ended = await promisify(execFile)(process.execPath, argv).catch((error) => error)
    expect(ended.stdout).toBe('result')
    expect(JSON.parse(ended.stderr)).toMatchObject({ event: 'last.words', message: 'it was said' })
  })
})

/** A file that takes so many bytes more, as a disk does that fills within a line. */
function openSmall() {
  const file = { text: '', room: 0, waits: 0 }
  const write = (_: number, bytes: Uint8Array): number => {
    if (file.waits-- > 0) throw Object.assign(new Error('the reader is behind'), { code: 'EAGAIN' })
    if (file.room === 0) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
    const taken = bytes.subarray(0, file.room)
    file.text += Buffer.from(taken).toString()
    file.room -= taken.length
    return taken.length
  }
  return { file, line: openLines(2, write) }
}

describe('openLines', () => {
  it('loses what finds no room, and says how much once there is some', () => {
    const { file, line } = openSmall()
    file.room = 9
    for (const each of ['first\n', 'second\n', 'third\n', 'fourth\n']) line(each)
    expect(file.text).toBe('first\nsec')
    file.room = 1_000
    for (const each of ['fifth\n', 'sixth\n']) line(each)
    const [first, cut, said, ...rest] = file.text.split('\n')
    expect([first, cut, ...rest]).toEqual(['first', 'sec', 'fifth', 'sixth', ''])
    expect(JSON.parse(said as string)).toEqual({
      level: 'warn',
      time: expect.any(String),
      event: 'log.lost',
      lines: 3,
      message: 'lines of the log could not be written',
    })
  })

  it('waits for a reader who is behind', () => {
    const { file, line } = openSmall()
    Object.assign(file, { room: 1_000, waits: 2 })
    line('first\n')
    expect(file.text).toBe('first\n')
  })

  it.skipIf(!existsSync('/dev/full')).each(['a full disk', 'a pipe that nobody reads'])(
    'costs a process on %s nothing but lines',
    async (where) => {
      const program = `
        import { openLogger } from '${pathToFileURL(await builtFile('src/logger.ts'))}'
        const logger = openLogger('info')
        process.stdin.once('data', () => {
          for (const words of ['one', 'two', 'three']) logger.info(words)
          setTimeout(() => {
            logger.info('four')
            process.stdout.write('it lives')
            process.exit()
          }, 10)
        })`
      const full = await open('/dev/full', 'w')
      const stderr = where === 'a full disk' ? full.fd : 'pipe'
      const argv = ['--input-type=module', '--eval', program]
      const child = spawn(process.execPath, argv, { stdio: ['pipe', 'pipe', stderr] })
      child.stderr?.destroy()
      child.stdin?.end('go')
      const [said] = await Promise.all([text(child.stdout as NodeJS.ReadableStream), once(child, 'close')])
      await full.close()
      expect([child.exitCode, said]).toEqual([0, 'it lives'])
    },
  )
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
