import { sql } from 'kysely'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { getNow } from '../../src/database/clock.ts'
import type { AlarmName } from '../../src/delivery/alarm/judging.ts'
import { DEFAULT_LIMITS } from '../../src/delivery/alarm/limits.ts'
import { listAlarms } from '../../src/delivery/alarm/store.ts'
import { dateOf } from '../../src/edition/edition.ts'
import { ensureRestoredHold } from '../../src/edition/restored.ts'
import { ensureStop, pruneStops } from '../../src/edition/stop.ts'
import { ensureEdition } from '../../src/edition/store.ts'
import { type AlarmOptions, openAlarms } from '../../src/jobs/alarms.ts'
import { openPipeline } from '../../src/jobs/pipeline.ts'
import type { Job } from '../../src/jobs/queue/job.ts'
import { getAddressKey } from '../../src/subscriber/store.ts'
import { hashAddress } from '../../src/subscriber/subscriber.ts'
import { ensureSuppression } from '../../src/subscriber/suppression.ts'
import { countMilliseconds } from '../support/clock.ts'
import { keepRound } from '../support/kept-round.ts'
import { ALARM_SECRET, openReceiver, type Receiver } from '../support/receiver.ts'
import { only, openScriptedProvider, planFor, type ScriptedProvider, type TestRound } from '../support/round.ts'

const HOST = 'host@papers.test'
const NOBODY = { operatorEmail: null, alarmUrl: null, alarmSecrets: [], heartbeatUrl: null, limits: DEFAULT_LIMITS }

let round: TestRound & { provider: ScriptedProvider }
let receiver: Receiver
keepRound((kept) => {
  round = kept
})
// As the moments that are compared here do.
beforeAll(() => countMilliseconds(round.databaseUrl))

beforeEach(async () => {
  receiver = await openReceiver()
  round = { ...round, ...only(openScriptedProvider()) }
})
afterEach(() => receiver.close())

/** Opens the alarms of one process. */
const openHere = (given: Partial<AlarmOptions> = {}) =>
  openAlarms({
    round,
    queue: { check: async () => {} },
    settings: {
      operatorEmail: HOST,
      alarmUrl: `${receiver.url}/alarms`,
      alarmSecrets: [ALARM_SECRET],
      heartbeatUrl: null,
      limits: DEFAULT_LIMITS,
    },
    sends: true,
    folders: [],
    morningHour: 8,
    ...given,
  })

const mailed = () => round.provider.accepted.map(({ to, subject }) => ({ to, subject }))

/** What was last seen is as if it was six minutes ago. */
const letPass = () => sql`update alarms set seen_at = seen_at - interval '6 minutes'`.execute(round.db)

/** What provokes each alarm that rows tell of, and what ends it. */
const faults: Record<Exclude<AlarmName, 'queue' | 'disk' | 'database'>, { begin(): unknown; end(): unknown }> = {
  unfrozen: {
    begin: async () => {
      const now = await getNow(round.db)
      await ensureEdition(round.db, { date: dateOf(now), kind: 'daily', cutoffAt: new Date(now.getTime() - 3_660_000) })
    },
    end: () => sql`update editions set state = 'empty', reason = 'weekend'`.execute(round.db),
  },
  unsent: {
    begin: async () => {
      await planFor(round, ['ada', 'ben'])
      await sql`update deliveries set changed_at = changed_at - interval '61 minutes'`.execute(round.db)
    },
    end: () => sql`update batches set state = 'settled'`.execute(round.db),
  },
  slow: {
    begin: async () => {
      await planFor(round, ['ada', 'ben'])
      await sql`update deliveries set changed_at = changed_at - interval '16 minutes'`.execute(round.db)
    },
    end: () => sql`update batches set state = 'settled'`.execute(round.db),
  },
  provider: {
    begin: () =>
      sql`insert into providers (name, stopped_reason, since) values ('resend', 'the key is refused', round_clock() - interval '11 minutes')`.execute(
        round.db,
      ),
    end: () => sql`delete from providers`.execute(round.db),
  },
  stopped: {
    begin: () => ensureStop(round.db, { date: '2026-03-05', kind: 'daily' }, 'a wrong logo'),
    end: () => round.db.transaction().execute((trx) => pruneStops(trx, null)),
  },
  unknown: {
    begin: async () => {
      await planFor(
        round,
        Array.from({ length: 11 }, (_, index) => `reader${index}`),
      )
      await sql`update batches set state = 'unknown', next_attempt_at = 'infinity'`.execute(round.db)
    },
    end: () => sql`update batches set state = 'settled'`.execute(round.db),
  },
  rejected: {
    begin: async () => {
      await planFor(
        round,
        Array.from({ length: 21 }, (_, index) => `reader${index}`),
      )
      await sql`update deliveries set state = 'rejected', reason = 'no such mailbox', local_date = null`.execute(
        round.db,
      )
      await sql`update batches set state = 'settled'`.execute(round.db)
    },
    end: () => sql`update editions set frozen_at = frozen_at - interval '2 days'`.execute(round.db),
  },
  'good-name': {
    begin: async () => {
      await planFor(round, ['ada', 'ben', 'cleo', 'dan', 'eve'])
      await sql`update deliveries set state = 'submitted'`.execute(round.db)
      await sql`update batches set state = 'settled', provider = 'outbox', first_attempt_at = round_clock(),
        members = members || array_fill(members[1], array[995])`.execute(round.db)
      await sql`insert into events (id, type, edition_id, subscriber_id, at)
        select public_id, 'complained', edition_id, subscriber_id, round_clock() from deliveries`.execute(round.db)
    },
    end: () => sql`delete from events`.execute(round.db),
  },
  source: {
    begin: () =>
      sql`insert into collections (date, source, verdict, reason, listed, set_aside, collected_at)
        values ('2026-03-05', 'test', 'complete', null, 9, 0, round_clock() - interval '181 minutes'),
          ('2026-03-05', 'test', 'refused', 'it answered 503', 0, 0, round_clock())`.execute(round.db),
    end: () => sql`update collections set verdict = 'complete'`.execute(round.db),
  },
  'sign-ups': {
    begin: async () => {
      await openHere().look()
      await sql`insert into sign_up_answers (answer, count) values ('refused', 101), ('challenged', 9)`.execute(
        round.db,
      )
    },
    end: () => sql`delete from sign_up_answers`.execute(round.db),
  },
  bounces: {
    begin: () =>
      sql`insert into bounce_mailboxes (name, reader, leased_until, failed_since, failure)
        values ('mailbox', gen_random_uuid(), round_clock(), round_clock() - interval '31 minutes', 'nobody answers')`.execute(
        round.db,
      ),
    end: () => sql`delete from bounce_mailboxes`.execute(round.db),
  },
  restored: {
    begin: async () => {
      await ensureRestoredHold(round.db, 'Redis knows of marks that it lacks')
      // An email of this very second would be held itself.
      await sql`update lineage set held_at = round_clock()`.execute(round.db)
      await openHere().look()
      await sql`update lineage set held_at = held_at - interval '1 second'`.execute(round.db)
    },
    end: () => sql`update lineage set held_at = null, held_why = null, gap_from = null`.execute(round.db),
  },
}

describe('openAlarms', () => {
  it.each(Object.entries(faults))(
    'tells %s once, and its end, over two schedulers and a restart',
    { tags: 'long' },
    async (name, fault) => {
      await fault.begin()
      const [one, other] = [openHere(), openHere()]
      await Promise.all([one.look(), other.look()])
      await one.look()
      const restarted = openHere()
      await restarted.look()
      const opened = await listAlarms(round.db)
      expect(opened.map((alarm) => alarm.name)).toContain(name)
      expect(receiver.posts).toHaveLength(opened.length)
      expect(receiver.posts).toContainEqual(expect.objectContaining({ type: 'alarm.opened', name }))
      expect(mailed()).toEqual([{ to: HOST, subject: expect.stringMatching(/^Alarm: /) }])
      await fault.end()
      await restarted.look()
      expect(receiver.posts).toHaveLength(opened.length)
      await letPass()
      await Promise.all([restarted.look(), other.look()])
      await openHere().look()
      expect(await listAlarms(round.db)).toEqual([])
      expect(receiver.posts).toHaveLength(2 * opened.length)
      expect(receiver.posts).toContainEqual(expect.objectContaining({ type: 'alarm.ended', name }))
      expect(new Set(receiver.posts.map(({ id }) => id)).size).toBe(2 * opened.length)
      expect(mailed().slice(1)).toEqual([{ to: HOST, subject: expect.stringMatching(/^Resolved: /) }])
    },
  )

  it('does not call late what was stopped until a moment ago', async () => {
    const alarms = openHere()
    await faults.unsent.begin()
    for (const edition of [{ date: '2026-03-05', kind: 'daily' } as const, null]) {
      await ensureStop(round.db, edition, 'a wrong logo')
      await alarms.look()
      await round.db.transaction().execute((trx) => pruneStops(trx, null))
      await alarms.look()
      expect((await listAlarms(round.db)).every(({ name }) => name === 'stopped')).toBe(true)
    }
    await letPass()
    await alarms.look()
    expect(await listAlarms(round.db)).toEqual([])
    await alarms.look()
    expect((await listAlarms(round.db)).map(({ name }) => name).sort()).toEqual(['slow', 'unsent'])
  })

  it('leaves its email to the sweep where none is sent', async () => {
    await faults.stopped.begin()
    await openHere({ sends: false }).look()
    expect(receiver.posts).toHaveLength(1)
    expect(mailed()).toEqual([])
    const jobs: Job[] = []
    await openPipeline(round, { put: async (list) => void jobs.push(...list) }).sweep({ name: 'sweep' })
    expect(jobs).toContainEqual({ name: 'notify', noticeId: expect.any(Number) })
  })

  it.each(['bounce', 'complaint', 'provider', 'operator'] as const)(
    'writes to the host whatever earlier mails brought there (%s), unless the host has said no',
    async (reason) => {
      const hash = hashAddress(await getAddressKey(round.db), HOST)
      await ensureSuppression(round.db, hash, reason, new Date())
      await faults.stopped.begin()
      await openHere().look()
      expect(mailed().map(({ to }) => to)).toEqual(reason === 'operator' ? [] : [HOST])
    },
  )

  it('takes what pauses for a few minutes for one alarm', async () => {
    const alarms = openHere()
    await faults.stopped.begin()
    await alarms.look()
    await faults.stopped.end()
    await alarms.look()
    await faults.stopped.begin()
    await alarms.look()
    await letPass()
    await alarms.look()
    expect(receiver.posts).toHaveLength(1)
    expect(mailed()).toHaveLength(1)
  })

  it('tells of a queue that has failed for two minutes, also when the tick fails on it', async () => {
    let time = 0
    const queue = { check: () => Promise.reject(new Error('connect ECONNREFUSED')) }
    const alarms = openHere({ queue, now: () => time })
    const pipeline = openPipeline(round, { put: () => Promise.reject(new Error('connect ECONNREFUSED')) }, [alarms])
    const tick = () => expect(pipeline.tick({ name: 'tick' })).rejects.toThrow('ECONNREFUSED')
    await tick()
    expect(receiver.posts).toEqual([])
    time = 120_000
    await tick()
    await tick()
    expect(receiver.posts).toMatchObject([{ type: 'alarm.opened', name: 'queue', text: /ECONNREFUSED/ }])
    // It needs no queue to leave.
    expect(mailed()).toEqual([{ to: HOST, subject: 'Alarm: the queue takes no jobs' }])
    await letPass()
    await openHere().look()
    expect(receiver.posts.map(({ type }) => type)).toEqual(['alarm.opened', 'alarm.ended'])
  })

  it('repeats a post that was not taken under its id, and the email through what works', async () => {
    round = { ...round, ...only(openScriptedProvider({ name: 'resend' })) }
    const smtp = openScriptedProvider({ name: 'smtp' })
    round = { ...round, providers: [round.provider, smtp] }
    await faults.provider.begin()
    receiver.status = 503
    await openHere().look()
    expect(receiver.posts).toEqual([])
    const [waiting] = await round.db.selectFrom('alarm_posts').selectAll().execute()
    expect(waiting).toMatchObject({ attempts: 1 })
    receiver.status = 200
    await openHere().look()
    expect(receiver.posts).toEqual([])
    await sql`update alarm_posts set next_attempt_at = round_clock()`.execute(round.db)
    await Promise.all([openHere().look(), openHere().look()])
    expect(receiver.posts).toMatchObject([{ id: `alarm_${waiting?.id}`, name: 'provider', subject: 'resend' }])
    expect(await round.db.selectFrom('alarm_posts').selectAll().execute()).toEqual([])
    expect(smtp.accepted).toMatchObject([{ to: HOST, subject: 'Alarm: a provider is out' }])
    expect(smtp.accepted[0]?.text).toContain('resend takes no emails until you say "resume": the key is refused.')
  })

  it('beats once a day while no alarm is open, and again where that was not taken', async () => {
    // The hour of the heartbeat has passed or not: the row of yesterday and the hour itself decide.
    const settings = { ...NOBODY, heartbeatUrl: `${receiver.url}/beat` }
    const [one, other] = [openHere({ settings, morningHour: 0 }), openHere({ settings, morningHour: 0 })]
    await faults.stopped.begin()
    await one.look()
    expect(receiver.beats).toBe(0)
    await faults.stopped.end()
    await letPass()
    receiver.status = 500
    await one.look()
    expect(receiver.beats).toBe(0)
    receiver.status = 200
    await Promise.all([one.look(), other.look()])
    await openHere({ settings, morningHour: 0 }).look()
    expect(receiver.beats).toBe(1)
    await sql`update ticks set at = at - interval '1 day' where name = 'heartbeat'`.execute(round.db)
    await other.look()
    expect(receiver.beats).toBe(2)
    await openHere({ settings, morningHour: 24 }).look()
    expect(receiver.beats).toBe(2)
  })

  it('says nothing and fails nothing where nobody is told', async () => {
    await faults.stopped.begin()
    await openHere({ settings: NOBODY }).look()
    expect(await listAlarms(round.db)).toMatchObject([{ name: 'stopped', subject: '2026-03-05 daily' }])
    expect(mailed()).toEqual([])
    expect(await round.db.selectFrom('alarm_posts').selectAll().execute()).toEqual([])
  })
})
