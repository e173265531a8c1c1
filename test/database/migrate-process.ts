// Migrates the database of the first argument in the schema of the second, and tells its parent
// what it applied.
import { openDatabase } from '../../src/database/client.ts'
import { migrate } from '../../src/database/migrate.ts'
import { migrations } from '../../src/database/migrations/index.ts'

const db = openDatabase(process.argv[2] as string, { schema: process.argv[3] as string })
try {
  process.send?.(await migrate(db, migrations))
} catch (error) {
  process.send?.([String(error)])
} finally {
  await db.destroy()
  process.disconnect()
}
