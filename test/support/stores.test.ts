import { Redis } from 'ioredis'
import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { asOwner } from './program-user.ts'
import { query } from './servers.ts'
import { describeStores, openTemporaryPostgres, openTemporaryRedis, openTestDatabase } from './stores.ts'

describeStores('describeStores', (stores) => {
  it.each([1, 2])('gives every test stores of its own (%i)', async () => {
    const client = new pg.Client(asOwner(stores.databaseUrl))
    await client.connect()
    await client.query('create schema other; create table other.t (n int); create table t (n int)')
    await client.end()
    if (stores.redisUrl === undefined) return
    const redis = new Redis(stores.redisUrl)
    expect(await redis.setnx(`${stores.prefix}:key`, 1)).toBe(1)
    redis.disconnect()
  })
})

it('lets the program be a user who changes rows and no table, where the server lets one be made', async ({ skip }) => {
  const database = await openTestDatabase('real')
  try {
    if (database === undefined || asOwner(database.url) === database.url) return skip()
    await query(
      database.url,
      `insert into ticks (name) values ('row'); delete from ticks; select nextval('batches_id_seq')`,
    )
    for (const change of [
      'create table t (n int)',
      'alter table ticks add column n int',
      'create or replace function round_now() returns timestamptz language sql stable as $$ select now() $$',
      'truncate ticks',
      'drop table ticks',
    ]) {
      await expect(query(database.url, change), change).rejects.toMatchObject({ code: '42501' })
    }
  } finally {
    await database?.close()
  }
})

it('lends a real database again as it was, without what was set for it', async ({ skip }) => {
  for (const contents of ['tables', 'nothing'] as const) {
    const first = await openTestDatabase('real', contents)
    if (first === undefined) return skip()
    const name = new URL(first.url).pathname.slice(1)
    await query(asOwner(first.url), `alter database ${name} set search_path = other, public`)
    await first.close()
    const second = await openTestDatabase('real', contents)
    const client = new pg.Client(second?.url)
    await client.connect()
    expect((await client.query('show search_path')).rows).toEqual([{ search_path: '"$user", public' }])
    await client.end()
    await second?.close()
  }
})

it('opens one embedded database at a time', { tags: 'long' }, async () => {
  const { close } = await openTestDatabase('embedded')
  await expect(openTestDatabase('embedded')).rejects.toThrow(/close it first/)
  await close()
})

describe('temporary servers', () => {
  it('Redis forgets when it is killed and comes back at the same URL', async (context) => {
    const server = await openTemporaryRedis()
    if (server === undefined) return context.skip()
    const redis = new Redis(server.url)
    redis.on('error', () => {})
    await redis.set('key', 'value')
    expect(await redis.config('GET', 'maxmemory-policy')).toContainEqual('noeviction')
    await server.kill()
    await server.restart()
    expect(await redis.get('key')).toBeNull()
    redis.disconnect()
    await server.close()
  })

  it('PostgreSQL keeps when it is killed', { tags: 'long' }, async (context) => {
    const server = await openTemporaryPostgres()
    if (server === undefined) return context.skip()
    const ask = async (text: string) => {
      const client = new pg.Client(server.url)
      client.on('error', () => {})
      await client.connect()
      return (await client.query(text).finally(() => client.end())).rows
    }
    await ask('create table t as select 1 as n')
    await server.kill()
    await expect(ask('select 1')).rejects.toThrow()
    await server.restart()
    expect(await ask('select n from t')).toEqual([{ n: 1 }])
    await server.close()
  })
})
