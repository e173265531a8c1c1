// A stand-in for Resend's API on loopback, for tests in this process or as a process of its own:
// `tsx test/support/resend-stand-in.ts --port 0 --log FILE` prints its URL as one JSON line. It
// reaches nobody.
import { closeSync, openSync, writeSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type Answer, failWith, openLedger, type SeenRequest } from './resend-ledger.ts'
import { makeReport, postReport } from './resend-reports.ts'

/** What goes wrong with one request. An empty fault is none. */
export interface Fault {
  /**
   * Whether the request is worked on as usual before its answer goes wrong: mails accepted, key
   * kept. True by default.
   */
  accept?: boolean
  /**
   * Keeps the request, and its key, in flight for so long before it is worked on, in milliseconds.
   */
  delayMs?: number
  /**
   * In place of the usual answer. cut: half of it, then the end of the connection. hang: none for
   * as long as asked.
   */
  answer?: 'reset' | 'hang' | 'cut' | 'garbage' | { status: number; body?: unknown; headers?: Record<string, string> }
}

export interface StandInOptions {
  port?: number
  /** The only key that is let in; any by default. */
  apiKey?: string
  /** In fixed windows of a second. Unlimited by default, like the quotas. */
  requestsPerSecond?: number
  dailyQuota?: number
  monthlyQuota?: number
  /** Every answer takes so long, in milliseconds. */
  latencyMs?: number
  keepBodies?: boolean
  /** What stands under the account's domains: `verified`, `not_started` … by name. */
  domains?: Record<string, string>
  /** As with a key that may send and ask nothing. */
  sendingOnly?: boolean
  /**
   * Takes no notice of a request for permissive validation: one bad mail refuses its whole batch.
   */
  strictOnly?: boolean
  /** One JSON line a request is appended, before it is answered. */
  logFile?: string
  /** Asked for every send that no scripted fault was waiting for. */
  fault?: (request: SeenRequest) => Fault | undefined
  now?: () => number
}

/** Which accepted mails to report, how, and to whom. */
export interface Reporting {
  /** `email.delivered`, `email.bounced` … */
  type: string
  url: string
  secret: string
  /** Public ids of the deliveries meant, all by default. */
  deliveries?: string[]
  /** Fields beside the usual ones: `bounce`, `failed` … */
  extra?: Record<string, unknown>
}

export type StandIn = Awaited<ReturnType<typeof openResendStandIn>>

/** Starts the stand-in. `fail` scripts faults for the next sends, in their order of arrival. */
export async function openResendStandIn(options: StandInOptions = {}) {
  const { apiKey, latencyMs = 0, requestsPerSecond = Number.POSITIVE_INFINITY, now = Date.now } = options
  const ledger = openLedger({
    dailyQuota: options.dailyQuota ?? Number.POSITIVE_INFINITY,
    monthlyQuota: options.monthlyQuota ?? Number.POSITIVE_INFINITY,
    keepBodies: options.keepBodies ?? false,
  })
  const log = options.logFile === undefined ? undefined : openSync(options.logFile, 'a')
  const script: Fault[] = []
  const inFlight = new Set<string>()
  const closing = new AbortController()
  let window = { from: Number.NEGATIVE_INFINITY, count: 0 }

  function takeTurn(): Answer | { headers: Record<string, string> } {
    if (now() - window.from >= 1_000) window = { from: now(), count: 0 }
    window.count += 1
    const reset = String(Math.max(1, Math.ceil((window.from + 1_000 - now()) / 1_000)))
    const headers = {
      'ratelimit-limit': String(requestsPerSecond),
      'ratelimit-remaining': String(Math.max(0, requestsPerSecond - window.count)),
      'ratelimit-reset': reset,
    }
    if (window.count <= requestsPerSecond) return { headers }
    const message = `Too many requests. You can only make ${requestsPerSecond} requests per second.`
    return failWith(429, 'rate_limit_exceeded', message, { ...headers, 'retry-after': reset })
  }

  function refuseEntry({ headers }: IncomingMessage): Answer | undefined {
    const key = /^Bearer (\S+)$/.exec(headers.authorization ?? '')?.[1]
    if (key === undefined) return failWith(401, 'missing_api_key', 'Missing API key in the authorization header.')
    if (apiKey !== undefined && key !== apiKey) return failWith(403, 'invalid_api_key', 'API key is invalid.')
    return undefined
  }

  async function work(request: SeenRequest, incoming: IncomingMessage, body: string, delayMs: number): Promise<Answer> {
    const turn = refuseEntry(incoming) ?? takeTurn()
    if ('status' in turn) return turn
    const { key } = request
    if (key !== null && (key.length < 1 || key.length > 256)) {
      return failWith(400, 'invalid_idempotency_key', 'The key must be between 1-256 chars.')
    }
    const mails = parse(body)
    if (mails === undefined) return failWith(400, 'validation_error', 'The request body is not valid JSON.')
    if (key !== null && inFlight.has(key)) {
      const message = 'Same idempotency key used while original request is still in progress.'
      return failWith(409, 'concurrent_idempotent_requests', message)
    }
    if (key !== null) inFlight.add(key)
    try {
      // The caller may leave meanwhile: the work goes on, as it would over there.
      if (delayMs > 0) await pause(delayMs, undefined, { signal: closing.signal })
      const asked = incoming.headers['x-batch-validation'] === 'permissive' && request.path === '/emails/batch'
      const permissive = asked && options.strictOnly !== true
      const answer = ledger.settle(request, body, mails, permissive, now())
      return { ...answer, headers: { ...turn.headers, ...answer.headers } }
    } finally {
      if (key !== null) inFlight.delete(key)
    }
  }

  async function takeMails(path: string, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(incoming)
    const key = incoming.headers['idempotency-key']
    const request = ledger.arrive(path, key === undefined ? null : String(key), now())
    const fault = script.shift() ?? options.fault?.(request) ?? {}
    if (Object.keys(fault).length > 0) request.fault = JSON.stringify(fault)
    let answer: Answer = { status: 500, body: { statusCode: 500, name: 'application_error', message: 'Out of order.' } }
    if (fault.accept !== false) {
      answer = await work(request, incoming, body, (fault.delayMs ?? 0) + latencyMs)
      request.status = answer.status
      request.name = 'name' in answer.body ? String(answer.body.name) : null
    }
    if (log !== undefined) writeSync(log, ledger.lineOf(request))
    spoil(response, answer, fault.answer)
  }

  function look(path: string, incoming: IncomingMessage): Answer {
    const turn = refuseEntry(incoming) ?? takeTurn()
    if ('status' in turn) return turn
    if (options.sendingOnly) {
      return failWith(401, 'restricted_api_key', 'This API key is restricted to only send emails')
    }
    if (path === '/domains') {
      const data = Object.entries(options.domains ?? {}).map(([name, status]) => ({ id: name, name, status }))
      return { status: 200, body: { object: 'list', has_more: false, data }, ...turn }
    }
    if (path === '/emails') {
      const { searchParams } = new URL(incoming.url ?? '/', 'http://stand-in')
      const { mails, hasMore } = ledger.list(Number(searchParams.get('limit') ?? 20), searchParams.get('after'))
      return { status: 200, body: { object: 'list', has_more: hasMore, data: mails.map(describeMail) }, ...turn }
    }
    const mail = ledger.find(path.slice('/emails/'.length))
    if (!mail) return failWith(404, 'not_found', 'Email not found')
    const tags = Object.entries(mail.tags).map(([name, value]) => ({ name, value }))
    return {
      status: 200,
      body: { object: 'email', ...describeMail(mail), tags, html: mail.html ?? null, text: mail.text ?? null },
      ...turn,
    }
  }

  /** Posts one signed report a mail, one after another, and returns the statuses in their order. */
  async function report({ type, url, secret, deliveries, extra = {} }: Reporting): Promise<number[]> {
    const wanted = deliveries && new Set(deliveries)
    const statuses: number[] = []
    for (const mail of ledger.accepted) {
      if (wanted && !wanted.has(mail.tags.delivery ?? '')) continue
      statuses.push(await postReport(url, makeReport(type, mail, { secret, extra })))
    }
    return statuses
  }

  async function handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname: path } = new URL(incoming.url ?? '/', 'http://stand-in')
    const route = `${incoming.method} ${path}`
    if (route === 'POST /emails/batch' || route === 'POST /emails') return takeMails(path, incoming, response)
    if (route === 'GET /_summary')
      return reply(response, { status: 200, body: { ...ledger.summary(), doubled: ledger.duplicates() } })
    if (route === 'POST /_faults') {
      script.push(...(JSON.parse(await text(incoming)) as Fault[]))
      return reply(response, { status: 200, body: { waiting: script.length } })
    }
    if (route === 'POST /_reports') {
      return reply(response, { status: 200, body: await report(JSON.parse(await text(incoming)) as Reporting) })
    }
    if (route === 'GET /_log') {
      for (const request of ledger.requests) response.write(ledger.lineOf(request))
      response.end()
      return
    }
    if (incoming.method === 'GET' && /^\/(domains$|emails(\/|$))/.test(path))
      return reply(response, look(path, incoming))
    return reply(response, failWith(404, 'not_found', 'The requested endpoint does not exist.'))
  }

  const server = createServer((incoming, response) => {
    handle(incoming, response).catch(() => response.destroy())
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, '127.0.0.1', resolve)
  })

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    accepted: ledger.accepted,
    requests: ledger.requests,
    duplicates: ledger.duplicates,
    summary: ledger.summary,
    report,
    fail: (...faults: Fault[]) => void script.push(...faults),
    close: async () => {
      closing.abort()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      if (log !== undefined) closeSync(log)
    },
  }
}

/**
 * Returns a source of faults that strikes the share `rate` of the sends, the same ones for the same
 * seed.
 */
export function seededFaults(rate: number, seed: number): () => Fault | undefined {
  const kinds: Fault[] = [
    { accept: false, answer: 'reset' },
    { answer: 'reset' },
    { answer: 'cut' },
    { answer: 'garbage' },
    { accept: false, answer: { status: 500 } },
    { answer: { status: 502, body: '<html>Bad gateway</html>' } },
    { delayMs: 300 },
  ]
  let state = seed >>> 0
  // A linear congruential generator: enough to scatter faults, and the same everywhere.
  const draw = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
  return () => {
    const struck = draw() < rate
    const kind = kinds[Math.floor(draw() * kinds.length)]
    return struck ? kind : undefined
  }
}

function spoil(response: ServerResponse, usual: Answer, fault: Fault['answer']): void {
  if (fault === 'hang') return
  if (fault === 'reset') {
    response.socket?.resetAndDestroy()
  } else if (fault === 'cut') {
    const body = JSON.stringify(usual.body)
    response.writeHead(usual.status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
    response.write(body.slice(0, body.length / 2), () => response.socket?.destroy())
  } else if (fault === 'garbage') {
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"data":[{"id":')
  } else if (fault) {
    const body = fault.body ?? failWith(fault.status, 'internal_server_error', 'Something went wrong.').body
    response.writeHead(fault.status, fault.headers).end(typeof body === 'string' ? body : JSON.stringify(body))
  } else {
    reply(response, usual)
  }
}

/** As its list and its single answer have in common: without tags. */
function describeMail({ id, from, to, subject, at }: StandIn['accepted'][number]) {
  return { id, from, to: to.split(', '), subject, created_at: new Date(at).toISOString(), last_event: 'sent' }
}

function reply(response: ServerResponse, { status, body, headers }: Answer): void {
  response.writeHead(status, { ...headers, 'content-type': 'application/json' }).end(JSON.stringify(body))
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const option = { type: 'string' } as const
  const { values } = parseArgs({
    options: {
      port: option,
      log: option,
      'api-key': option,
      'requests-per-second': option,
      'daily-quota': option,
      'monthly-quota': option,
      'latency-ms': option,
      'fault-rate': option,
      seed: option,
      'keep-bodies': { type: 'boolean' },
    },
  })
  const number = (value: string | undefined, otherwise = Number.POSITIVE_INFINITY) => Number(value ?? otherwise)
  const standIn = await openResendStandIn({
    port: number(values.port, 0),
    requestsPerSecond: number(values['requests-per-second']),
    dailyQuota: number(values['daily-quota']),
    monthlyQuota: number(values['monthly-quota']),
    latencyMs: number(values['latency-ms'], 0),
    keepBodies: values['keep-bodies'] ?? false,
    fault: seededFaults(number(values['fault-rate'], 0), number(values.seed, 1)),
    ...(values.log === undefined ? {} : { logFile: values.log }),
    ...(values['api-key'] === undefined ? {} : { apiKey: values['api-key'] }),
  })
  process.stdout.write(`${JSON.stringify({ url: standIn.url, pid: process.pid })}\n`)
  const stop = () => void standIn.close()
  process.once('SIGTERM', stop).once('SIGINT', stop)
}
