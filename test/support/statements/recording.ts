// Records every raw statement of the source that a test executes, with the place that executes it,
// for test/statements.test.ts. A statement costs a look into a set; only a text that its place has
// not executed before costs more.
import { appendFileSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PostgresDialect, PostgresQueryCompiler } from 'kysely'

export interface Recorded {
  /** Where `execute` is called: `src/database/clock.ts:6:78`. */
  place: string
  text: string
}

/** Records from now on, in whatever this process opens. */
export function recordStatements(): void {
  PostgresDialect.prototype.createQueryCompiler = () => new RecordingCompiler()
}

/** Reads what all processes of this run have recorded so far. */
export function readRecorded(): Recorded[] {
  const files = readFolder()
  const lines = new Set(files.flatMap((name) => readFileSync(join(folder(), name), 'utf8').split('\n')))
  return [...lines].filter((line) => line !== '').map((line) => JSON.parse(line) as Recorded)
}

class RecordingCompiler extends PostgresQueryCompiler {
  override compileQuery(...given: Parameters<PostgresQueryCompiler['compileQuery']>) {
    const query = super.compileQuery(...given)
    const [node] = given
    if (node.kind === 'RawNode') record(node.sqlFragments, query.sql)
    return query
  }
}

interface Seen {
  /** Undefined where the statement is not one of the source. */
  place: string | undefined
  texts: Set<string>
}

/** By the strings of a template, which are one and the same object at one place. */
const seen = new WeakMap<readonly string[], Seen>()

function record(template: readonly string[], text: string): void {
  const known = seen.get(template)
  const { place, texts } = known ?? { place: placeOfExecute(), texts: new Set() }
  if (known === undefined) seen.set(template, { place, texts })
  if (place === undefined || texts.has(text)) return
  texts.add(text)
  mkdirSync(folder(), { recursive: true })
  appendFileSync(join(folder(), `${process.pid}.jsonl`), `${JSON.stringify({ place, text: evened(text) })}\n`)
}

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const FRAMES = 20

/** Steps of the schema run on the tables of their own time, and never change. */
const FROZEN = /^src\/database\/migrations\//

/** Compiling is part of the call of `execute`, so that whoever made it is on the stack. */
function placeOfExecute(): string | undefined {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = FRAMES
  const frames = (new Error('here').stack ?? '').split('\n')
  Error.stackTraceLimit = limit
  const at = frames.findIndex((frame) => frame.includes('RawBuilderImpl.execute'))
  const path = /\(?(?:file:\/\/)?(\/[^()]+:\d+:\d+)\)?$/.exec(frames[at + 1] ?? '')?.[1]
  const place = path?.startsWith(ROOT) ? path.slice(ROOT.length) : undefined
  return place?.startsWith('src/') && !FROZEN.test(place) ? place : undefined
}

/**
 * An `in` of any length is one text, and so is the table of the schema's steps in whatever schema a
 * test has migrated. What is left of the parameters is numbered anew.
 */
function evened(text: string): string {
  const shorter = text
    .replaceAll(/(?<=\bin \(\$\d+)(, \$\d+)+(?=\))/g, '')
    .replaceAll(/"\w+"\.(?="kysely_migration")/g, '')
  const numbers = [...new Set(shorter.match(/\$\d+/g))].sort(
    (one, other) => Number(one.slice(1)) - Number(other.slice(1)),
  )
  return shorter.replaceAll(/\$\d+/g, (parameter) => `$${numbers.indexOf(parameter) + 1}`)
}

function folder(): string {
  return join(tmpdir(), 'statements')
}

function readFolder(): string[] {
  try {
    return readdirSync(folder())
  } catch {
    return []
  }
}
