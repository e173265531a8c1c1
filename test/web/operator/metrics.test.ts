// The figures as Prometheus reads them, behind the operator's token.
import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { openDatabase } from '../../../src/database/client.ts'
import { markReported } from '../../../src/delivery/feedback/feedback.ts'
import { VERSION } from '../../../src/version.ts'
import { type MetricsOptions, openMetrics } from '../../../src/web/operator/metrics.ts'
import { openTallies } from '../../../src/web/operator/tallies.ts'
import { addReader, freezeEdition } from '../../support/round.ts'
import { keepWeb, mailEdition, openApp } from '../open-app.ts'

const web = keepWeb()
const TOKEN = 'a token for tests that is long enough'.replaceAll(' ', '-')
const counts = { waiting: 3, active: 1, delayed: 0, failed: 2 }
const queue = { counts: async () => ({ round: counts, dispatch: counts }), check: async () => {} }

const HEADERS = { authorization: `Bearer ${TOKEN}` }

function openWith(given: Partial<MetricsOptions> = {}, tokens = [TOKEN]) {
  const metrics = openMetrics({ db: web.round.db, queue, logger: web.round.logger, ...given })
  return openApp(web, { metricsTokens: tokens, metrics })
}

const get = (headers: Record<string, string> = HEADERS, given: Partial<MetricsOptions> = {}) =>
  openWith(given).request('/metrics', { headers })

describe('GET /metrics', () => {
  it('is for the operator only', async () => {
    expect((await openWith({}, []).request('/metrics', { headers: HEADERS })).status).toBe(404)
    for (const authorization of [
      '',
      'Bearer',
      'Bearer x',
      `Basic ${TOKEN}`,
      `Bearer ${TOKEN}x`,
      `Bearer ${TOKEN.slice(1)}`,
      TOKEN,
    ]) {
      const answer = await get(authorization === '' ? {} : { authorization })
      expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
      expect(await answer.text()).toBe('a token is needed\n')
    }
    const answer = await get({ authorization: `bearer ${TOKEN}` })
    expect([answer.status, answer.headers.get('cache-control')]).toEqual([200, 'no-store'])
    expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=/)
  })

  it('counts editions by state and fate, suppressions, the tick and the queue', async () => {
    for (const name of ['ada', 'bob', 'cleo']) await addReader(web.round.db, name)
    const edition = await freezeEdition(web.round, '2026-03-05')
    const mails = await mailEdition(web.round, edition)
    const facts = {
      delivery: mails.get('ada@example.org')?.publicId ?? null,
      notice: null,
      providerId: null,
      address: null,
      at: new Date(),
    }
    await markReported(web.round.db, { id: 'msg_1', type: 'hard-bounce', ...facts })
    await sql`insert into ticks (name, at) values ('tick', now() - interval '42 seconds')
      on conflict (name) do update set at = excluded.at`.execute(web.round.db)
    const text = await (await get()).text()
    for (const line of [
      'paper_round_due{edition="2026-03-05-daily"} 3',
      'paper_round_deliveries{edition="2026-03-05-daily",state="submitted",reason=""} 3',
      'paper_round_deliveries{edition="2026-03-05-daily",state="unknown",reason=""} 0',
      'paper_round_fates{edition="2026-03-05-daily",fate="bounced"} 1',
      'paper_round_fates{edition="2026-03-05-daily",fate="delivered"} 0',
      'paper_round_unresolved{edition="2026-03-05-daily"} 0',
      'paper_round_stopped{edition="2026-03-05-daily"} 0',
      'paper_round_suppressed_addresses{reason="bounce"} 1',
      'paper_round_notices_waiting 0',
      'paper_round_database_up 1',
      'paper_round_queue_up 1',
      'paper_round_queue_jobs{queue="dispatch",state="waiting"} 3',
    ]) {
      expect(text.split('\n')).toContain(line)
    }
    expect(text).toMatch(/^paper_round_tick_age_seconds 4[2-9]/m)
    expect(text).not.toMatch(/ada|@/)
  })

  it('still answers when the queue does not, or takes no jobs and tells those it has', async () => {
    const fail = async () => {
      throw new Error('Redis is not connected')
    }
    const has = 'paper_round_queue_jobs{queue="dispatch",state="waiting"} 3'
    for (const [given, told] of [
      [{ counts: fail, check: fail }, false],
      [{ ...queue, check: fail }, true],
    ] as const) {
      const answer = await get(undefined, { queue: given })
      expect(answer.status).toBe(200)
      const lines = (await answer.text()).split('\n')
      expect(lines).toContain('paper_round_queue_up 0')
      expect(lines.includes(has)).toBe(told)
    }
  })

  it('still answers while PostgreSQL is away, with what this process counted and no old figure', async () => {
    const db = openDatabase('postgres://nobody@127.0.0.1:1/none')
    const tallies = openTallies(['web', 'worker'])
    const answer = await get(undefined, { db, tallies })
    await db.destroy()
    const lines = (await answer.text()).split('\n')
    expect(answer.status).toBe(200)
    expect(lines).toContain('paper_round_database_up 0')
    expect(lines).toContain('paper_round_queue_up 1')
    expect(lines).toContain(
      `paper_round_build_info{version="${VERSION}",node="${process.versions.node}",roles="web,worker"} 1`,
    )
    expect(lines.filter((line) => /^paper_round_(due|tick|notices|figures)/.test(line))).toEqual([])
  })

  it('opens to each of its tokens', async () => {
    const other = 'another-token-that-is-long-enough-too'
    const app = openWith({}, [TOKEN, other])
    for (const [token, status] of [
      [TOKEN, 200],
      [other, 200],
      [`${other}x`, 401],
    ] as const) {
      expect((await app.request('/metrics', { headers: { authorization: `Bearer ${token}` } })).status).toBe(status)
    }
  })

  it('counts once for those who ask at the same time', async () => {
    let asked = 0
    const slow = {
      ...queue,
      counts: async () => {
        asked += 1
        return { round: counts, dispatch: counts }
      },
    }
    const app = openWith({ queue: slow })
    const ask = () => app.request('/metrics', { headers: HEADERS })
    const answers = await Promise.all([ask(), ask(), ask()])
    expect(new Set(await Promise.all(answers.map((answer) => answer.text()))).size).toBe(1)
    expect(asked).toBe(1)
  })
})
