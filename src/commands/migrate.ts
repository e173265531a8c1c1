// Brings the schema up to date; refuses one that is newer than this program.
import { withStores } from './session.ts'
import { openTerminal } from './terminal.ts'

export async function migrateCommand(options: { json?: boolean }): Promise<void> {
  // Opening the stores migrates them: every command and every start does.
  const migrated = await withStores('stores', async ({ stores }) => stores.migrated)
  openTerminal(options).print({ migrated }, [
    migrated.length === 0 ? 'The schema is up to date.' : `Applied ${migrated.join(', ')}.`,
  ])
}
