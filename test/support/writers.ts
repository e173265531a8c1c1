// Finds who writes the tables whose rows have a life: raw SQL and the query builder alike. A
// statement whose table is only known at run time counts for every table.
import type { Files } from './imports.ts'

export interface Writer {
  path: string
  table: string
  verb: 'insert' | 'update' | 'delete'
}

const RAW =
  /\b(insert\s+into|update|delete\s+from|merge\s+into|truncate(?:\s+table)?)\s+(?:only\s+)?("?\w+"?|\$\{[^}]*\})/gi
const BUILT = /\.(insertInto|replaceInto|mergeInto|updateTable|deleteFrom)\(\s*(?:['"`](\w+)|([^'"`)]))/g
const VERBS: Record<string, Writer['verb']> = { insert: 'insert', replace: 'insert' }

/**
 * Returns each file's writes of `tables`, once a table and verb; files under migrations are none.
 */
export function findWriters(files: Files, tables: readonly string[]): Writer[] {
  const found = Object.entries(files)
    .filter(([path]) => path.endsWith('.ts') && !path.includes('/migrations/'))
    .flatMap(([path, text]) =>
      [...withoutComments(text).matchAll(RAW), ...withoutComments(text).matchAll(BUILT)].flatMap((match) => {
        const word = /^[a-z]+/.exec((match[1] ?? '').trim())?.[0] ?? ''
        const verb = VERBS[word] ?? (/^(delete|truncate)/.test(word) ? 'delete' : 'update')
        const name = (match[2] ?? '').replaceAll('"', '')
        const isAny = name.startsWith('$') || match[3] !== undefined
        // `for update of d`, `on conflict … do update set`: locks and conflicts name no table.
        if (/^(set|of|skip|nowait)$/.test(name)) return []
        return tables.filter((table) => isAny || table === name).map((table) => ({ path, table, verb }))
      }),
    )
  const byKey = new Map(found.map((writer) => [`${writer.path} ${writer.verb} ${writer.table}`, writer]))
  return [...byKey.keys()].sort().map((key) => byKey.get(key) as Writer)
}

function withoutComments(text: string): string {
  return text.replace(/^\s*(\/\/|\*|\/\*).*$/gm, '')
}
