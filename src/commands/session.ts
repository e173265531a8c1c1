// Opens what a command needs and closes it again, whatever happens in between.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Config, type Reach, readConfig } from '../config.ts'
import { openStores, type Stores } from '../database/stores.ts'
import { type Logger, openLogger } from '../logger.ts'

export interface Session {
  config: Config
  stores: Stores
  logger: Logger
}

/** Reads the settings, opens the stores (migrated), runs `work` and closes them. */
export async function withStores<T>(reach: Reach, work: (session: Session) => Promise<T>): Promise<T> {
  const config = readConfig(reach)
  const logger = openLogger(config.logLevel ?? 'warn')
  const stores = await openStores(config, logger)
  try {
    return await work({ config, stores, logger })
  } finally {
    await stores.close()
  }
}

/** The folder under DATA_DIR where the demo keeps its embedded stores, apart from a host's own. */
export function demoDirectory(config: Config): string {
  return join(config.dataDir, 'demo')
}

/**
 * Returns where else a reader's data may lie, for whoever does not find it: the demo of this
 * DATA_DIR has its own. '' without one.
 */
export function demoHint(config: Config): string {
  const directory = demoDirectory(config)
  return config.databaseUrl === undefined && existsSync(directory)
    ? ` (the demo keeps its own: DATA_DIR=${directory})`
    : ''
}
