import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { openDatabase } from '../../../src/database/client.ts'
import { asOwner } from '../../support/program-user.ts'
import { query } from '../../support/servers.ts'
import { keepWeb, openApp } from '../open-app.ts'

const web = keepWeb()

const readiness = async (app = web.app) => {
  const answer = await app.request('/readyz')
  return [answer.status, await answer.text()]
}

describe('/healthz', () => {
  it('answers without the database', async () => {
    const db = openDatabase('postgres://nobody@127.0.0.1:1/none')
    const answer = await openApp(web, { db }).request('/healthz')
    expect([answer.status, await answer.text()]).toEqual([200, expect.stringMatching(/^ok \d+\.\d+\.\d+$/)])
    await db.destroy()
  })
})

describe('/readyz', () => {
  it('answers when the schema is that of this version', async () => {
    expect(await readiness()).toEqual([200, 'ok'])
  })

  it.each([
    ['older', sql`delete from kysely_migration`],
    ['newer', sql`insert into kysely_migration values ('999-later', 'now')`],
  ])('refuses a schema that is %s, in one line', async (_, change) => {
    const kept = await sql<{ name: string; timestamp: string }>`select * from kysely_migration`.execute(web.round.db)
    await change.execute(web.round.db)
    try {
      expect(await readiness()).toEqual([503, 'the schema is not that of this version: run migrate'])
    } finally {
      await sql`delete from kysely_migration`.execute(web.round.db)
      for (const { name, timestamp } of kept.rows) {
        await sql`insert into kysely_migration values (${name}, ${timestamp})`.execute(web.round.db)
      }
    }
  })

  it('refuses a database that was never migrated', async () => {
    await query(asOwner(web.round.databaseUrl), 'alter table kysely_migration rename to put_aside')
    expect((await readiness())[0]).toBe(503)
    await query(asOwner(web.round.databaseUrl), 'alter table put_aside rename to kysely_migration')
    expect((await readiness())[0]).toBe(200)
  })

  it('refuses and logs when the database does not answer', async () => {
    const db = openDatabase('postgres://nobody@127.0.0.1:1/none')
    expect(await readiness(openApp(web, { db }))).toEqual([503, 'the database does not answer'])
    expect(JSON.parse(web.log[0] as string)).toMatchObject({ level: 'warn', event: 'web.unready' })
    await db.destroy()
  })

  it('refuses a database that takes no writes', async () => {
    await web.round.db
      .transaction()
      .setAccessMode('read only')
      .execute(async (db) => {
        expect(await readiness(openApp(web, { db }))).toEqual([503, 'the database takes no writes'])
      })
  })

  it('says that the queue takes no jobs, and is ready all the same', async () => {
    let asked = 0
    const app = openApp(web, {
      async checkQueue() {
        asked += 1
        throw new Error('Redis takes no writes')
      },
    })
    for (const _ of [1, 2]) {
      expect(await readiness(app)).toEqual([200, 'ok, without the queue: jobs of pages wait for the sweep'])
    }
    // Whoever asks often costs the queue's store no more writes.
    expect(asked).toBe(1)
  })
})
