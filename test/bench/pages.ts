// Times the website beside hono alone with the same page, one after the other and again: requests a
// second over kept connections as a browser makes them, and what the process takes for one.
// `npm run -s build && npx tsx test/bench/pages.ts [--rounds 5] [--seconds 2]`; needs PostgreSQL on
// this machine, makes a database of its own there and drops it.
import { execFile, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { query, realPostgresUrl } from '../support/servers.ts'
import { cpuOf, median } from './measured.ts'

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, seconds: { type: 'string', default: '2' } },
})
const ROUNDS = Number(values.rounds)
const MEASURED_MS = Number(values.seconds) * 1_000
const DATE = '2025-08-07'
const DATABASE = `paper_round_pages_${process.pid}`
const CONNECTIONS = 32
const PATHS = ['/', `/editions/${DATE}`, '/feed.xml', '/sitemap.xml']
const run = promisify(execFile)
const print = (line: string) => process.stdout.write(`${line}\n`)

interface Server {
  url: string
  pid: number
}
interface Figures {
  perSecond: number
  cpuUs: number
}

const postgres = await realPostgresUrl()
if (postgres === undefined) throw new Error('PostgreSQL does not answer on this machine')
const folder = await mkdtemp(join(tmpdir(), 'paper-round-pages-'))
await query(postgres, `create database ${DATABASE}`)
const port = 20_000 + (process.pid % 10_000)
const environment = {
  PATH: process.env.PATH,
  DATABASE_URL: Object.assign(new URL(postgres), { pathname: `/${DATABASE}` }).href,
  DATA_DIR: join(folder, 'data'),
  LINK_SECRET: 'a secret for measurements that is long enough to be one',
  SOURCE: 'file:dist/source/sample',
  PORT: String(port),
  HOST: '127.0.0.1',
  LOG_LEVEL: 'error',
}
const call = (...args: string[]) => run(process.execPath, ['dist/cli.js', ...args], { env: environment })
await call('migrate')
await call('collect', '--date', DATE)
await call('edition', '--date', DATE, '--freeze')
const web = spawn(process.execPath, ['dist/cli.js', 'start', '--roles', 'web'], { env: environment, stdio: 'inherit' })
const bare = fork(fileURLToPath(new URL('bare-process.mjs', import.meta.url)))
try {
  const ours = { url: `http://127.0.0.1:${port}`, pid: web.pid as number }
  await untilUp(ours.url)
  bare.send({ body: await (await fetch(ours.url)).text() })
  const [{ url }] = (await once(bare, 'message')) as [{ url: string }]
  const ways: [string, Server, string][] = [
    ['hono alone, the front page', { url, pid: bare.pid as number }, '/'],
    ...PATHS.map((path): [string, Server, string] => [`ours, ${path}`, ours, path]),
  ]
  const results = new Map<string, Figures[]>(ways.map(([name]) => [name, []]))
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, server, path] of ways) results.get(name)?.push(await measure(server, path))
  }
  const least = median(results.get(ways[0]?.[0] ?? '')?.map(({ perSecond }) => perSecond) ?? [])
  print('| page | requests/s | of hono alone | CPU µs a request |\n|---|---|---|---|')
  for (const [name, figures] of results) {
    const perSecond = median(figures.map((each) => each.perSecond))
    const cpuUs = median(figures.map((each) => each.cpuUs))
    print(`| ${name} | ${perSecond.toFixed(0)} | ${(perSecond / least).toFixed(2)} | ${cpuUs.toFixed(0)} |`)
  }
} finally {
  web.kill()
  bare.kill()
  await once(web, 'exit')
  await query(postgres, `drop database ${DATABASE} with (force)`)
  await rm(folder, { recursive: true })
}

async function untilUp(url: string): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    if (await fetch(url).catch(() => undefined)) return
    await sleep(100)
  }
  throw new Error('the website did not come up')
}

/** Asks over kept connections, each for one answer at a time, until the time is over. */
async function measure({ url, pid }: Server, path: string): Promise<Figures> {
  const { hostname, port: at, host } = new URL(url)
  const request = `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nAccept: text/html\r\nAccept-Encoding: gzip, deflate, br\r\n\r\n`
  let answers = 0
  const before = await cpuOf(pid)
  const began = performance.now()
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      const socket = connect(Number(at), hostname)
      let missing = -1
      let head = ''
      socket.on('data', (chunk) => {
        if (missing < 0) {
          head += chunk.toString('latin1')
          const end = head.indexOf('\r\n\r\n')
          if (end < 0) return
          const length = Number(/content-length: (\d+)/i.exec(head)?.[1])
          missing = length - (head.length - end - 4)
          head = ''
        } else missing -= chunk.length
        if (missing > 0) return
        answers += 1
        missing = -1
        if (performance.now() - began < MEASURED_MS) socket.write(request)
        else socket.destroy()
      })
      socket.write(request)
      await once(socket, 'close')
    }),
  )
  const seconds = (performance.now() - began) / 1_000
  return { perSecond: answers / seconds, cpuUs: ((await cpuOf(pid)) - before) / answers }
}
