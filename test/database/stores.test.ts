// Where our tables are found: what a session says by itself is enough as a rule.
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { type Kysely, sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { migrate } from '../../src/database/migrate.ts'
import { migrations } from '../../src/database/migrations/index.ts'
import type { Database } from '../../src/database/schema.ts'
import { openStores, openUnmigrated, type StoreSettings } from '../../src/database/stores.ts'
import { describeError } from '../../src/errors.ts'
import { openLogger } from '../../src/logger.ts'
import { query } from '../support/servers.ts'
import { openTestDatabase, realPostgresUrl, type TestDatabase } from '../support/stores.ts'

describe.skipIf((await realPostgresUrl()) === undefined)('the stores of a DATABASE_URL', () => {
  let database: TestDatabase
  beforeEach(async () => {
    database = (await openTestDatabase('real', 'nothing')) as TestDatabase
  })
  afterEach(() => database.close())

  async function readPath(schema = 'public') {
    const settings: StoreSettings = { databaseUrl: database.url, dataDir: 'unused', schema }
    const stores = await openUnmigrated(settings, openLogger('silent'))
    const ask = async (db: Kysely<Database>) => {
      const { rows } = await sql<{ path: string; schema: string | null }>`
        select current_setting('search_path') as path, current_schema() as schema`.execute(db)
      return rows[0]
    }
    const paths = [await ask(stores.db), await ask(stores.pageDb)]
    await stores.close()
    return paths
  }

  it('are in public, and no session is told so', async () => {
    const path = { path: '"$user", public', schema: 'public' }
    expect(await readPath()).toEqual([path, path])
  })

  it('are there also for a user whose sessions lead elsewhere', async () => {
    const name = new URL(database.url).pathname.slice(1)
    await query(database.url, `create schema own; alter database ${name} set search_path = own, public`)
    const path = { path: 'public,public', schema: 'public' }
    expect(await readPath()).toEqual([path, path])
  })

  it('are in the schema of a demo', async () => {
    await query(database.url, 'create schema demo')
    const path = { path: 'demo,public', schema: 'demo' }
    expect(await readPath('demo')).toEqual([path, path])
  })

  it('tell whoever opens them that the schema is another one now, and say nothing of a new one', {
    tags: 'long',
  }, async () => {
    const settings: StoreSettings = { databaseUrl: database.url, dataDir: 'unused', schema: 'public' }
    const lines: string[] = []
    const logger = openLogger('warn', { write: (line) => void lines.push(line) })
    const [last = ''] = Object.keys(migrations).sort().slice(-1)
    const earlier = await openUnmigrated(settings, logger)
    await migrate(earlier.db, Object.fromEntries(Object.entries(migrations).filter(([name]) => name !== last)))
    await earlier.close()
    for (const told of [[last], [last]]) {
      await (await openStores(settings, logger)).close()
      expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ event: 'schema.updated', migrated: told }])
    }
    await query(database.url, 'drop schema public cascade; create schema public')
    await (await openStores(settings, logger)).close()
    expect(lines).toHaveLength(1)
  })
})

it('names the setting of a server that speaks no TLS where the address asks for it', async () => {
  // To whoever asks for TLS, a server without it answers with this one letter.
  const server = createServer((socket) => socket.once('data', () => socket.end('N')))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const databaseUrl = `postgres://a@127.0.0.1:${port}/papers?sslmode=verify-full`
  const settings = { databaseUrl, dataDir: 'unused', schema: 'public' }
  try {
    await expect(openStores(settings, openLogger('silent')).catch(describeError)).resolves.toBe(
      'PostgreSQL cannot be reached (see DATABASE_URL): The server does not support SSL connections',
    )
  } finally {
    server.close()
  }
})
