// What is said of a table that somebody keeps, and of a transaction that somebody forgot.
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sayForgotten, sayHeld } from '../../src/commands/held.ts'
import { statusCommand } from '../../src/commands/status.ts'
import { type Handles, openHandles } from '../../src/database/client.ts'
import { findHolders, listForgotten } from '../../src/database/holders.ts'
import { describeError } from '../../src/errors.ts'
import { callOn } from '../support/command.ts'
import { asOwner } from '../support/program-user.ts'
import { connected } from '../support/servers.ts'
import { openTestDatabase, realPostgresUrl, type TestDatabase } from '../support/stores.ts'

const hasPostgres = (await realPostgresUrl()) !== undefined
const since = new Date('2026-03-05T07:04:00Z')
const psql = { pid: 4711, user: 'ada', program: 'psql', since, statement: 'alter  table\neditions …', isIdle: false }

describe('words', () => {
  it.each([
    [
      psql,
      'session 4711 (psql, user ada) holds the table editions, in a transaction since 2026-03-05 07:04 UTC: "alter table editions …"',
    ],
    [
      { ...psql, program: '', isIdle: true, statement: 'x'.repeat(99) },
      `session 4711 (user ada) holds the table editions, in a transaction since 2026-03-05 07:04 UTC, idle after "${'x'.repeat(60)} …"`,
    ],
    [
      { ...psql, since: null, statement: null },
      'session 4711 (psql, user ada) holds the table editions; what it does is hidden from this user',
    ],
  ])('say who keeps a table, as far as can be seen (%#)', (session, says) => {
    const remedy = 'wait for its end, or end it as its user or a superuser: select pg_terminate_backend(4711)'
    expect(sayHeld([{ ...session, table: 'editions' }])).toEqual({ says, remedy })
  })

  it('say what to do where nobody is seen, and about a transaction that does nothing', () => {
    expect(sayHeld([])).toEqual({ says: 'a table was held for more than 3 s', remedy: 'try again' })
    expect(sayForgotten({ ...psql, isIdle: true })).toEqual({
      says: expect.stringMatching(
        /^session 4711 \(psql, user ada\) has an open transaction and does nothing, .* idle after/,
      ),
      remedy: expect.stringContaining('select pg_terminate_backend(4711)'),
    })
  })
})

describe.each([{ kind: 'embedded' }, ...(hasPostgres ? [{ kind: 'real' }] : [])])('$kind PostgreSQL', ({ kind }) => {
  let database: TestDatabase
  let handles: Handles
  beforeAll(async () => {
    database = (await openTestDatabase(kind as 'embedded')) as TestDatabase
    handles = openHandles(database.url, { maxConnections: 2 })
  })
  afterAll(async () => {
    await handles.db.destroy()
    await database.close()
  })

  it('knows of nobody where nobody keeps anything', async () => {
    expect(await findHolders(handles.lookDb)).toEqual([])
    expect(await listForgotten(handles.lookDb, 0)).toEqual([])
  })

  it.skipIf(kind === 'embedded')('names who keeps a table, and whom that one waits for, with their words', async () => {
    await connected(database.url, async (reader) => {
      const own = { pid: await pidOf(reader), isIdle: true, statement: 'begin; select from editions' }
      await reader.query(own.statement)
      expect(await findHolders(handles.db)).toEqual([])
      expect(await listForgotten(handles.db, 0)).toMatchObject([own])
      await connected(database.url, async (writer) => {
        // It waits for the reader, and whoever reads from now on waits for it.
        const locking = writer.query('begin; lock table editions in access exclusive mode')
        await expect.poll(() => findHolders(handles.db)).toMatchObject([{ ...own, table: 'editions' }])
        await reader.query('commit')
        await locking
        const pid = await pidOf(writer)
        expect(await findHolders(handles.db)).toMatchObject([{ pid, table: 'editions', since: expect.any(Date) }])
      })
    })
  })

  it.skipIf(kind === 'embedded')(
    'lets a command that looks wait for seconds only, and say who it was',
    { tags: 'long' },
    async () => {
      await connected(asOwner(database.url), async (owner) => {
        await owner.query('begin; lock table editions in access exclusive mode')
        const pid = await pidOf(owner)
        const failed = await callOn(database.url, () => statusCommand({})).catch(describeError)
        expect(failed).toMatch(new RegExp(`^session ${pid} \\(.*\\) holds the table editions.*backend\\(${pid}\\)$`))
      })
    },
  )
})

async function pidOf(client: pg.Client): Promise<number> {
  const { rows } = await client.query('select pg_backend_pid() as pid')
  return rows[0].pid
}
