// The provider of a seeded history: it remembers what it accepted, keys for a day as Resend does,
// and lists it. What it accepted is the truth that the ledger is held against.
import {
  type BatchOutcome,
  type BatchRequest,
  type ListedMail,
  NO_QUOTA,
  type Provider,
} from '../../../../src/delivery/provider/provider.ts'
import type { Actor } from './stage.ts'

const HOUR_MS = 3_600_000
const KEY_KEPT_MS = 24 * HOUR_MS
const REPLAY_MS = 23 * HOUR_MS

/** What becomes of a request; `taken` ones are accepted and their answer is lost. */
export const FAULTS = ['none', 'taken, lost', 'lost', 'throttled', 'concurrent', 'stopped'] as const
export type Fault = (typeof FAULTS)[number]

export interface AcceptedMail {
  to: string
  /** `2026-03-03 daily`. */
  edition: string
  publicId: string
  providerId: string
  subject: string
  key: string
  atMs: number
}

export interface Memory {
  accepted: AcceptedMail[]
  /** What no sender may ever do. */
  broken: string[]
  take(request: BatchRequest): BatchOutcome
}

/**
 * `clock` is the history's. Mails to `poison@` have their request refused, those to `reject@` are
 * rejected.
 */
export function openMemory(clock: { atMs: number }): Memory {
  const keys = new Map<string, { bytes: string; outcome: BatchOutcome; atMs: number }>()
  const memory: Memory = {
    accepted: [],
    broken: [],
    take(request) {
      const { mails, idempotencyKey: key, edition } = request
      const bytes = JSON.stringify(mails)
      const known = keys.get(key)
      if (known && clock.atMs - known.atMs < KEY_KEPT_MS) {
        if (known.bytes === bytes) return known.outcome
        memory.broken.push(`a key came with other bytes: ${mails.map(({ to }) => to).join(' ')}`)
        return { kind: 'mismatch', reason: 'known with another payload' }
      }
      if (mails.length > 1 && mails.some(({ to }) => to.startsWith('poison@'))) {
        return { kind: 'refused', reason: 'poison' }
      }
      const outcomes = mails.map(({ to, publicId }) =>
        to.startsWith('reject@') || to.startsWith('poison@')
          ? { state: 'rejected' as const, reason: 'no such mailbox' }
          : { state: 'submitted' as const, providerId: `id-${publicId}` },
      )
      for (const [index, { to, publicId, subject }] of mails.entries()) {
        if (outcomes[index]?.state !== 'submitted') continue
        const facts = { to, publicId, subject, key, providerId: `id-${publicId}`, atMs: clock.atMs }
        memory.accepted.push({ ...facts, edition: `${edition.date} ${edition.kind}` })
      }
      const outcome: BatchOutcome = { kind: 'answered', outcomes }
      keys.set(key, { bytes, outcome, atMs: clock.atMs })
      return outcome
    },
  }
  return memory
}

/**
 * A worker's client of it, which waits for its turn before a request is heard and before its
 * answer.
 */
export function openClient(
  memory: Memory,
  actor: Actor,
  { batchSize, drawFault, say }: { batchSize: number; drawFault(): Fault; say(line: string): void },
): Provider {
  const send = async (request: BatchRequest): Promise<BatchOutcome> => {
    await actor.turn('request')
    const fault = drawFault()
    const [first, last = first] = fault.split(', ')
    const taken = first === 'taken' || fault === 'none' ? memory.take(request) : undefined
    const names = request.mails.map(({ to }) => to.split('@')[0]).join(' ')
    say(`${request.edition.date} to ${names}: ${fault === 'none' ? taken?.kind : fault}`)
    await actor.turn('answer')
    if (fault === 'none' && taken) return taken
    switch (last) {
      case 'throttled':
        return { kind: 'throttled', retryAfterMs: 1_000 }
      case 'concurrent':
        return { kind: 'concurrent', retryAfterMs: 1_000 }
      case 'stopped':
        return { kind: 'stopped', reason: 'the key was refused' }
      default:
        return { kind: 'unknown', reason: 'the connection was cut' }
    }
  }
  return {
    name: 'resend',
    batchSize,
    requestsPerSecond: null,
    quota: NO_QUOTA,
    replayMs: REPLAY_MS,
    encoding: 'utf8',
    reachesRealWorld: false,
    send,
    sendNotice: () => Promise.reject(new Error('no notice is sent here')),
    async listAccepted(since): Promise<ListedMail[]> {
      return memory.accepted
        .filter(({ atMs }) => atMs >= since.getTime())
        .map(({ providerId, to, subject, atMs }) => ({ providerId, to: [to], subject, at: new Date(atMs) }))
    },
  }
}
