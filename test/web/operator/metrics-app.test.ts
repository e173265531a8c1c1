import { afterEach, describe, expect, it } from 'vitest'
import { createMetricsApp } from '../../../src/web/operator/metrics-app.ts'
import { listen, type WebServer } from '../../../src/web/server.ts'

const TOKEN = 'a-token-for-tests-that-is-long-enough'
let server: WebServer | undefined

afterEach(async () => {
  await server?.close()
  server = undefined
})

describe('the port of the metrics', () => {
  it('answers /metrics to who has the token, /healthz to everybody, and nothing else', async () => {
    const app = createMetricsApp({ read: async () => 'paper_round_due 3\n' }, [TOKEN])
    server = await listen(app, { port: 0, hostname: '127.0.0.1', setting: 'METRICS_PORT' })
    const ask = async (path: string, headers = {}) => {
      const answer = await fetch(`${server?.url}${path}`, { headers })
      return [answer.status, await answer.text(), answer.headers.get('cache-control')]
    }
    expect(await ask('/metrics')).toEqual([401, 'a token is needed\n', 'no-store'])
    expect(await ask('/metrics', { authorization: `Bearer ${TOKEN}` })).toEqual([
      200,
      'paper_round_due 3\n',
      'no-store',
    ])
    expect(await ask('/healthz')).toEqual([200, expect.stringMatching(/^ok \d/), null])
    expect((await ask('/', { authorization: `Bearer ${TOKEN}` }))[0]).toBe(404)
    expect((await ask('/operator', { authorization: `Bearer ${TOKEN}` }))[0]).toBe(404)
    const second = listen(app, { port: Number(new URL(server.url).port), setting: 'METRICS_PORT' })
    await expect(second).rejects.toThrow(/^METRICS_PORT \d+ is in use/)
  })
})
