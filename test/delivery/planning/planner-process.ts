// A planner, for tests to kill: plans for everyone whose hour has come, in slices of so many
// readers, and dies by its own hand, without a word, after so many of them.
import { planDue } from '../../../src/jobs/plan.ts'
import { openTestRound } from '../../support/round.ts'

const [databaseUrl = '', sliceSize = '', slices = ''] = process.argv.slice(2)
const round = await openTestRound(databaseUrl, { sliceSize: Number(sliceSize) })
let left = Number(slices)
await planDue(round, async () => {
  left--
  if (left === 0) process.kill(process.pid, 'SIGKILL')
})
await round.close()
