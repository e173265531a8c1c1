import { describe, expect, it } from 'vitest'
import { judgeClocks, judgeDatabase, judgeRedis } from '../../../src/commands/doctor/stores.ts'
import type { DatabaseFacts } from '../../../src/database/inspecting.ts'

const DATABASE = {
  version: 160_004,
  isEmbedded: false,
  fsync: true,
  fullPageWrites: true,
  synchronousCommit: true,
  maxConnections: 100,
  readOnly: null,
  forbidden: [],
  mayMigrate: true,
}
const REDIS = {
  version: '7.0.15',
  evictionPolicy: 'noeviction',
  isPersistent: true,
  refusal: null,
  users: [],
  at: new Date(),
}
const lines = (findings: { state: string; says: string }[]) => findings.map(({ state, says }) => `${state} ${says}`)

describe('judgeDatabase', () => {
  it('is content with a server that keeps what it commits', () => {
    expect(lines(judgeDatabase(DATABASE, []))).toEqual(['ok PostgreSQL 16 keeps what it commits'])
  })

  it('says how far an embedded one goes', () => {
    expect(lines(judgeDatabase({ ...DATABASE, isEmbedded: true, fsync: false }, []))).toEqual([
      'ok the embedded database is well: it survives a killed process, not a power cut',
    ])
  })

  it.each<[Partial<DatabaseFacts>, RegExp]>([
    [{ version: 130_011 }, /^error PostgreSQL is version 13/],
    [{ fsync: false, synchronousCommit: false }, /^error .*fsync is off, synchronous_commit is off.*twice$/],
    [{ readOnly: 'standby' }, /^error PostgreSQL follows another server and takes no writes$/],
    [{ readOnly: 'setting' }, /^error PostgreSQL is switched to read-only and takes no writes$/],
    [{ readOnly: 'full' }, /^error PostgreSQL's disk is full$/],
    [{ forbidden: ['a', 'b', 'c', 'd'] }, /^error this user may not read and write a, b, c and more/],
    [{ maxConnections: 20 }, /^warning PostgreSQL takes 20 connections/],
  ])('tells %j', (facts, words) => {
    expect(lines(judgeDatabase({ ...DATABASE, ...facts }, []))).toEqual([expect.stringMatching(words)])
  })

  it('tells a schema that is behind: whoever may make tables has less to worry about', () => {
    expect(lines(judgeDatabase(DATABASE, ['001-a', '002-b']))).toEqual([
      'warning the schema lacks 2 steps, 001-a first',
    ])
    expect(lines(judgeDatabase({ ...DATABASE, mayMigrate: false }, ['002-b']))).toEqual([
      'error the schema lacks 002-b',
    ])
  })
})

describe('judgeRedis', () => {
  it.each([
    [{}, /^ok Redis 7.0.15 keeps the queue/],
    [{ version: '6.0.20' }, /^error Redis is version 6.0.20/],
    [{ version: '6.2.0' }, /^ok /],
    [{ evictionPolicy: 'allkeys-lru' }, /^error Redis throws keys away .*\(allkeys-lru\)/],
    [{ refusal: 'Redis takes no writes' }, /^error Redis takes no writes$/],
    [{ isPersistent: false }, /^warning Redis keeps nothing on disk/],
  ])('judges %j', (facts, words) => {
    expect(lines(judgeRedis({ ...REDIS, ...facts }))).toEqual([expect.stringMatching(words)])
  })
})

describe('judgeClocks', () => {
  it('tells whose clock goes ahead or behind, from five seconds on', () => {
    const here = new Date('2026-03-05T07:00:00Z')
    const at = (seconds: number) => new Date(here.getTime() + seconds * 1_000)
    expect(lines(judgeClocks(here, { Redis: at(4.9), 'the database': at(-4.9) }))).toEqual([
      'ok this machine, Redis and the database agree',
    ])
    expect(lines(judgeClocks(here, { Redis: at(5), 'the database': at(-90) }))).toEqual([
      "warning the clock of Redis is 5 s ahead of this machine's",
      "warning the clock of the database is 90 s behind this machine's",
    ])
  })
})
