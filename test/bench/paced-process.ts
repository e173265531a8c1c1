// A provider of batches as a process of its own, that counts requests in any second as they arrive,
// after a delay that differs, and refuses what is too many: `JITTER_MS LATENCY_MS PER_SECOND`. Told
// a number, it refuses that request besides; asked for anything else, it says what it saw.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface PacedReport {
  url: string
  /** When each request began here, and when it counted. */
  requests: { beganAt: number; at: number; status: number }[]
}

const [jitterMs = 0, latencyMs = 150, perSecond = 5] = process.argv.slice(2).map(Number)
const requests: PacedReport['requests'] = []
let refused = -1
let asked = 0

const server = createServer(async (request, response) => {
  const beganAt = Date.now()
  const nth = asked++
  const chunks: Buffer[] = []
  const late = sleep(Math.random() * jitterMs)
  for await (const chunk of request) chunks.push(chunk as Buffer)
  await late
  const at = performance.timeOrigin + performance.now()
  const counting = requests.filter((each) => each.status === 200 && each.at > at - 1_000).length
  const status = counting >= perSecond || nth === refused ? 429 : 200
  requests.push({ beganAt, at, status })
  const remaining = Math.max(0, perSecond - counting - (status === 200 ? 1 : 0))
  response.setHeader('ratelimit-limit', perSecond)
  response.setHeader('ratelimit-remaining', remaining)
  response.setHeader('ratelimit-reset', 1)
  response.setHeader('content-type', 'application/json')
  await sleep(latencyMs)
  if (status === 429) {
    response.writeHead(429, { 'retry-after': '1' })
    response.end(JSON.stringify({ statusCode: 429, name: 'rate_limit_exceeded', message: 'Too many requests.' }))
    return
  }
  const mails = JSON.parse(Buffer.concat(chunks).toString()) as unknown[]
  response.end(JSON.stringify({ data: mails.map((_, index) => ({ id: `${nth}-${index}` })) }))
})
server.listen(0, '127.0.0.1', report)
process.on('message', (message) => {
  if (typeof message === 'number') refused = message
  else report()
})
process.on('disconnect', () => process.exit(0))

function report(): void {
  const { port } = server.address() as AddressInfo
  process.send?.({ url: `http://127.0.0.1:${port}`, requests } satisfies PacedReport)
}
