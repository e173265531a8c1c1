// Opens what a command needs and closes it again, whatever happens in between.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Config, type Reach, readConfig } from '../config.ts'
import { type Context, withContext } from '../context.ts'
import { openLogger } from '../logger.ts'
import { findHeld } from './held.ts'

/** Reads the settings, opens the stores (migrated), runs `work` and closes what it opened. */
export async function withStores<T>(reach: Reach, work: (context: Context) => Promise<T>): Promise<T> {
  const config = readConfig(reach)
  return withContext(config, openLogger(config.logLevel ?? 'warn'), work)
}

/**
 * The same for a command that only looks: where somebody keeps a table, it fails within seconds and
 * says who.
 */
export function withLook<T>(work: (context: Context) => Promise<T>): Promise<T> {
  return withStores('stores', async (context) => {
    const { stores } = context
    const db = stores.lookDb
    try {
      return await work({ ...context, stores: { ...stores, db } })
    } catch (error) {
      const held = await findHeld(db, error)
      throw held === undefined ? error : new Error(`${held.says}: ${held.remedy}`)
    }
  })
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
