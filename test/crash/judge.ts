// Reads the referee's log as it grows and says who got what, and how often. It believes nothing but
// the log.
import { type FileHandle, open } from 'node:fs/promises'
import type { RefereeSettings } from './referee.ts'

interface SeenMail {
  id: string
  to: string
  tags: { delivery?: string; edition?: string }
}

export interface Judge {
  /**
   * Requests that reached the referee, repeats that it answered from memory, and those that came
   * with other bytes.
   */
  readonly requests: number
  readonly replays: number
  readonly mismatches: number
  /** Requests beyond the referee's own limit of requests a second. */
  readonly overLimit: number
  readonly mails: number
  /** One sentence for each (edition, subscriber) that was seen a second time. */
  readonly duplicates: readonly string[]
  /** Returns who was seen for an edition's tag: the ids of their mails by address. */
  seen(edition: string): ReadonlyMap<string, string[]>
  read(): Promise<void>
  close(): Promise<void>
}

export async function openJudge(logFile: RefereeSettings['logFile']): Promise<Judge> {
  const file: FileHandle = await open(logFile, 'a+')
  const byEdition = new Map<string, Map<string, string[]>>()
  const deliveries = new Set<string>()
  const counts = { requests: 0, replays: 0, mismatches: 0, overLimit: 0, mails: 0 }
  const duplicates: string[] = []
  const buffer = Buffer.alloc(1 << 20)
  let rest = ''
  let reading: Promise<void> = Promise.resolve()

  function take(line: string): void {
    const request = JSON.parse(line) as {
      replay: boolean
      name: string | null
      fault: string | null
      mails: SeenMail[]
    }
    counts.requests += 1
    if (request.replay) counts.replays += 1
    if (request.name === 'invalid_idempotent_request') counts.mismatches += 1
    if (request.name === 'rate_limit_exceeded') counts.overLimit += 1
    for (const { id, to, tags } of request.mails) {
      counts.mails += 1
      const edition = tags.edition ?? ''
      const seen = byEdition.get(edition) ?? new Map<string, string[]>()
      byEdition.set(edition, seen)
      const ids = seen.get(to) ?? []
      seen.set(to, [...ids, id])
      const again = deliveries.has(tags.delivery ?? '')
      deliveries.add(tags.delivery ?? '')
      if (ids.length > 0 || again) duplicates.push(`edition ${edition}, delivery ${tags.delivery}`)
    }
  }

  async function readOn(): Promise<void> {
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length)
      if (bytesRead === 0) return
      const lines = (rest + buffer.toString('utf8', 0, bytesRead)).split('\n')
      rest = lines.pop() as string
      lines.forEach(take)
    }
  }

  return {
    get requests() {
      return counts.requests
    },
    get replays() {
      return counts.replays
    },
    get mismatches() {
      return counts.mismatches
    },
    get overLimit() {
      return counts.overLimit
    },
    get mails() {
      return counts.mails
    },
    duplicates,
    seen: (edition) => byEdition.get(edition) ?? new Map(),
    read() {
      // Two readers at once would share the file's position.
      reading = reading.then(readOn)
      return reading
    },
    close: () => file.close(),
  }
}
