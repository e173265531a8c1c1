// Prints how much of a pace of five requests a second real workers keep, before a provider that
// counts what arrives in any second, and what it refuses: `npx tsx test/bench/pace.ts [--requests
// 60] [--workers 1,4] [--jitter 0,15,50] [--burners 0,2] [--no-redis]`; needs PostgreSQL and Redis
// on this machine.
import { parseArgs } from 'node:util'
import { runPaced } from './paced-run.ts'

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '60' },
    workers: { type: 'string', default: '1,4' },
    jitter: { type: 'string', default: '0,15,50' },
    burners: { type: 'string', default: '0,2' },
    'no-redis': { type: 'boolean', default: false },
  },
})
const listOf = (text: string) => text.split(',').map(Number)
const print = (line: string) => process.stdout.write(`${line}\n`)
const withRedis = !values['no-redis']

print('| workers | beside | arrival jitter | of the pace | refused | mark to first byte, p99 |')
print('|---|---|---|---|---|---|')
for (const workers of listOf(values.workers)) {
  for (const burners of listOf(values.burners)) {
    for (const jitterMs of listOf(values.jitter)) {
      const { share, refused, markedMs } = await runPaced({
        workers,
        burners,
        jitterMs,
        requests: Number(values.requests),
        withRedis,
      })
      const beside = burners === 0 ? 'nothing' : `${burners} busy processes`
      print(
        `| ${workers} | ${beside} | ${jitterMs} ms | ${(share * 100).toFixed(1)} % | ${refused} | ${Math.round(markedMs)} ms |`,
      )
    }
  }
}
const { backMs } = await runPaced({ workers: 4, burners: 0, jitterMs: 15, requests: 40, refuse: 20, withRedis })
print(`after an answer that says to retry after 1 s the next request came ${Math.round(backMs ?? 0)} ms later`)
