// A Redis that keeps something beside the database: one connection, made on first use, whose
// commands answer soon or fail. Whatever calls it goes on without.
import { Redis } from 'ioredis'
import { SECOND_MS } from '../time.ts'

const RECONNECT_MS = 2 * SECOND_MS

export interface RedisBeside {
  /**
   * Returns the client, once a connection was tried. Rejects where there is none now; each command
   * reports its own failure.
   */
  connected(): Promise<Redis>
  close(): void
}

/** `commandMs`: how long one answer may take, in milliseconds. */
export function openRedisBeside(url: string, commandMs: number): RedisBeside {
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: commandMs,
    commandTimeout: commandMs,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (times) => Math.min(times * 100, RECONNECT_MS),
  })
  redis.on('error', () => {})
  let connecting: Promise<void> | undefined
  return {
    async connected() {
      connecting ??= redis.connect().catch(() => {})
      await connecting
      if (redis.status !== 'ready') throw new Error('Redis is not connected')
      return redis
    },
    close: () => redis.disconnect(),
  }
}
