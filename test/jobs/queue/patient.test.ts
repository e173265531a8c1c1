import { expect, it } from 'vitest'
import { openPatientQueue } from '../../../src/jobs/queue/patient.ts'
import { openQueue } from '../../../src/jobs/queue/queue.ts'
import { openLogger } from '../../../src/logger.ts'
import { openTemporaryRedis } from '../../support/stores.ts'

it('opens once its Redis answers, and lets its process serve until then', async (context) => {
  const redis = await openTemporaryRedis()
  if (redis === undefined) return context.skip()
  await redis.kill()
  const log: string[] = []
  const logger = openLogger('info', { write: (line) => log.push(JSON.parse(line).event) })
  const open = () =>
    openQueue({
      redisUrl: redis.url,
      databaseUrl: 'postgres://nobody@127.0.0.1:1/none',
      providers: [{ name: 'outbox' }],
      logger,
    })
  const queue = await openPatientQueue(open, logger, 50)
  try {
    await expect(queue.check()).rejects.toThrow('did not answer yet')
    await expect(queue.put([{ name: 'tick' }])).rejects.toThrow('did not answer yet')
    await redis.restart()
    await expect.poll(() => queue.check().then(String, String)).toBe('undefined')
    await queue.put([{ name: 'tick' }])
    expect((await queue.counts()).round.waiting).toBe(1)
    expect(log.filter((event) => event !== 'queue.error')).toEqual(['queue.away', 'queue.back'])
  } finally {
    await queue.close()
    await redis.close()
  }
})
