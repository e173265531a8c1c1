// Ordinary clients against PGlite itself: whether they can tell that they share one session.
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { PGlite } from '@electric-sql/pglite'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { serveTurns, type Turns } from '../../../src/database/embedded/turns.ts'
import { writeFrame, writeStart } from '../../../src/database/embedded/wire.ts'
import { copyFreshFiles } from '../../support/stores.ts'

let folder: string
let engine: PGlite
let turns: Turns
const open: pg.Client[] = []
const broken: unknown[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'paper-round-turns-'))
  await copyFreshFiles(folder)
  engine = new PGlite(join(folder, 'postgres'))
  await engine.waitReady
  await engine.exec('create table notes (n int primary key, body text)')
})

afterAll(async () => {
  await engine.close()
  await rm(folder, { recursive: true })
})

beforeEach(async () => {
  turns = await serveTurns(engine, {
    port: 0,
    password: 'secret',
    idleInTransactionMs: 200,
    onBroken: (error) => void broken.push(error),
  })
})

afterEach(async () => {
  await Promise.all(open.splice(0).map((client) => client.end().catch(() => {})))
  await turns.close()
  await engine.exec('rollback; truncate notes')
  expect(broken).toEqual([])
})

describe('turns', () => {
  it('never gives a client the answer to another client, however their frames arrive', { tags: 'long' }, async () => {
    const clients = await Promise.all(Array.from({ length: 10 }, () => openClient()))
    // A parameter longer than a chunk of the socket: the frames of one statement then arrive with
    // others in between.
    const long = 'x'.repeat(300_000)
    await Promise.all(
      clients.map(async (client, i) => {
        for (let round = 0; round < 8; round += 1) {
          const { rows } = await client.query(`select $1::int as given, ${i} as own, length($2) as length`, [
            i + round,
            i % 2 ? long : 'short',
          ])
          expect(rows).toEqual([{ given: i + round, own: i, length: i % 2 ? long.length : 5 }])
        }
      }),
    )
  })

  it('keeps transactions apart from each other and from plain queries', async () => {
    const clients = await Promise.all(Array.from({ length: 10 }, () => openClient()))
    await clients[0]?.query(`insert into notes values (0, '0')`)
    await Promise.all(
      clients.map(async (client, i) => {
        for (let round = 0; round < 5; round += 1) {
          if (i >= 5) {
            const { rows } = await client.query('select count(*)::int as count from notes')
            // Each transaction adds two rows or none.
            expect(rows[0].count % 2).toBe(1)
            continue
          }
          await client.query('begin')
          const { rows } = await client.query('select body::int as count from notes where n = 0')
          await client.query('insert into notes values ($1)', [1000 * (i + 1) + round])
          await sleep(1)
          await client.query('insert into notes values ($1)', [-1000 * (i + 1) - round])
          await client.query('update notes set body = $1 where n = 0', [`${rows[0].count + 1}`])
          await client.query(round === 2 ? 'rollback' : 'commit')
        }
      }),
    )
    const { rows } = await engine.query(
      `select body, (select count(*)::int from notes) as count from notes where n = 0`,
    )
    expect(rows).toEqual([{ body: '20', count: 41 }])
  })

  it('carries 5 MB both ways and serves 50 connections', async () => {
    const clients = await Promise.all(Array.from({ length: 50 }, () => openClient()))
    const body = 'é'.repeat(2_500_000)
    await clients[0]?.query('insert into notes values (1, $1)', [body])
    const big = await clients[1]?.query('select body from notes')
    expect(big?.rows[0].body === body).toBe(true)
    const answers = await Promise.all(clients.map((client, i) => client.query('select $1::int as i', [i])))
    expect(answers.map(({ rows }) => rows[0].i)).toEqual(clients.map((_, i) => i))
  })

  it('keeps a failed transaction with its client until that client ends it', async () => {
    const [one, two] = [await openClient(), await openClient()]
    await one.query('begin')
    await expect(one.query('select nothing')).rejects.toThrow(/does not exist/)
    const other = two.query('select 1 as one')
    await expect(one.query('select 1')).rejects.toThrow(/aborted/)
    await one.query('rollback')
    expect((await other).rows).toEqual([{ one: 1 }])
  })

  it('rolls back a client that vanishes inside a transaction, and goes on', async () => {
    const [one, two] = [await openClient(), await openClient()]
    await one.query('begin')
    await one.query('insert into notes values (1)')
    const count = two.query('select count(*)::int as count from notes')
    socketOf(one).destroy()
    expect((await count).rows).toEqual([{ count: 0 }])
  })

  it('goes on when a client vanishes between the frames of a statement', async () => {
    const raw = await openRaw()
    // Parse and Flush without a Sync: the turn is open, with an implicit transaction.
    raw.write(Buffer.concat([writeFrame('P', '', 'select 1', Buffer.alloc(2)), writeFrame('H')]))
    await new Promise((resolve) => raw.once('data', resolve))
    const count = (await openClient()).query('select count(*)::int as count from notes')
    raw.destroy()
    expect((await count).rows).toEqual([{ count: 0 }])
  })

  it('ends a transaction that does nothing while others wait, not one that nobody waits for', async () => {
    const [one, two] = [await openClient(), await openClient()]
    await one.query('begin')
    await one.query('insert into notes values (1)')
    await sleep(500)
    await one.query('insert into notes values (2)')
    const { rows } = await two.query('select count(*)::int as count from notes')
    expect(rows).toEqual([{ count: 0 }])
    await expect(one.query('commit')).rejects.toThrow()
  })

  it('hears whoever has spoken while it stood still, before it calls anybody idle', { tags: 'long' }, async () => {
    const patience = { admissionMs: 1_000, idleInTransactionMs: 1_000 }
    const own = await serveTurns(engine, {
      ...{ port: 0, password: 'secret', ...patience },
      onBroken: (error) => void broken.push(error),
    })
    const [holder, other] = await Promise.all([openClient('', 'secret', own), openClient('', 'secret', own)])
    const stranger = connect(own.port, '127.0.0.1')
    const heard: Buffer[] = []
    stranger.on('data', (chunk) => heard.push(chunk))
    stranger.write(writeStart('postgres', 'postgres'))
    await expect.poll(() => heard.length).toBe(1)
    await holder.query('begin')
    const waiting = other.query('select 1 as n')
    await sleep(20)
    const committed = holder.query('commit')
    stranger.write(writeFrame('p', 'secret'))
    standStill(1_300)
    await committed
    expect((await waiting).rows).toEqual([{ n: 1 }])
    await expect.poll(() => Buffer.concat(heard).toString('latin1')).toContain('server_version')
    stranger.destroy()
    await own.close()
  })

  it('brings a notification to every connection', async () => {
    const [one, two] = [await openClient(), await openClient()]
    const heard = Promise.all(
      [one, two].map((client) => new Promise((resolve) => client.once('notification', resolve))),
    )
    await one.query('listen news')
    await (await openClient()).query(`notify news, 'hello'`)
    expect(await heard).toMatchObject([{ payload: 'hello' }, { payload: 'hello' }])
  })

  it('keeps a search_path for each connection, given or set', async () => {
    await engine.exec(
      'create schema a; create schema b; create table a.t as select 1 as n; create table b.t as select 2 as n',
    )
    const [a, b] = [await openClient('-c search_path=a,public'), await openClient('-c search_path="b"')]
    const plain = await openClient()
    const set = await openClient()
    await set.query('set search_path to b')
    for (let round = 0; round < 2; round += 1) {
      expect((await a.query('select n from t')).rows).toEqual([{ n: 1 }])
      expect((await b.query('select n from t')).rows).toEqual([{ n: 2 }])
      expect((await set.query('select n from t')).rows).toEqual([{ n: 2 }])
      await expect(plain.query('select n from t')).rejects.toThrow(/does not exist/)
    }
    await a.query('begin; set local search_path to b')
    expect((await a.query('select n from t')).rows).toEqual([{ n: 2 }])
    await a.query('rollback')
    expect((await a.query('select n from t')).rows).toEqual([{ n: 1 }])
  })

  it('ends a connection whose search_path cannot be read instead of running its queries elsewhere', async () => {
    const client = await openClient('-c search_path="a')
    await expect(client.query('select 1')).rejects.toThrow(/search_path/)
    expect((await (await openClient()).query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })

  it('admits nobody without the password', async () => {
    await expect(openClient('', 'guess')).rejects.toMatchObject({ code: '28P01' })
  })

  it('survives a stranger who speaks something else', async () => {
    const stranger = connect(turns.port, '127.0.0.1')
    stranger.write('GET / HTTP/1.1\r\n\r\n')
    stranger.resume()
    await new Promise((resolve) => stranger.once('close', resolve))
    expect((await (await openClient()).query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })

  it('tells open connections when it closes, and rolls back', async () => {
    const client = await openClient()
    await client.query('begin; insert into notes values (1)')
    const ended = new Promise((resolve) => client.once('end', resolve))
    await turns.close()
    await ended
    expect((await engine.query('select * from notes')).rows).toEqual([])
  })
})

async function openClient(options = '', password = 'secret', { port } = turns): Promise<pg.Client> {
  const connectionString = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`
  const client = new pg.Client({ connectionString, ...(options === '' ? {} : { options }) })
  client.on('error', () => {})
  await client.connect()
  open.push(client)
  return client
}

/** As long as a query of the engine, or a stopped process. */
function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

function socketOf(client: pg.Client): { destroy(): void } {
  return (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream
}

async function openRaw() {
  const socket = connect(turns.port, '127.0.0.1')
  const answer = () => new Promise((resolve) => socket.once('data', resolve))
  socket.write(writeStart('postgres', 'postgres'))
  await answer()
  socket.write(writeFrame('p', 'secret'))
  await answer()
  return socket
}
