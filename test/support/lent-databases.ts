// Databases of the real server, lent to one test after the other: making and dropping one takes ten
// times as long as putting it back to what it was, and waits for the disk. A free one is known by
// its name, so that all workers of a run share them; whoever borrows one gives it another name, and
// whoever was still connected to it finds it no more.
import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { connected, query } from './servers.ts'
import { EMPTY, type Migrated, restore } from './template.ts'

/** What a new database holds: today's tables without a row of a round, or nothing at all. */
export type Contents = 'tables' | 'nothing'

/** What a run's databases are made from, and the beginning of all their names. */
export interface Lending {
  serverUrl: string
  run: string
  template: Migrated
}

/** Makes what a run copies. `close` drops all that the run has made, also what nobody gave back. */
export async function openLending(serverUrl: string, migrate: (url: string) => Promise<Migrated>) {
  const run = `test_${randomBytes(6).toString('hex')}`
  await query(serverUrl, `create database ${run}_template`)
  const template = await migrate(urlOf(serverUrl, `${run}_template`))
  const close = () =>
    connected(serverUrl, async (client) => {
      for (const name of await list(client, run)) await client.query(`drop database ${name} with (force)`)
    })
  return { lending: { serverUrl, run, template } satisfies Lending, close }
}

/** Lends one that no other test has. */
export async function lend({ serverUrl, run, template }: Lending, contents: Contents) {
  pool ??= openServer(serverUrl)
  const server = pool
  const free = `${run}_free_${contents}`
  const random = randomBytes(6).toString('hex')
  const name = `${run}_${random}`
  const url = urlOf(serverUrl, name)
  const isTaken = await take(server, free, name)
  // What a test has set for a whole database stays with it.
  if (isTaken) await server.query(`alter database ${name} reset all`)
  if (!isTaken || !(await putBack(url, contents, template).catch(() => false))) {
    await server.query(`drop database if exists ${name} with (force)`)
    await server.query(`create database ${name} template ${contents === 'tables' ? `${run}_template` : 'template1'}`)
  }
  // Whatever must outlive a kill has a server of its own.
  await server.query(`alter database ${name} set synchronous_commit = off`)
  return {
    url,
    async close() {
      await server.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [name])
      await server.query(`alter database ${name} rename to ${free}_${random}`)
    },
  }
}

let pool: pg.Pool | undefined

/** One connection of a worker to the server, which goes with its process. */
function openServer(connectionString: string): pg.Pool {
  return new pg.Pool({ connectionString, options: '-c synchronous_commit=off', max: 1, allowExitOnIdle: true })
}

/** Gives a free database this name, unless there is none: others may be taking the same. */
async function take(server: pg.Pool, free: string, name: string): Promise<boolean> {
  for (const each of await list(server, free)) {
    const isTaken = await server.query(`alter database ${each} rename to ${name}`).then(
      () => true,
      () => false,
    )
    if (isTaken) return true
  }
  return false
}

async function putBack(url: string, contents: Contents, template: Migrated): Promise<boolean> {
  if (contents === 'tables') return restore(url, template)
  await query(url, EMPTY)
  return true
}

async function list(server: pg.Pool | pg.Client, beginning: string): Promise<string[]> {
  const { rows } = await server.query<{ name: string }>(
    'select datname as name from pg_database where starts_with(datname, $1)',
    [`${beginning}_`],
  )
  return rows.map(({ name }) => name)
}

function urlOf(serverUrl: string, name: string): string {
  const url = new URL(serverUrl)
  url.pathname = name
  return url.href
}
