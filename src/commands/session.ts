// Opens what a command needs and closes it again, whatever happens in between.
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
