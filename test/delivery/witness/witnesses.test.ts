// The witnesses by themselves: what they keep is a maximum, whoever writes, and one that fails is
// named and waited for by nobody.
import { randomUUID } from 'node:crypto'
import { mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openFileWitness } from '../../../src/delivery/witness/file.ts'
import { openRedisWitness } from '../../../src/delivery/witness/redis.ts'
import { isAbove, type Mark, type Witness } from '../../../src/delivery/witness/witness.ts'
import { openWitnesses } from '../../../src/delivery/witness/witnesses.ts'
import { openLogger } from '../../../src/logger.ts'
import { realRedisUrl } from '../../support/stores.ts'

const redisUrl = await realRedisUrl()
const databaseId = randomUUID()
const mark = (number: number, branch = 1): Mark => ({ databaseId, branch, number })

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'paper-round-witness-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const openers: [string, () => Witness][] = [
  ['files', () => openFileWitness(join(folder, 'state'))],
  ...(redisUrl === undefined
    ? []
    : [['Redis', () => openRedisWitness(redisUrl, `test${randomUUID()}`)] as [string, () => Witness]]),
]

describe.each(openers)('the witness in %s', (_, open) => {
  it('knows nothing at first, and then the highest: the branch first, then the number', async () => {
    const witness = open()
    expect(await witness.read(databaseId)).toBeUndefined()
    await witness.raise(mark(41))
    await witness.raise(mark(42))
    expect(await witness.read(databaseId)).toEqual({ branch: 1, number: 42 })
    await witness.raise(mark(7, 2))
    expect(await witness.read(databaseId)).toEqual({ branch: 2, number: 7 })
    expect(await witness.read(randomUUID())).toBeUndefined()
    await witness.check()
    expect(await witness.read(databaseId)).toEqual({ branch: 2, number: 7 })
    await witness.close?.()
  })
})

it.skipIf(redisUrl === undefined)('Redis never lowers what another process wrote', async () => {
  const [ahead, behind] = ['prefix', 'prefix'].map((prefix) => openRedisWitness(redisUrl as string, `test-${prefix}`))
  await ahead?.raise(mark(50))
  await behind?.raise(mark(49))
  expect(await behind?.read(databaseId)).toEqual({ branch: 1, number: 50 })
  await ahead?.close?.()
  await behind?.close?.()
})

describe('the files', () => {
  it('name STATE_DIR and the place where their folder cannot be made', async () => {
    const place = join(folder, 'file')
    await writeFile(place, '')
    const witness = openFileWitness(place)
    for (const look of [() => witness.check(), () => witness.raise(mark(1))]) {
      await expect(look()).rejects.toThrow(`STATE_DIR ${place} cannot be made or written: `)
    }
    await witness.close?.()
  })

  it('are one a process, for its owner alone, and read together', async () => {
    const state = join(folder, 'state')
    const [one, other] = [openFileWitness(state), openFileWitness(state)]
    await one.raise(mark(5))
    await other.raise(mark(3))
    const names = await readdir(state)
    expect(names).toHaveLength(2)
    expect((await stat(state)).mode & 0o777).toBe(0o700)
    expect((await stat(join(state, names[0] as string))).mode & 0o777).toBe(0o600)
    await other.close?.()
    expect(await one.read(databaseId)).toEqual({ branch: 1, number: 5 })
    await one.close?.()
  })

  it('are cleared away once they are old and say less than another', async () => {
    const old = openFileWitness(folder)
    await old.raise(mark(5))
    await old.close?.()
    const [name = ''] = await readdir(folder)
    const longAgo = new Date(Date.now() - 3 * 86_400_000)
    await utimes(join(folder, name), longAgo, longAgo)
    const witness = openFileWitness(folder)
    expect(await witness.read(databaseId)).toEqual({ branch: 1, number: 5 })
    expect(await readdir(folder)).toContain(name)
    await witness.raise(mark(6))
    expect(await witness.read(databaseId)).toEqual({ branch: 1, number: 6 })
    expect(await readdir(folder)).not.toContain(name)
    await witness.close?.()
  })

  it('pass over what is no record of theirs', async () => {
    await writeFile(join(folder, 'witness-0123456789abcdef.json'), '{"database":')
    await writeFile(join(folder, 'note.txt'), 'mine')
    const witness = openFileWitness(folder)
    expect(await witness.read(databaseId)).toBeUndefined()
    await witness.close?.()
  })
})

/** A witness that writes when it is told to. */
function openSlowWitness() {
  const written: number[] = []
  const waiting: { end(error?: Error): void }[] = []
  const witness: Witness = {
    name: 'slow',
    read: async () => undefined,
    check: async () => {},
    raise: ({ number }) =>
      new Promise((resolve, reject) => {
        written.push(number)
        waiting.push({ end: (error) => (error ? reject(error) : resolve()) })
      }),
  }
  return { witness, written, next: () => waiting.shift() }
}

describe('openWitnesses', () => {
  const logger = openLogger('silent')

  it('shares one write among the marks that come while another is under way', async () => {
    const { witness, written, next } = openSlowWitness()
    const all = openWitnesses([witness], logger)
    const first = all.keep(mark(1))
    await Promise.resolve()
    const others = [2, 4, 3].map((number) => all.keep(mark(number)))
    await new Promise(setImmediate)
    expect(written).toEqual([1])
    next()?.end()
    await first
    await new Promise(setImmediate)
    expect(written).toEqual([1, 4])
    next()?.end()
    await Promise.all(others)
    expect(written).toEqual([1, 4])
  })

  it('goes on with one of two, names the other, and rejects when none is left', async () => {
    const broken: Witness = {
      name: 'broken',
      read: () => Promise.reject(new Error('unreadable')),
      raise: () => Promise.reject(new Error('unwritable')),
      check: () => Promise.reject(new Error('unwritable')),
    }
    const file = openFileWitness(join(folder, 'state'))
    const two = openWitnesses([broken, file], logger)
    await two.keep(mark(1))
    expect(await two.read(databaseId)).toEqual({ branch: 1, number: 1 })
    expect(await two.check()).toEqual([
      { name: 'broken', failure: 'unwritable' },
      { name: 'STATE_DIR', failure: null },
    ])
    await two.close()
    const none = openWitnesses([broken], logger)
    await expect(none.keep(mark(2))).rejects.toThrow('nothing can be sent while broken cannot be written')
    await expect(none.read(databaseId)).rejects.toThrow('no witness of earlier marks can be read')
  })
})

describe('isAbove', () => {
  it.each([
    [1, 5, 1, 4, true],
    [1, 5, 1, 5, false],
    [2, 0, 1, 9, true],
    [1, 9, 2, 0, false],
  ])('branch %i number %i above branch %i number %i: %s', (branch, number, otherBranch, otherNumber, wanted) => {
    expect(isAbove({ branch, number }, { branch: otherBranch, number: otherNumber })).toBe(wanted)
  })
})
