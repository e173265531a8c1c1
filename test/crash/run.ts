// `npm run test:crash -- --kills N --seed S [--subscribers N] [--point NAME|random|all] [--stores
// real|embedded] [--break NAME]`: kills the processes of a round N times at each point asked for
// and prints what the referee saw. Exit code 1 on any violation, and 2 where the stores are not
// installed.
import { parseArgs } from 'node:util'
import { BREAKS, type BreakName } from './breaks.ts'
import { runCampaign } from './campaign.ts'
import { POINTS } from './points.ts'
import { STRIKES, type Strike } from './strikes.ts'

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '25' },
    /** With `--point all`: how often each named point is struck. */
    each: { type: 'string', default: '3' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    subscribers: { type: 'string', default: '100' },
    batch: { type: 'string' },
    rate: { type: 'string' },
    point: { type: 'string', default: 'all' },
    stores: { type: 'string', default: 'real' },
    break: { type: 'string' },
    workers: { type: 'string', default: '3' },
    log: { type: 'string', default: 'fatal' },
    json: { type: 'boolean', default: false },
  },
})
const print = (line: string) => process.stdout.write(`${line}\n`)

function refuse(sentence: string): never {
  process.stderr.write(`${sentence}\n`)
  process.exit(2)
}

function strikesOf(point: string, kills: number, each: number): Partial<Record<Strike, number>> {
  if (point === 'all') {
    const named = Object.fromEntries(POINTS.map((name) => [name, each]))
    // Where one process owns the stores there is no second that could take over from a sleeper.
    return { random: kills, ...named, ...(values.stores === 'embedded' ? {} : { 'stop-past-lease': each }) }
  }
  const known = STRIKES.find((name) => name === point)
  return known ? { [known]: kills } : refuse(`--point ${point} is none of: all, ${STRIKES.join(', ')}`)
}

const subscribers = Number(values.subscribers)
const broken = Object.keys(BREAKS).find((name) => name === values.break) as BreakName | undefined
if (values.break !== undefined && !broken)
  refuse(`--break ${values.break} is none of: ${Object.keys(BREAKS).join(', ')}`)
const stores =
  values.stores === 'real' || values.stores === 'embedded' ? values.stores : refuse(`--stores is real or embedded`)
const seed = Number(values.seed)
print(`seed ${seed}, ${subscribers} subscribers, ${stores} stores${broken ? `, broken by ${broken}` : ''}`)
const report = await runCampaign({
  stores,
  seed,
  subscribers,
  strikes: strikesOf(values.point, Number(values.kills), Number(values.each)),
  batchSize: Number(values.batch ?? Math.min(100, Math.ceil(subscribers / 40))),
  rate: Number(values.rate ?? 10),
  workers: Number(values.workers),
  leaseMs: 3_000,
  latencyMs: 250,
  broken: broken ?? null,
  logLevel: values.log,
  onStrike: (done, of) => {
    if (done % 25 === 0 || done === of) print(`${done} of ${of} strikes`)
  },
})
if (!report) refuse('Redis or PostgreSQL is not installed here: --stores embedded needs neither')
if (values.json) print(JSON.stringify(report))
else {
  for (const [name, times] of Object.entries(report.strikes)) print(`  ${name.padEnd(36)}${times}`)
  print(
    `kills ${report.kills}, editions ${report.editions}, due ${report.due}, mails ${report.mails}, requests ${report.requests} (${report.replays} replayed)`,
  )
  print(
    `lost ${report.lost}, duplicates ${report.duplicates}, accounts read ${report.looks} times, ${report.seconds} s`,
  )
  print(`95 % bound on either, a kill: ${report.kills > 0 ? (3 / report.kills).toFixed(4) : '–'}`)
  if (broken && !report.isBroken) print(`the break ${broken} found nothing to rewrite`)
  for (const violation of report.violations.slice(0, 20)) print(`VIOLATION ${violation}`)
}
process.exit(report.lost + report.duplicates + report.violations.length > 0 ? 1 : 0)
