// What the source says of its rows, as the TypeScript compiler understands it: the row type at each
// place that executes a raw statement, and the picture of the tables in database/schema.ts. Only
// our own files are read, and of every package nothing but what a column is.
import { join, relative } from 'node:path'
import ts from 'typescript'
import { type Files, readFiles } from '../imports.ts'
import { templateOf } from './style.ts'

/** A column as the source says it is. */
export interface Said {
  name: string
  /** `string`, `number[]`, `Date` …; `unknown` for what is parsed where it is used. */
  shape: string
  /** Of a union of texts. */
  values: readonly string[] | undefined
  nullable: boolean
}

export interface Site {
  path: string
  line: number
  /** Where the statement begins, and where its execution ends. */
  start: number
  end: number
  /** Undefined: rows without a type, `open`: a type that names no columns. */
  row: readonly Said[] | 'open' | undefined
}

export interface SaidTable {
  name: string
  columns: (Said & { insert: 'required' | 'optional' | 'never' })[]
}

export interface Sources {
  sites: Site[]
  tables: SaidTable[]
  /** Finds the site that a recorded place lies in. */
  siteAt(place: string): Site | undefined
}

/** `added` are files that stand beside those of the source, by path. */
export function readSources(root: string, added: Files = {}): Sources {
  const files = Object.entries({ ...readFiles(root, ['src']), ...added })
  const names = files.filter(([path, text]) => path.endsWith('.ts') && READ.test(text) && !FROZEN.test(path))
  const program = openProgram(
    root,
    names.map(([path]) => path),
    added,
  )
  const checker = program.getTypeChecker()
  const sources = names.flatMap(([path]) => program.getSourceFile(join(root, path)) ?? [])
  const sites = sources.flatMap((source) => sitesIn(source, relative(root, source.fileName), checker))
  const schema = sources.find(({ fileName }) => fileName.endsWith('/database/schema.ts'))
  const byPath = new Map(sources.map((source) => [relative(root, source.fileName), source]))
  return {
    sites,
    tables: schema ? tablesIn(schema, checker) : [],
    siteAt(place) {
      const [path = '', line, column] = place.split(':')
      const at = byPath.get(path)?.getPositionOfLineAndCharacter(Number(line) - 1, Number(column) - 1) ?? -1
      return sites.find((site) => site.path === path && site.start <= at && at <= site.end)
    },
  }
}

const READ = /\bsql[<`]|interface Database\b/
const FROZEN = /^src\/database\/migrations\//
/** Stands for Node's typings, which are large. */
const GLOBALS = 'globals.d.ts'
const GLOBALS_TEXT = 'declare class Buffer extends Uint8Array { private buffer_: never }'

function openProgram(root: string, names: readonly string[], added: Files): ts.Program {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile)
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root)
  const host = ts.createCompilerHost({ ...options, types: [] })
  const given = new Map(
    Object.entries({ ...added, [GLOBALS]: GLOBALS_TEXT }).map(([path, text]) => [join(root, path), text]),
  )
  const { getSourceFile, fileExists, readFile } = host
  host.fileExists = (path) => given.has(path) || fileExists(path)
  host.readFile = (path) => given.get(path) ?? readFile(path)
  host.getSourceFile = (path, target, ...rest) => {
    const text = given.get(path)
    return text === undefined ? getSourceFile(path, target, ...rest) : ts.createSourceFile(path, text, target)
  }
  const columnType = join(root, 'node_modules/kysely/dist/esm/util/column-type.d.ts')
  host.resolveModuleNameLiterals = (specifiers, from, _, own) =>
    specifiers.map(({ text }) => {
      if (text.startsWith('.')) return ts.resolveModuleName(text, from, own, host)
      const resolvedModule = { resolvedFileName: columnType, extension: ts.Extension.Dts }
      return { resolvedModule: text === 'kysely' ? resolvedModule : undefined }
    })
  const rootNames = [...names, GLOBALS].map((path) => join(root, path))
  return ts.createProgram(rootNames, { ...options, types: [] }, host)
}

function sitesIn(source: ts.SourceFile, path: string, checker: ts.TypeChecker): Site[] {
  const sites: Site[] = []
  const visit = (node: ts.Node): void => {
    const template = ts.isCallExpression(node) ? templateOf(node, source) : undefined
    if (template) {
      const [start, end] = [template.getStart(source), node.getEnd()]
      const line = source.getLineAndCharacterOfPosition(start).line + 1
      const [type] = template.typeArguments ?? []
      sites.push({ path, line, start, end, row: type && rowOf(checker.getTypeFromTypeNode(type), checker) })
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return sites
}

function rowOf(type: ts.Type, checker: ts.TypeChecker): Said[] | 'open' {
  if (checker.getIndexInfosOfType(type).length > 0) return 'open'
  const columns = checker.getPropertiesOfType(type)
  return columns.map((symbol) => saidOf(symbol.name, checker.getTypeOfSymbol(symbol), checker))
}

function tablesIn(source: ts.SourceFile, checker: ts.TypeChecker): SaidTable[] {
  const database = source.statements.find(
    (each): each is ts.InterfaceDeclaration => ts.isInterfaceDeclaration(each) && each.name.text === 'Database',
  )
  if (!database) return []
  return checker.getPropertiesOfType(checker.getTypeAtLocation(database)).map((table) => ({
    name: table.name,
    columns: checker.getPropertiesOfType(checker.getTypeOfSymbol(table)).map((column) => {
      const type = checker.getTypeOfSymbol(column)
      const side = (name: string) => {
        const symbol = checker.getPropertyOfType(type, name)
        return symbol && checker.getTypeOfSymbol(symbol)
      }
      const insert = side('__insert__') ?? type
      return { ...saidOf(column.name, side('__select__') ?? type, checker), insert: insertOf(insert) }
    }),
  }))
}

function insertOf(type: ts.Type): 'required' | 'optional' | 'never' {
  if (type.flags & ts.TypeFlags.Never) return 'never'
  return partsOf(type).some(({ flags }) => flags & ts.TypeFlags.Undefined) ? 'optional' : 'required'
}

function saidOf(name: string, type: ts.Type, checker: ts.TypeChecker): Said {
  const parts = partsOf(type)
  const values = parts.flatMap((part) => (part.isStringLiteral() ? [part.value] : []))
  const texts = parts.filter(({ flags }) => flags & ts.TypeFlags.StringLike)
  return {
    name,
    shape: shapeOf(checker.getNonNullableType(type), checker),
    values: values.length > 0 && values.length === texts.length ? values : undefined,
    nullable: parts.some(({ flags }) => flags & (ts.TypeFlags.Null | ts.TypeFlags.Unknown)),
  }
}

function partsOf(type: ts.Type): ts.Type[] {
  return type.isUnion() ? type.types : [type]
}

function shapeOf(type: ts.Type, checker: ts.TypeChecker): string {
  const parts = partsOf(type)
  const isAll = (flag: ts.TypeFlags) => parts.every(({ flags }) => flags & flag)
  if (isAll(ts.TypeFlags.StringLike)) return 'string'
  if (isAll(ts.TypeFlags.NumberLike)) return 'number'
  if (isAll(ts.TypeFlags.BooleanLike)) return 'boolean'
  if (type.flags & ts.TypeFlags.Unknown || checker.typeToString(type) === '{}') return 'unknown'
  if (checker.isArrayType(type))
    return `${shapeOf(checker.getTypeArguments(type as ts.TypeReference)[0] as ts.Type, checker)}[]`
  return checker.typeToString(type)
}
