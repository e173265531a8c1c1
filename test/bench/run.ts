// Everything that says how fast this is, one part after the other: `npm run bench` in some minutes,
// `npm run bench -- --full` with long lists, TLS, a small heap, growth and a million readers. Each
// part prints its table; --json FILE keeps all of them with the machine. Needs both stores here.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { describeMachine, here } from './measured.ts'

interface Part {
  name: string
  script: string
  args?: string[]
  /** What takes long, or fills the stores. */
  isFull?: boolean
}

const PARTS: readonly Part[] = [
  { name: 'send beside others', script: 'sending.ts', args: ['--rounds', '3'] },
  {
    name: 'send to a mail server beside others',
    script: 'smtp.ts',
    args: ['--readers', '3000', '--few', '1000', '--rounds', '3'],
  },
  { name: 'the website beside hono alone', script: 'pages.ts', args: ['--rounds', '3'] },
  { name: 'personal pages', script: 'personal.ts', args: ['--rounds', '3', '--asked', '50'] },
  { name: 'how programs begin', script: 'startup.ts' },
  {
    name: 'how much of a pace is kept',
    script: 'pace.ts',
    args: ['--requests', '20', '--workers', '1', '--jitter', '15', '--burners', '0'],
  },
  { name: 'planning', script: 'planning.ts', args: ['--readers', '20000', '--editions', '2'] },
  {
    name: 'into a sink that parses nothing',
    script: 'sending.ts',
    args: ['--sink', 'discard', '--slow', '0'],
    isFull: true,
  },
  { name: 'over TLS', script: 'sending.ts', args: ['--tls', '--slow', '0'], isFull: true },
  { name: 'with a heap of 96 MB', script: 'sending.ts', args: ['--heap', '96', '--slow', '0'], isFull: true },
  {
    name: '100,000 readers',
    script: 'sending.ts',
    args: ['--readers', '100000', '--rounds', '3', '--slow', '0'],
    isFull: true,
  },
  { name: 'growth', script: 'growth.ts', isFull: true },
  { name: 'every pace', script: 'pace.ts', isFull: true },
  {
    name: 'a million readers, two years of editions',
    script: 'million.ts',
    args: ['--apart', '--readers', '1000000', '--due', '100000', '--deliveries', '50000000'],
    isFull: true,
  },
]

const { values } = parseArgs({ options: { full: { type: 'boolean', default: false }, json: { type: 'string' } } })
const results: { part: string; command: string; seconds: number; printed: string }[] = []
for (const { name, script, args = [], isFull = false } of PARTS) {
  if (isFull && !values.full) continue
  process.stdout.write(`\n## ${name}\n\n`)
  const began = performance.now()
  const printed = await runPart(script, args)
  const command = ['npx tsx', `test/bench/${script}`, ...args].join(' ')
  results.push({ part: name, command, seconds: Math.round((performance.now() - began) / 1_000), printed })
}
if (values.json) {
  await writeFile(
    values.json,
    `${JSON.stringify({ machine: describeMachine(), at: new Date().toISOString(), results }, null, 2)}\n`,
  )
}

async function runPart(script: string, args: readonly string[]): Promise<string> {
  const part = spawn(process.execPath, ['--import', 'tsx', here(script), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let printed = ''
  part.stdout.on('data', (chunk) => {
    printed += chunk
    process.stdout.write(chunk)
  })
  const [code] = (await once(part, 'close')) as [number | null]
  if (code !== 0) throw new Error(`${script} ended with ${code}`)
  return printed
}
