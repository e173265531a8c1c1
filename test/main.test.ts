import { mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { readConfig } from '../src/config.ts'
import { openLogger } from '../src/logger.ts'
import { start } from '../src/main.ts'
import { TEST_SECRET } from './support/round.ts'
import { openTestDatabase } from './support/stores.ts'

it('starts no website that could keep no wish to leave', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'paper-round-main-'))
  const stateDir = join(folder, 'state')
  await symlink(join(folder, 'nowhere'), stateDir)
  const database = await openTestDatabase('either')
  const env = { DATABASE_URL: database.url, LINK_SECRET: TEST_SECRET, STATE_DIR: stateDir, PORT: '0' }
  try {
    const starting = start(readConfig('links', {}, env), ['web'], openLogger('silent'), AbortSignal.abort())
    await expect(starting).rejects.toMatchObject({
      message: 'the journal keeps no wishes',
      cause: { problems: [expect.stringContaining(`STATE_DIR ${stateDir} cannot be made or written: `)] },
    })
  } finally {
    await database.close()
    await rm(folder, { recursive: true })
  }
})
