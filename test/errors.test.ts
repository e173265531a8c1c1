import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { describeError, HoldError, LaterError, PermanentError, UsageError } from '../src/errors.ts'

describe('errors', () => {
  it('can be told apart by class and by name, a hold being a later', () => {
    const hold = new HoldError('busy', 5_000, { cause: new Error('429') })
    expect(hold).toBeInstanceOf(LaterError)
    expect(hold).toMatchObject({ name: 'HoldError', message: 'busy', retryAfterMs: 5_000 })
    expect(new LaterError('soon', 1)).not.toBeInstanceOf(HoldError)
    expect(new PermanentError('gone')).toMatchObject({ name: 'PermanentError', message: 'gone' })
    expect(new PermanentError('gone')).not.toBeInstanceOf(LaterError)
  })

  it('keeps the problems of a wrong use one by one', () => {
    expect(new UsageError('one').problems).toEqual(['one'])
    expect(new UsageError(['one', 'two'])).toMatchObject({ problems: ['one', 'two'], message: 'one\ntwo' })
  })
})

describe('describeError', () => {
  it.each<[string, unknown, string]>([
    ['an error', new Error('it broke'), 'it broke'],
    ['an error with causes', new Error('a', { cause: new Error('b', { cause: 'c' }) }), 'a: b: c'],
    ['an error without words', new TypeError(''), 'TypeError'],
    ['a group', new AggregateError([new Error('first'), new Error('second')]), 'first'],
    ['a group with words of its own', new AggregateError([new Error('first')], 'all failed'), 'all failed'],
    ['an empty group', new AggregateError([]), 'AggregateError'],
    ['text', 'plain', 'plain'],
    ['nothing', undefined, 'undefined'],
    [
      'a file that is not there',
      new Error('list.csv', { cause: new Error("ENOENT: no such file or directory, open 'list.csv'") }),
      'list.csv: no such file or directory',
    ],
    [
      'a name that leads nowhere',
      new TypeError('fetch failed', { cause: new Error('getaddrinfo ENOTFOUND papers.test') }),
      'fetch failed: the DNS knows no address of papers.test',
    ],
    ['a machine that is off', new Error('connect ETIMEDOUT 10.0.0.9:5432'), '10.0.0.9:5432 cannot be reached'],
    [
      'a full Redis',
      new Error("OOM command not allowed when used memory > 'maxmemory'. script: 5c9d, on @user_script:1."),
      'Redis takes no writes, for its memory is full: raise its maxmemory, or see what else fills it',
    ],
    [
      'a Redis on a full disk',
      new Error('MISCONF Redis is configured to save RDB snapshots, but it is currently unable to persist on disk.'),
      'Redis takes no writes, for it cannot save them: make room on its disk, and see its log',
    ],
    [
      'a Redis that follows another',
      new Error("READONLY You can't write against a read only replica."),
      'Redis takes no writes, for it follows another server: name that one as REDIS_URL',
    ],
    [
      'a PostgreSQL that is read-only',
      Object.assign(new Error('INSERT kann nicht ausgeführt werden'), { code: '25006' }),
      'PostgreSQL takes no writes at present: see "doctor"',
    ],
    [
      'a PostgreSQL on a full disk',
      Object.assign(new Error('could not extend file "base/5/16783": No space left on device'), { code: '53100' }),
      "PostgreSQL's disk is full: make room there",
    ],
    ['a cut connection', new Error('read ECONNRESET'), 'the other end cut the connection'],
  ])('describes %s', (_name, thrown, words) => expect(describeError(thrown)).toBe(words))

  it('says why a host with several addresses refused, where Node says nothing', async () => {
    const refused = await new Promise<unknown>((resolve) => {
      // Port 1 of both loopback addresses: nobody listens there.
      connect({ host: 'localhost', port: 1, autoSelectFamily: true }).once('error', resolve)
    })
    expect(describeError(refused)).toMatch(/^(127\.0\.0\.1|::1):1 refuses the connection$/)
  })
})
