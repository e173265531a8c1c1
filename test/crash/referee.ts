// The referee: a process of its own that stands in for Resend and writes down, in a log that only
// grows, what it accepted. Nothing else counts as the truth about what was sent. It outlives every
// process that it judges.
import { openResendStandIn } from '../support/resend-stand-in.ts'
import { chaos } from './chaos.ts'

export interface RefereeSettings {
  logFile: string
  seed: number
  /** Every answer takes up to so long, in milliseconds. */
  latencyMs: number
  requestsPerSecond?: number
  /** Share of the requests that something goes wrong with. */
  faultRate?: number
}

const settings = JSON.parse(process.argv[2] ?? '') as RefereeSettings
const faults = chaos(settings.faultRate ?? 0, settings.seed)
let state = settings.seed >>> 0
const draw = () => {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
  return state / 2 ** 32
}
const standIn = await openResendStandIn({
  logFile: settings.logFile,
  requestsPerSecond: settings.requestsPerSecond ?? Number.POSITIVE_INFINITY,
  fault: () => ({ delayMs: Math.ceil(draw() * settings.latencyMs), ...faults() }),
})
process.send?.({ url: standIn.url })
if (!process.connected) process.exit(1)
process.on('disconnect', () => void standIn.close().then(() => process.exit(0)))
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => {})
