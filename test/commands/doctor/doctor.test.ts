// doctor as the host calls it, on a set-up that is well and on one that is not.
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { doctorCommand } from '../../../src/commands/doctor/doctor.ts'
import { dateOf, shiftDate } from '../../../src/edition/edition.ts'
import { inspectRedis } from '../../../src/jobs/queue/inspecting.ts'
import { openSharing } from '../../../src/jobs/queue/sharing.ts'
import { openLogger } from '../../../src/logger.ts'
import { ensureLinkKey } from '../../../src/subscriber/link-key.ts'
import { deriveLinkKeys } from '../../../src/subscriber/token.ts'
import { callOn, readJson } from '../../support/command.ts'
import { openDnsStandIn } from '../../support/dns-stand-in.ts'
import { keepRound } from '../../support/kept-round.ts'
import { openResendStandIn } from '../../support/resend-stand-in.ts'
import { addReader, freezeEdition, type TestRound } from '../../support/round.ts'
import { openTemporaryRedis } from '../../support/stores.ts'

const SECRET = '8f1c3b7e92d40a56f1e2c3d4b5a69788'

let round: TestRound
// Of a real one, doctor has something to say.
keepRound((kept) => {
  round = kept
}, 'embedded')

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'paper-round-doctor-'))
  await writeFile(join(folder, `${shiftDate(dateOf(new Date()), -1)}.json`), '[]')
})
afterAll(() => rm(folder, { recursive: true }))
afterEach(() => {
  process.exitCode = undefined
})

const settings = (more: Record<string, string>) => ({
  LINK_SECRET: SECRET,
  MAIL_PROVIDER: 'resend',
  RESEND_API_KEY: 're_key',
  MAIL_FROM: 'Papers <papers@papers.example>',
  PUBLIC_URL: 'https://papers.example',
  SOURCE: `file:${folder}`,
  STATE_DIR: join(folder, 'state'),
  ...more,
})

describe('doctor', () => {
  it('has nothing to mend where all is well', { tags: 'long' }, async () => {
    const standIn = await openResendStandIn({ domains: { 'papers.example': 'verified' } })
    try {
      const env = settings({ RESEND_BASE_URL: standIn.url })
      const { stdout } = await callOn(round.databaseUrl, () => doctorCommand({}), env)
      const lines = stdout.trimEnd().split('\n')
      expect(lines.filter((line) => !line.startsWith('✓'))).toEqual(['', 'All is well.'])
      expect(lines).toContain('✓ resend    Resend lets the key in, and papers.example is verified')
      expect(lines).toContain('✓ clocks    this machine, the database and resend agree')
      expect(process.exitCode).toBeUndefined()
      expect(standIn.requests).toEqual([])
    } finally {
      await standIn.close()
    }
  })

  it('warns of a quota that is less than a day of readers', async () => {
    await addReader(round.db, 'ada')
    await addReader(round.db, 'ben')
    const env = settings({ MAIL_PROVIDER: 'outbox', SEND_QUOTA: '1/day', OUTBOX_DIR: join(folder, 'outbox') })
    const { stdout } = await callOn(round.databaseUrl, () => doctorCommand({}), env)
    expect(stdout).toMatch(
      /! database {2}the quota of outbox is 1 a day, of which 1 can still go today, and 2 readers get/,
    )
  })

  it('names everything that is not, each with what to do, and ends with 1', async () => {
    const standIn = await openResendStandIn({ domains: { 'papers.example': 'not_started' } })
    await ensureLinkKey(round.db, deriveLinkKeys(['the one before, which is long enough']))
    try {
      const env = settings({
        RESEND_BASE_URL: standIn.url,
        MAIL_PROVDER: 'smtp',
        TEMPLATES_DIR: '/nowhere',
        SOURCE: 'file:/nowhere',
        STATE_DIR: '/dev/null/state',
      })
      const { findings, errors, warnings } = await readJson(round.databaseUrl, () => doctorCommand({ json: true }), env)
      const bad = (findings as { about: string; state: string; says: string; remedy?: string }[]).filter(
        ({ state }) => state !== 'ok',
      )
      expect(bad.map(({ about, state }) => `${about} ${state}`)).toEqual([
        'settings warning',
        'database error',
        'resend error',
        'source error',
        'templates error',
        'disk error',
      ])
      expect(bad.every(({ remedy }) => remedy)).toBe(true)
      expect(bad[1]?.says).toMatch(/^LINK_SECRET is not what the links/)
      expect(bad[2]?.says).toBe('Resend has not verified papers.example: it is not started')
      expect(bad[5]?.says).toMatch(/^STATE_DIR \/dev\/null\/state cannot be made or written: \/dev\/null is a file;/)
      expect({ errors, warnings }).toEqual({ errors: 5, warnings: 1 })
      expect(process.exitCode).toBe(1)
    } finally {
      await standIn.close()
    }
  })

  it('tells of digests that still lead to the address before, and of how long they may go', async () => {
    const standIn = await openResendStandIn({ domains: { 'papers.example': 'verified' } })
    try {
      await freezeEdition({ ...round, host: { ...round.host, publicUrl: 'https://old.example' } }, '2026-03-05')
      const env = settings({ RESEND_BASE_URL: standIn.url })
      const { stdout } = await callOn(round.databaseUrl, () => doctorCommand({}), env)
      expect(stdout).toMatch(
        /^! settings +digests that were frozen under the earlier PUBLIC_URL still lead to https:\/\/old/m,
      )
      expect(stdout).toMatch(/until \d{4}-\d\d-\d\d \d\d:\d\d UTC/)
    } finally {
      await standIn.close()
    }
  })

  it('asks the DNS about a sender that reaches people', async () => {
    const dns = await openDnsStandIn(
      {
        'papers.example': ['v=spf1 ip4:192.0.2.1 -all'],
        '_dmarc.papers.example': ['v=DMARC1; p=none'],
      },
      { mailServers: { 'papers.example': ['mx.papers.example'] } },
    )
    try {
      const env = settings({
        MAIL_PROVIDER: 'smtp',
        SMTP_URL: 'smtp://no-server.invalid:25',
        RESEND_API_KEY: '',
        DNS_SERVER: dns.address,
        BOUNCE_ADDRESS: 'bounces@papers.example',
        BOUNCE_IMAP_URL: 'imaps://bounces:secret@127.0.0.1:1/INBOX',
      })
      const { findings } = await readJson(round.databaseUrl, () => doctorCommand({ json: true }), env)
      const about = (name: string) =>
        (findings as { about: string; state: string }[]).filter((each) => each.about === name).map(({ state }) => state)
      expect(about('smtp')).toEqual(['error'])
      expect(about('sender')).toEqual(['ok', 'warning', 'ok'])
      // The domain's servers are there, the mailbox is not.
      expect(about('bounces')).toEqual(['ok', 'error'])
    } finally {
      await dns.close()
    }
  })

  it('tells of another list that works in the same Redis, and of none once that has ended', async ({ skip }) => {
    const redis = await openTemporaryRedis()
    if (!redis) return skip()
    const other = { redisUrl: redis.url, prefix: undefined, databaseId: randomUUID(), logger: openLogger('silent') }
    const sharing = openSharing(other)
    const env = settings({ MAIL_PROVIDER: 'outbox', OUTBOX_DIR: join(folder, 'outbox'), REDIS_URL: redis.url })
    const lookAround = async () => (await callOn(round.databaseUrl, () => doctorCommand({}), env)).stdout
    const told = /^! Redis +another list works in this Redis too.*\n +give each list a Redis database of its own/m
    try {
      await vi.waitFor(async () => expect((await inspectRedis(redis.url)).users).toHaveLength(1), 10_000)
      expect(await lookAround()).toMatch(told)
      await sharing.close()
      expect(await lookAround()).not.toMatch(told)
    } finally {
      await sharing.close()
      await redis.close()
    }
  })

  it('reports the settings that keep it from looking any further', async () => {
    const { stdout } = await callOn(
      round.databaseUrl,
      () => doctorCommand({}),
      settings({ PORT: 'x', LINK_SECRET: 'short' }),
    )
    expect(stdout.split('\n').filter((line) => line.startsWith('✗'))).toHaveLength(2)
    expect(process.exitCode).toBe(1)
  })

  it('sends one marked email where it is asked to', async () => {
    const standIn = await openResendStandIn({ domains: { 'papers.example': 'verified' } })
    try {
      const env = settings({ RESEND_BASE_URL: standIn.url })
      const { stdout } = await callOn(round.databaseUrl, () => doctorCommand({ live: 'host@papers.example' }), env)
      expect(stdout).toMatch(/✓ live +resend accepted an email to host@papers.example \(/)
      expect(standIn.accepted.map(({ to }) => to)).toEqual(['host@papers.example'])
    } finally {
      await standIn.close()
    }
  })
})
