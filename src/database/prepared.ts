// Statements of every batch are prepared: PostgreSQL then plans them once a session instead of each
// time. Each says so itself, since a plan that is made once knows nothing of its values: it must be
// good for any. A name follows from the text, so that behind a pooler it means the same whoever
// gave it. Where a session does not keep names, or the tables have changed under a plan, the
// statement has not run: it is asked once more.
import { createHash } from 'node:crypto'
import { createQueryId, PostgresQueryCompiler, type RawBuilder, sql } from 'kysely'

const MARK = '/* prepared */'

/** Begins a statement that is prepared. */
export const prepared = sql.raw<unknown>(MARK)

/**
 * Makes a part of such a statement that holds no values, and is always the same for the same names
 * of tables: put together once, where it would else be walked for each batch. Throws on a part with
 * a value.
 */
export function fixedPart<Names extends readonly string[], T>(
  make: (...names: Names) => RawBuilder<T>,
): (...names: Names) => RawBuilder<T> {
  const made = new Map<string, RawBuilder<T>>()
  return (...names) => {
    const key = names.join()
    const known = made.get(key)
    if (known) return known
    const { sql: text, parameters } = compiler.compileQuery(make(...names).toOperationNode(), createQueryId())
    if (parameters.length > 0) throw new Error('a part of a statement that is made once holds no value')
    const part = sql.raw<T>(text)
    made.set(key, part)
    return part
  }
}

const compiler = new PostgresQueryCompiler()

export interface Names {
  /** Returns the name under which to ask, undefined where a text is not prepared. */
  nameOf(text: string): string | undefined
  /**
   * Hears why a statement failed that was asked under a name. Returns whether it has not run for
   * the name's sake alone: from now on it has another name, or none.
   */
  renounced(text: string, error: unknown): boolean
}

/**
 * PostgreSQL's way to say that a plan was made for tables that have changed since: a state that
 * other failures share, from one place. Its words are in the language of the server.
 */
const PLAN_IS_OLD = { code: '0A000', routine: 'RevalidateCachedQuery' }
/** Unknown to this session, or known already: a pooler lends sessions without caring for names. */
const NAMES_ARE_LOST = new Set(['26000', '42P05'])

/** Opens the names of one pool. */
export function openNames(): Names {
  const names = new Map<string, string>()
  let isOff = false
  let generation = 0
  const give = (text: string) => {
    const name = makeName(text, generation)
    names.set(text, name)
    return name
  }
  return {
    nameOf: (text) => (isOff || !text.startsWith(MARK) ? undefined : (names.get(text) ?? give(text))),
    renounced(text, error) {
      const { code, routine } = error as { code?: unknown; routine?: unknown }
      if (typeof code === 'string' && NAMES_ARE_LOST.has(code)) isOff = true
      else if (code !== PLAN_IS_OLD.code || routine !== PLAN_IS_OLD.routine) return false
      else {
        generation += 1
        give(text)
      }
      return true
    },
  }
}

function makeName(text: string, generation: number): string {
  const hash = createHash('sha256').update(text).digest('base64url').slice(0, 22)
  return generation === 0 ? `round-${hash}` : `round-${hash}-${generation}`
}
