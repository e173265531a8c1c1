// stop, status and resume as the operator calls them, against one database.
import { describe, expect, it } from 'vitest'
import { resumeCommand } from '../../src/commands/resume.ts'
import { statusCommand } from '../../src/commands/status.ts'
import { stopCommand } from '../../src/commands/stop.ts'
import { findStopReason } from '../../src/edition/stop.ts'
import { describeError } from '../../src/errors.ts'
import { dispatch } from '../../src/jobs/dispatch.ts'
import { callOn, readJson } from '../support/command.ts'
import { keepRound } from '../support/kept-round.ts'
import { endWaits, planFor, type TestRound } from '../support/round.ts'
import { realPostgresUrl } from '../support/servers.ts'

const postgres = await realPostgresUrl()

let round: TestRound
keepRound((kept) => {
  round = kept
  round.provider.batchSize = 1
})

const stop = (options: Parameters<typeof stopCommand>[0]) => callOn(round.databaseUrl, () => stopCommand(options))
const resume = (options: Parameters<typeof resumeCommand>[0]) => callOn(round.databaseUrl, () => resumeCommand(options))
const status = () => callOn(round.databaseUrl, () => statusCommand({}))
const linesOf = ({ stdout }: { stdout: string }) => stdout.trimEnd().split('\n')

describe('resume', () => {
  it('lifts in one go what one wrong key stopped, editions and provider apart', async () => {
    const editions = [await planFor(round, ['ada'], '2026-03-05'), await planFor(round, ['bob'], '2026-03-06')]
    for (const { batchIds } of editions) {
      round.provider.script.push({ kind: 'stopped', reason: 'the key was refused' })
      await endWaits(round.db)
      await round.db.deleteFrom('providers').execute()
      await dispatch(round, batchIds[0] as number)
    }
    expect(linesOf(await status()).slice(1)).toEqual([
      '  due        2',
      '  submitted  0',
      '  waiting    2',
      '  2 wait because of: the key was refused'.replace('2 wait', '1 waits'),
      'outbox is out until you say "resume": the key was refused',
      'Not finished:',
      '  the edition of 2026-03-05: stopped because the key was refused: lift it with "resume --date 2026-03-05"; 1 email waiting',
    ])
    expect(linesOf(await resume({}))).toEqual([
      'Resumed the edition of 2026-03-06: it had stopped because the key was refused.',
      'Resumed the edition of 2026-03-05: it had stopped because the key was refused.',
      'outbox is used again: it was out because the key was refused.',
      'Running workers continue within a minute.',
    ])
    for (const { edition } of editions) expect(await findStopReason(round.db, edition)).toBeNull()
    expect((await resume({})).stdout).toBe('Nothing was stopped.\n')
  })

  it('tells what the operator stopped from what stopped by itself', async () => {
    const { edition } = await planFor(round, ['ada'])
    expect((await stop({ reason: 'a wrong\n link.' })).stdout).toBe(
      'Stopped all digests. Confirmations and other notices still go.\nNothing was being sent.\n',
    )
    await stop({ date: '2031-01-01' })
    expect(linesOf(await status()).slice(-2)).toEqual([
      expect.stringMatching(
        /^All digests: stopped by the operator on [-\d]+ [:\d]+ UTC, because: a wrong link. Lift it with "resume".$/,
      ),
      expect.stringMatching(/^The edition of 2031-01-01: stopped by the operator .* "resume --date 2031-01-01".$/),
    ])
    expect(linesOf(await resume({ date: edition.date }))).toEqual([
      'the edition of 2026-03-05 was not stopped.',
      expect.stringMatching(/^All digests are still stopped .*: "resume" without a date lifts that.$/),
    ])
    await expect(resume({ date: '2031-01-02' })).rejects.toThrow('nothing is known of the edition of 2031-01-02')
    const all = await readJson(round.databaseUrl, () => resumeCommand({ json: true }))
    expect(all).toEqual({
      ...{ date: null, kind: null, lifted: 'a wrong link', editions: [], providers: [] },
      restored: null,
      stops: [
        { date: null, kind: null, reason: 'a wrong link', since: expect.any(String) },
        { date: '2031-01-01', kind: 'daily', reason: null, since: expect.any(String) },
      ],
    })
  })

  it('takes a week only with its date', async () => {
    for (const command of [stopCommand, resumeCommand]) {
      await expect(command({ weekly: true })).rejects.toThrow(/--weekly names an edition together with --date/)
    }
  })
})

it('is told also before there is an edition, as is what else is wrong', async () => {
  await stop({ reason: 'not yet' })
  const { stdout } = await status()
  expect(stdout).toMatch(
    /^No daily edition was frozen yet: .*\nAll digests: stopped by the operator .*: not yet\. Lift/,
  )
  expect(await readJson(round.databaseUrl, () => statusCommand({ json: true }))).toMatchObject({
    ...{ date: null, kind: 'daily', state: null, due: 0, submitted: 0, withheld: {}, waiting: 0, submittedNow: 0 },
    stops: [{ date: null, reason: 'not yet' }],
  })
  const asked = (date: string) => callOn(round.databaseUrl, () => statusCommand({ date }))
  await expect(asked('2026-03-04')).rejects.toThrow('nothing is known of the edition of 2026-03-04: collect it first')
  await expect(asked('2999-03-04')).rejects.toThrow('the edition of 2999-03-04: its day has not come')
})

it('says in one line that PostgreSQL cannot be reached, and where to look', async () => {
  const unreached = callOn('postgres://nobody@127.0.0.1:1/none', () => statusCommand({})).catch(describeError)
  expect(await unreached).toBe('PostgreSQL cannot be reached (see DATABASE_URL): 127.0.0.1:1 refuses the connection')
})

// The embedded one has a single database, whatever its name.
it.skipIf(postgres === undefined)('says in one line that there is no such database', async () => {
  const nowhere = Object.assign(new URL(postgres ?? ''), { pathname: '/none-of-this-name' })
  expect(await callOn(nowhere.href, () => statusCommand({})).catch(describeError)).toBe(
    'PostgreSQL cannot be reached (see DATABASE_URL): database "none-of-this-name" does not exist',
  )
})

it('says what had begun when it was stopped', async () => {
  const { batchIds } = await planFor(round, ['ada', 'bob'])
  round.provider.script.push({ kind: 'unknown', reason: 'the connection was cut' })
  await dispatch(round, batchIds[0] as number).catch(() => {})
  expect((await stop({})).stdout).toMatch(/\n1 request \(1 email\) had begun and will finish; nothing else is sent/)
  expect(await readJson(round.databaseUrl, () => statusCommand({ json: true, watch: true }))).toMatchObject({
    waiting: 1,
    unknown: 1,
    stops: [{ date: null }],
    behind: [{ date: '2026-03-05', stoppedByHand: true, stoppedReason: null, waiting: 2, unresolved: 0 }],
  })
})

it('stops and resumes while Redis is away', async () => {
  const env = { REDIS_URL: 'redis://127.0.0.1:1' }
  const stopped = await callOn(round.databaseUrl, () => stopCommand({ reason: 'a wrong logo' }), env)
  expect(stopped.stdout).toMatch(/^Stopped all digests/)
  expect((await callOn(round.databaseUrl, () => statusCommand({}), env)).stdout).toContain(': Redis is not connected\n')
  expect((await callOn(round.databaseUrl, () => resumeCommand({}), env)).stdout).toContain('a wrong logo')
})
