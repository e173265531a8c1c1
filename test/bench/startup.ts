// Times how programs of ours begin, by CPU and beside Node with nothing to do, one after the other
// and again: `--help`, `status`, `send` with nothing to send, and `start` until it is ready. `npm
// run -s build && npx tsx test/bench/startup.ts [--rounds 5]`; needs both stores on this machine,
// makes a database of its own there and drops it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { query, realPostgresUrl } from '../support/servers.ts'
import { describeMachine, here, measureNode, median, type Run } from './measured.ts'

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, redis: { type: 'string', default: 'redis://127.0.0.1:6379/9' } },
})
const DATABASE = `paper_round_startup_${process.pid}`
const DATE = '2025-08-07'
const READY_WITHIN_MS = 60_000
const print = (line: string) => process.stdout.write(`${line}\n`)

const server = await realPostgresUrl()
if (server === undefined) throw new Error('PostgreSQL does not answer on this machine')
const folder = await mkdtemp(join(tmpdir(), 'paper-round-startup-'))
const port = 20_000 + (process.pid % 10_000)
const env = {
  PATH: process.env.PATH,
  DATABASE_URL: Object.assign(new URL(server), { pathname: `/${DATABASE}` }).href,
  REDIS_URL: values.redis,
  DATA_DIR: join(folder, 'data'),
  LINK_SECRET: 'a secret for measurements that is long enough to be one',
  SOURCE: 'file:dist/source/sample',
  PORT: String(port),
  HOST: '127.0.0.1',
  LOG_LEVEL: 'error',
}
const call = (...args: string[]) => measureNode(args, { env, folder, serverCpu: async () => null })
const ours = (...args: string[]) => call('dist/cli.js', ...args)
await query(server, `create database ${DATABASE}`)
try {
  await ours('migrate')
  await ours('collect', '--date', DATE)
  await ours('edition', '--date', DATE, '--freeze')
  const ways: [string, () => Promise<Pick<Run, 'seconds' | 'cpuMs'>>][] = [
    ['`node -e 0`', () => call('-e', '0')],
    ['`--help`', () => ours('--help')],
    ['`status`', () => ours('status')],
    ['`send`, nothing to send', () => ours('send', '--date', DATE)],
    ['`start` until ready', start],
  ]
  const runs = new Map(ways.map(([name]) => [name, [] as Pick<Run, 'seconds' | 'cpuMs'>[]]))
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [name, measure] of ways) runs.get(name)?.push(await measure())
  }
  const machine = describeMachine()
  print(`medians of ${values.rounds} runs; ${machine.cpus} × ${machine.model}, Node ${machine.node}`)
  print('| program | CPU ms | of `node -e 0` | ms |\n|---|---|---|---|')
  const least = median(runs.get('`node -e 0`')?.map(({ cpuMs }) => cpuMs) ?? [])
  for (const [name, each] of runs) {
    const cpuMs = median(each.map((one) => one.cpuMs))
    const ms = median(each.map(({ seconds }) => seconds * 1_000))
    print(`| ${name} | ${cpuMs.toFixed(0)} | ${(cpuMs / least).toFixed(2)} | ${ms.toFixed(0)} |`)
  }
} finally {
  await query(server, `drop database ${DATABASE} with (force)`)
  await rm(folder, { recursive: true })
}

/** Until /healthz answers that it is ready; the CPU is that of the process until its end. */
async function start(): Promise<Pick<Run, 'seconds' | 'cpuMs'>> {
  const began = performance.now()
  const file = join(folder, 'start.json')
  const program = spawn(process.execPath, ['--import', here('usage-process.mjs'), 'dist/cli.js', 'start'], {
    env: { ...env, USAGE_FILE: file },
    stdio: 'ignore',
  })
  const ended = once(program, 'exit')
  let seconds: number
  try {
    while (!(await isReady())) {
      if (performance.now() - began > READY_WITHIN_MS) throw new Error('start did not get ready')
      await sleep(10)
    }
    seconds = (performance.now() - began) / 1_000
  } finally {
    program.kill('SIGTERM')
    await ended
  }
  const { cpuMs } = JSON.parse(await readFile(file, 'utf8')) as Pick<Run, 'cpuMs'>
  return { seconds, cpuMs }
}

function isReady(): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}/healthz`).then(
    ({ ok }) => ok,
    () => false,
  )
}
