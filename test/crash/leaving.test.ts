// Readers leave while PostgreSQL is gone, through two websites on two folders, and both are killed
// before they can bring it in. Whoever was answered has left, unless they came back since.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { openHandles } from '../../src/database/client.ts'
import { migrate } from '../../src/database/migrate.ts'
import { migrations } from '../../src/database/migrations/index.ts'
import { openLogger } from '../../src/logger.ts'
import { markResubscribed } from '../../src/subscriber/consent.ts'
import { openWishDesk } from '../../src/subscriber/journal/desk.ts'
import { openJournal } from '../../src/subscriber/journal/journal.ts'
import { deriveLinkKeys, issueToken } from '../../src/subscriber/token.ts'
import { createApp } from '../../src/web/app.ts'
import { isFull } from '../support/full.ts'
import { builtFile } from '../support/program.ts'
import { addReader, openTestRound, TEST_SECRET } from '../support/round.ts'
import { makeFolder, openTemporaryPostgres } from '../support/servers.ts'
import { openTestDatabase } from '../support/stores.ts'

const READERS = 40

interface Website {
  process: ChildProcess
  url: string
  stateDir: string
}

describe.skipIf(!isFull)('two websites, killed between the fsync and the database', () => {
  it('lose no wish, and none that was taken back comes true', async (context) => {
    const server = await openTemporaryPostgres()
    if (server === undefined) return context.skip()
    const { db } = openHandles(server.url)
    const websites: Website[] = []
    try {
      await migrate(db, migrations)
      const readers: { name: string; publicId: string; path: string }[] = []
      const keys = deriveLinkKeys([TEST_SECRET])
      for (let index = 0; index < READERS; index++) {
        await addReader(db, `reader${index}`)
        const { publicId } = await db
          .selectFrom('subscribers')
          .select('public_id as publicId')
          .where('address', '=', `reader${index}@example.org`)
          .executeTakeFirstOrThrow()
        const path = `/unsubscribe/${issueToken(keys, 'unsubscribe', { publicId, tokenEpoch: 1 }, new Date())}`
        readers.push({ name: `reader${index}`, publicId, path })
      }
      const folders = [await makeFolder('state'), await makeFolder('state')]
      for (const stateDir of folders) websites.push(await openWebsite(server.url, stateDir))
      await server.kill()
      const leaving = readers.slice(0, READERS / 2)
      const answers = await Promise.all(leaving.map(({ path }, index) => leave(`${websites[index % 2]?.url}${path}`)))
      expect(new Set(answers)).toEqual(new Set(['200 Unsubscribed. A digest already on its way may still arrive.']))
      expect(await (await fetch(`${websites[0]?.url}/`)).text()).toContain('database is out of reach')
      for (const { process } of websites) {
        process.kill('SIGKILL')
        await once(process, 'exit')
      }
      await server.restart()
      const back = leaving.filter((_, index) => index % 5 === 0)
      // Longer than two wishes are in doubt.
      await new Promise((resolve) => setTimeout(resolve, 1_100))
      for (const { publicId } of back) expect(await markResubscribed(db, publicId)).toBe(true)
      for (const stateDir of folders) {
        const names = (await readdir(stateDir)).filter((name) => name.startsWith('wishes-'))
        expect(names).toHaveLength(1)
        expect((await stat(join(stateDir, names[0] as string))).mode & 0o777).toBe(0o600)
        websites.push(await openWebsite(server.url, stateDir))
      }
      const { rows } = await sql<{ name: string }>`
        select split_part(address, '@', 1) as name from subscribers where consent = 'unsubscribed' order by id`.execute(
        db,
      )
      const gone = leaving.filter((reader) => !back.includes(reader))
      expect(rows.map(({ name }) => name)).toEqual(gone.map(({ name }) => name))
    } finally {
      for (const { process } of websites) process.kill('SIGKILL')
      await db.destroy()
      await server.close()
    }
  }, 120_000)
})

async function leave(url: string): Promise<string> {
  const answer = await fetch(url, { method: 'POST', body: new URLSearchParams({ 'List-Unsubscribe': 'One-Click' }) })
  return `${answer.status} ${await answer.text()}`
}

/** Starts the program's website and waits until it is ready. */
async function openWebsite(databaseUrl: string, stateDir: string): Promise<Website> {
  const env = {
    ...{ PATH: process.env.PATH, HOME: process.env.HOME, TMPDIR: process.env.TMPDIR },
    ...{ DATABASE_URL: databaseUrl, STATE_DIR: stateDir, DATA_DIR: `${stateDir}-data`, LINK_SECRET: TEST_SECRET },
    ...{ PORT: '0', HOST: '127.0.0.1', MAIL_PROVIDER: 'outbox', OUTBOX_DIR: `${stateDir}-outbox` },
  }
  const child = fork(await builtFile('src/cli.ts'), ['start', '--roles', 'web'], {
    ...{ execArgv: [], env, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] },
  })
  const url = await new Promise<string>((resolve, reject) => {
    let said = ''
    const read = (data: Buffer) => {
      said += data
      const found = /"url":"([^"]+)"/.exec(said)?.[1]
      if (found) resolve(found)
    }
    child.stdout?.on('data', read)
    child.stderr?.on('data', read)
    child.once('exit', () => reject(new Error(`it ended: ${said}`)))
  })
  return { process: child, url, stateDir }
}

describe.skipIf(!isFull)('a row or table that somebody else keeps', () => {
  it('is waited for a second: one click goes by the journal, everything else may come again', async (context) => {
    const database = await openTestDatabase('real')
    if (database === undefined) return context.skip()
    const { db, pageDb } = openHandles(database.url)
    const round = await openTestRound(database.url, { db })
    const logger = openLogger('silent')
    const journal = openJournal({ stateDir: await makeFolder('state'), redisUrl: undefined, schema: 'public' }, logger)
    const wishes = await openWishDesk({ db, pageDb }, journal, logger)
    const app = createApp({ ...round, db: pageDb, publicUrl: round.host.publicUrl, wishes, logger })
    try {
      const pathOf = async (name: string) =>
        `/unsubscribe/${issueToken(round.linkKeys, 'unsubscribe', await addReader(db, name), new Date())}`
      const [ada, ben, cora] = [await pathOf('ada'), await pathOf('ben'), await pathOf('cora')]
      const post = async (path: string, fields: Record<string, string>) => {
        const startedAt = performance.now()
        const answer = await app.request(path, { method: 'POST', body: new URLSearchParams(fields) })
        return { answer, ms: performance.now() - startedAt }
      }
      await db.transaction().execute(async (trx) => {
        await trx.selectFrom('subscribers').select('id').where('address', '=', 'ada@example.org').forUpdate().execute()
        const stepped = await post(ada, { action: 'weekly' })
        expect([stepped.answer.status, stepped.answer.headers.get('Retry-After')]).toEqual([503, '2'])
        expect(stepped.ms).toBeGreaterThan(950)
        const clicked = await post(ada, { 'List-Unsubscribe': 'One-Click' })
        expect([clicked.answer.status, await clicked.answer.text()]).toEqual([
          200,
          'Unsubscribed. A digest already on its way may still arrive.',
        ])
        expect(clicked.ms).toBeGreaterThan(950)
      })
      await db.transaction().execute(async (trx) => {
        await sql`lock table subscribers in access exclusive mode`.execute(trx)
        const clicked = await post(ben, { 'List-Unsubscribe': 'One-Click' })
        expect([clicked.answer.status, await clicked.answer.text()]).toEqual([
          200,
          'Unsubscribed. A digest already on its way may still arrive.',
        ])
      })
      await db.transaction().execute(async (trx) => {
        await sql`lock table deliveries in access exclusive mode`.execute(trx)
        const pressed = await post(cora, { action: 'unsubscribe' })
        expect([pressed.answer.status, await pressed.answer.text()]).toEqual([
          200,
          expect.stringContaining('Your request is saved'),
        ])
      })
      const left = async () =>
        (await db.selectFrom('subscribers').select('id').where('consent', '=', 'unsubscribed').execute()).length
      await expect.poll(left).toBe(3)
    } finally {
      await wishes.close()
      await journal.close()
      await round.close()
      await database.close()
    }
  }, 30_000)
})
