// Shows what grows with the list and what does not: `send`, one prebuilt body and Handlebars for
// ever more readers, as a table and as docs/growth.svg.
// `npm run -s build && npx tsx test/bench/growth.ts [--sizes 1000,3000,10000,30000,100000]
// [--rounds 1] [--out FILE]`; needs what sending.ts needs.
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { drawCharts } from './chart.ts'
import { describeMachine, here } from './measured.ts'
import type { Row } from './sending.ts'

const { values } = parseArgs({
  options: {
    sizes: { type: 'string', default: '1000,3000,10000,30000,100000' },
    rounds: { type: 'string', default: '1' },
    out: { type: 'string', default: here('../../docs/growth.svg') },
  },
})
const sizes = values.sizes.split(',').map(Number)
const run = promisify(execFile)
const print = (line: string) => process.stdout.write(`${line}\n`)
const NAMES = ['paper-round', 'one prebuilt body', 'Handlebars']

const folder = await mkdtemp(join(tmpdir(), 'paper-round-growth-'))
try {
  const found: Row[][] = []
  for (const size of sizes) {
    const file = join(folder, `${size}.json`)
    const options = ['--readers', `${size}`, '--rounds', values.rounds, '--slow', '0', '--json', file]
    await run(process.execPath, ['--import', 'tsx', here('sending.ts'), ...options])
    found.push((JSON.parse(await readFile(file, 'utf8')) as { rows: Row[] }).rows)
  }
  const { cpus, model, node } = describeMachine()
  print(`${cpus} × ${model}, Node ${node}`)
  print('| readers | emails/s | of one prebuilt body | CPU µs an email | marginal | PostgreSQL µs | peak MB |')
  print('|---|---|---|---|---|---|---|')
  for (const [index, [ours]] of found.entries()) {
    if (!ours) continue
    const cells = [sizes[index], ours.perSecond.toFixed(0), ours.ofRaw.toFixed(2), ours.cpuUs.toFixed(0)]
    print(
      `| ${[...cells, ours.marginalUs.toFixed(0), ours.serverUs?.toFixed(0) ?? '', ours.peakMb.toFixed(0)].join(' | ')} |`,
    )
  }
  const draw = (read: (row: Row) => number) =>
    NAMES.map((name, way) => ({ name, values: found.map((rows) => read(rows[way] as Row)) }))
  const panels = [
    { title: 'CPU µs an email, start-up included', series: draw((row) => row.cpuUs) },
    { title: 'Emails a second', series: draw((row) => row.perSecond) },
    { title: 'Peak memory, MB', series: draw((row) => row.peakMb) },
  ]
  await writeFile(values.out, drawCharts(sizes, 'readers', panels))
} finally {
  await rm(folder, { recursive: true })
}
