// Opens the witnesses that the settings allow: Redis where the queue is there, and STATE_DIR.
import type { Logger } from '../../logger.ts'
import { openFileWitness } from './file.ts'
import { openRedisWitness } from './redis.ts'
import { openWitnesses, type Witnesses } from './witnesses.ts'

export interface WitnessSettings {
  redisUrl: string | undefined
  stateDir: string
  /** Our tables' schema: a demo beside the real ones keeps its own. */
  schema: string
}

export function openConfiguredWitnesses({ redisUrl, stateDir, schema }: WitnessSettings, logger: Logger): Witnesses {
  const prefix = schema === 'public' ? 'paper-round' : schema
  const file = openFileWitness(stateDir)
  return openWitnesses(redisUrl === undefined ? [file] : [openRedisWitness(redisUrl, prefix), file], logger)
}
