// The stage of a seeded history: actors that step one at a time, from store call to store call.
// Whoever is between two steps waits at a gate; the history says who goes next, and whoever dies
// there never goes on. Nothing here knows the time.
import {
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
  Kysely,
  PostgresDialect,
  type PostgresPool,
  type QueryResult,
} from 'kysely'
import type { Database } from '../../../../src/database/schema.ts'

export interface Actor {
  name: string
  /** Waits for its turn, which comes while `isReady`, if ever. */
  turn(what: string, isReady?: () => boolean): Promise<void>
}

export interface Stage {
  /** Lets an actor run up to its first gate. Rejects with what it throws on the way. */
  enter(name: string, run: (actor: Actor) => Promise<void>): Promise<void>
  has(name: string): boolean
  /** Returns who may step now, in the order in which they entered. */
  ready(): string[]
  /** Lets one actor go on up to its next gate. Returns what it waited for. */
  step(name: string): Promise<string>
  /** Ends an actor where it stands. */
  end(name: string): void
}

interface Part {
  what: string
  isReady: () => boolean
  go: (() => void) | undefined
  /** Settles once it stands at a gate, or has come to its end. */
  reached: Reached
}

interface Reached {
  promise: Promise<void>
  resolve(): void
  reject(error: unknown): void
}

function openReached(): Reached {
  let [resolve, reject]: [() => void, (error: unknown) => void] = [() => {}, () => {}]
  const promise = new Promise<void>((done, fail) => {
    ;[resolve, reject] = [done, fail]
  })
  return { promise, resolve, reject }
}

export function openStage(): Stage {
  const parts = new Map<string, Part>()

  function turnOf(part: Part): Actor['turn'] {
    return (what, isReady = () => true) => {
      if (part.go) throw new Error(`two store calls at once: ${part.what}, ${what}`)
      return new Promise((resolve) => {
        Object.assign(part, { what, isReady, go: resolve })
        part.reached.resolve()
      })
    }
  }

  return {
    async enter(name, run) {
      const part: Part = { what: '', isReady: () => true, go: undefined, reached: openReached() }
      parts.set(name, part)
      const leave = () => {
        if (parts.get(name) === part) parts.delete(name)
      }
      run({ name, turn: turnOf(part) }).then(
        () => {
          leave()
          part.reached.resolve()
        },
        (error: unknown) => {
          leave()
          part.reached.reject(error)
        },
      )
      await part.reached.promise
    },
    has: (name) => parts.has(name),
    ready: () => [...parts].filter(([, part]) => part.isReady()).map(([name]) => name),
    async step(name) {
      const part = parts.get(name)
      if (!part?.go) throw new Error(`${name} does not wait`)
      const { go, what } = part
      part.go = undefined
      part.reached = openReached()
      go()
      await part.reached.promise
      return what
    },
    end(name) {
      parts.delete(name)
    },
  }
}

/** What happens on the way of an actor's statements. */
export interface Passing {
  /** Awaited before each store call: a transaction, or a statement of its own. */
  before(): Promise<void>
  rewrite(text: string): string
  after(query: CompiledQuery, result: QueryResult<unknown>): void
}

/** Returns an actor's own handle on the database of `base`; it need not be closed. */
export function openGated(base: Kysely<Database>, passing: Passing): Kysely<Database> {
  class GatedDialect extends PostgresDialect {
    override createDriver(): Driver {
      return openDriver(base, passing)
    }
  }
  // Its own pool is never asked for anything.
  return new Kysely<Database>({ dialect: new GatedDialect({ pool: {} as PostgresPool }) })
}

interface Lent extends DatabaseConnection {
  giveBack(): void
}

function openDriver(base: Kysely<Database>, { before, rewrite, after }: Passing): Driver {
  const say = async (connection: DatabaseConnection, text: string) => {
    await connection.executeQuery(CompiledQuery.raw(text))
  }
  return {
    async init() {},
    async acquireConnection() {
      await before()
      return new Promise<Lent>((lend, refuse) => {
        const asked = base.getExecutor().provideConnection(
          (connection) =>
            new Promise<void>((giveBack) => {
              lend({
                giveBack,
                async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
                  const result = await connection.executeQuery<R>({ ...query, sql: rewrite(query.sql) })
                  after(query, result)
                  return result
                },
                streamQuery() {
                  throw new Error('nothing here reads as a stream')
                },
              })
            }),
        )
        asked.catch(refuse)
      })
    },
    beginTransaction: (connection) => say(connection, 'begin'),
    commitTransaction: (connection) => say(connection, 'commit'),
    rollbackTransaction: (connection) => say(connection, 'rollback'),
    async releaseConnection(connection) {
      ;(connection as Lent).giveBack()
    },
    async destroy() {},
  }
}
