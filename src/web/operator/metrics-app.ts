// The small listener of roles without a website, and of hosts that keep /metrics off theirs.
import { Hono } from 'hono'
import { demandBearer } from './bearer.ts'
import { showHealth } from './health.ts'
import { METRICS_PATH, type Metrics, showMetrics } from './metrics.ts'

/** Makes an app of /metrics, behind any of the tokens, and /healthz. */
export function createMetricsApp(metrics: Metrics, tokens: readonly string[]): Hono {
  const app = new Hono()
  app.use(METRICS_PATH, async (c, next) => {
    c.header('Cache-Control', 'no-store')
    await next()
  })
  app.use(METRICS_PATH, demandBearer(tokens))
  app.get(METRICS_PATH, showMetrics(metrics))
  app.get('/healthz', showHealth)
  return app
}
