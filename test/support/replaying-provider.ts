// A provider with a memory, as Resend and the outbox have one: the same key and bytes get the same
// answer and are not accepted again. What it accepted is the truth that a ledger is held against.
import {
  type BatchOutcome,
  type BatchRequest,
  type Mail,
  NO_QUOTA,
  type Provider,
} from '../../src/delivery/provider/provider.ts'

/** What can go wrong with one request. `taken` ones were accepted and their answer was lost. */
const FAULTS = [
  'none',
  'lost',
  'taken, lost',
  'killed',
  'taken, killed',
  'throttled',
  'concurrent',
  'quota',
  'stopped',
  'overtaken',
  'taken, overtaken',
  'overtaken, lost',
  'overtaken, throttled',
] as const
export type Fault = (typeof FAULTS)[number]

export interface ReplayingProvider extends Provider {
  faults: readonly Fault[]
  accepted: Mail[]
  /** What a ledger must never do: a key with other bytes, a mail accepted twice. */
  violations: string[]
  /** Runs while an `overtaken` request is under way: another worker, the lease being over. */
  whileAsking: (batchId: number) => Promise<void>
  /** Forgets everything; the next requests meet these faults. */
  restart(faults: readonly Fault[]): void
}

/** Mails to `poison@` make it refuse the whole request, mails to `reject@` are rejected alone. */
export function openReplayingProvider(given: Partial<Provider> = {}): ReplayingProvider {
  const kept = new Map<string, { bytes: string; outcome: BatchOutcome }>()
  let script: Fault[] = []

  function take(request: BatchRequest): BatchOutcome {
    const bytes = JSON.stringify(request)
    const known = kept.get(request.idempotencyKey)
    if (known) {
      if (known.bytes === bytes) return known.outcome
      provider.violations.push(`${request.idempotencyKey} came with other bytes`)
      return { kind: 'mismatch', reason: 'known with another payload' }
    }
    if (request.mails.some((mail) => mail.to.startsWith('poison@'))) return { kind: 'refused', reason: 'poison' }
    const outcomes = request.mails.map((mail) =>
      mail.to.startsWith('reject@')
        ? { state: 'rejected' as const, reason: 'no such mailbox' }
        : { state: 'submitted' as const, providerId: `id-${mail.publicId}` },
    )
    for (const mail of request.mails.filter((_, index) => outcomes[index]?.state === 'submitted')) {
      if (provider.accepted.some(({ publicId }) => publicId === mail.publicId)) {
        provider.violations.push(`${mail.to} was accepted twice`)
      }
      provider.accepted.push(mail)
    }
    const outcome: BatchOutcome = { kind: 'answered', outcomes }
    kept.set(request.idempotencyKey, { bytes, outcome })
    return outcome
  }

  const provider: ReplayingProvider = {
    name: 'outbox',
    batchSize: 100,
    requestsPerSecond: null,
    quota: NO_QUOTA,
    replayMs: Number.POSITIVE_INFINITY,
    encoding: 'utf8',
    reachesRealWorld: false,
    faults: FAULTS,
    accepted: [],
    violations: [],
    whileAsking: async () => {},
    restart(faults) {
      kept.clear()
      provider.accepted.length = 0
      provider.violations.length = 0
      script = [...faults]
    },
    async send(request) {
      const words = (script.shift() ?? 'none').split(', ')
      if (words.includes('taken')) take(request)
      if (words.includes('overtaken')) await provider.whileAsking(Number(request.idempotencyKey.split('-')[3]))
      const last = words.at(-1)
      if (last === 'killed') throw new Error('killed')
      if (last === 'lost') return { kind: 'unknown', reason: 'the connection was cut' }
      if (last === 'throttled') return { kind: 'throttled', retryAfterMs: 1_000 }
      if (last === 'concurrent') return { kind: 'concurrent', retryAfterMs: 1_000 }
      if (last === 'quota') return { kind: 'quota', reason: 'the quota is used up', retryAfterMs: 60_000 }
      if (last === 'stopped') return { kind: 'stopped', reason: 'the key was refused' }
      return take(request)
    },
    async sendNotice({ notice, kind, idempotencyKey }) {
      return provider.send({ edition: { date: 'notice', kind }, mails: [notice], idempotencyKey })
    },
    ...given,
  }
  return provider
}
