// Reads source files as TypeScript's own parser sees them: what each imports, exports and takes
// from the environment. It never runs them and never writes.
import { readdirSync, readFileSync } from 'node:fs'
import { posix, relative, resolve, sep } from 'node:path'
import ts from 'typescript'

/** Source text by path from the project's root, with forward slashes. */
export type Files = Readonly<Record<string, string>>

export interface Import {
  /** As written: a package, a Node builtin or a relative path. */
  from: string
  /** The path from the project's root that a relative import means; undefined for packages. */
  file: string | undefined
  /** The imported names; empty for a whole module. */
  names: string[]
}

interface ExportedFunction {
  name: string
  firstParameter: string | undefined
}

/** A line that is a comment and nothing else. */
interface CommentLine {
  line: number
  columns: number
  text: string
}

export interface Module {
  path: string
  lines: number
  /** The comment before the first line of code. */
  head: string
  comments: CommentLine[]
  imports: Import[]
  functions: ExportedFunction[]
  readsEnvironment: boolean
}

/** Reads every file in the named folders of `root` and below them. */
export function readFiles(root: string, folders: readonly string[]): Files {
  const paths = folders.flatMap((folder) =>
    readdirSync(resolve(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(root, resolve(entry.parentPath, entry.name)).split(sep).join('/')),
  )
  return Object.fromEntries(paths.sort().map((path) => [path, readFileSync(resolve(root, path), 'utf8')]))
}

/**
 * Parses the TypeScript files of `files`. A syntax error gives what could be read, for the compiler
 * reports it better.
 */
export function parseModules(files: Files): Module[] {
  return Object.entries(files)
    .filter(([path]) => path.endsWith('.ts'))
    .map(([path, text]) => parseModule(path, text))
}

const trees = new Map<string, ts.SourceFile>()
const OPTIONS = { languageVersion: ts.ScriptTarget.Latest, jsDocParsingMode: ts.JSDocParsingMode.ParseNone }

/** Parses a text of the source once, however many rules look at it. */
export function treeOf(path: string, text: string): ts.SourceFile {
  const key = `${path}\n${text}`
  const tree = trees.get(key) ?? ts.createSourceFile(path, text, OPTIONS, true)
  if (path.startsWith('src/')) trees.set(key, tree)
  return tree
}

/** Words of an import inside an expression or a type, and of what the environment is read from. */
const INSIDE = /\bimport\s*[(/]|\b(?:require|process)\b/

function parseModule(path: string, text: string): Module {
  const tree = treeOf(path, text)
  const module: Module = {
    path,
    lines: text.split('\n').length - (text.endsWith('\n') ? 1 : 0),
    head: /^(?:#!.*\n)?(\/\/.*\n)*/.exec(text)?.[0] ?? '',
    comments: commentsIn(text),
    imports: [],
    functions: tree.statements.flatMap(exportedFunctions),
    readsEnvironment: false,
  }
  const look = (node: ts.Node): void => {
    const found = importIn(node)
    if (found) module.imports.push({ ...found, file: fileOf(path, found.from) })
    if (readsEnvironment(node)) module.readsEnvironment = true
  }
  const visit = (node: ts.Node): void => {
    look(node)
    ts.forEachChild(node, visit)
  }
  // Most files have nothing below their statements to look for.
  if (INSIDE.test(text)) visit(tree)
  else ts.forEachChild(tree, look)
  return module
}

function commentsIn(text: string): CommentLine[] {
  return text
    .split('\n')
    .flatMap((line, index) =>
      /^\s*(\/\/|\/\*|\*)/.test(line) ? { line: index + 1, columns: line.length, text: line.trim() } : [],
    )
}

function fileOf(path: string, from: string): string | undefined {
  return /^\.{1,2}(\/|$)/.test(from) ? posix.join(posix.dirname(path), from) : undefined
}

/**
 * Every way to name another module: import, export from, import(), require() and import('…').Type.
 */
function importIn(node: ts.Node): { from: string; names: string[] } | undefined {
  if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
    const bindings = node.importClause?.namedBindings
    return { from: node.moduleSpecifier.text, names: bindings && ts.isNamedImports(bindings) ? namesOf(bindings) : [] }
  }
  if (ts.isExportDeclaration(node) && node.moduleSpecifier && ts.isStringLiteral(node.moduleSpecifier)) {
    const clause = node.exportClause
    return { from: node.moduleSpecifier.text, names: clause && ts.isNamedExports(clause) ? namesOf(clause) : [] }
  }
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument) && ts.isStringLiteral(node.argument.literal)) {
    return { from: node.argument.literal.text, names: node.qualifier ? [node.qualifier.getText()] : [] }
  }
  if (ts.isCallExpression(node)) {
    const [argument] = node.arguments
    const calls = node.expression.kind === ts.SyntaxKind.ImportKeyword || node.expression.getText() === 'require'
    if (calls && argument && ts.isStringLiteralLike(argument)) return { from: argument.text, names: [] }
  }
  return undefined
}

function namesOf(bindings: ts.NamedImports | ts.NamedExports): string[] {
  return bindings.elements.map((element) => (element.propertyName ?? element.name).text)
}

function exportedFunctions(statement: ts.Statement): ExportedFunction[] {
  const exported = ts.canHaveModifiers(statement)
    ? ts.getModifiers(statement)?.some((modifier) => modifier.kind === ts.SyntaxKind.ExportKeyword)
    : false
  if (!exported) return []
  if (ts.isFunctionDeclaration(statement)) {
    return [{ name: statement.name?.text ?? 'default', firstParameter: statement.parameters[0]?.name.getText() }]
  }
  if (!ts.isVariableStatement(statement)) return []
  return statement.declarationList.declarations.flatMap(({ name, initializer }) =>
    initializer && (ts.isArrowFunction(initializer) || ts.isFunctionExpression(initializer))
      ? [{ name: name.getText(), firstParameter: initializer.parameters[0]?.name.getText() }]
      : [],
  )
}

/**
 * Sees `process.env`, `process['env']`, `{ env } = process` and `import { env } from
 * 'node:process'`.
 */
function readsEnvironment(node: ts.Node): boolean {
  if (ts.isPropertyAccessExpression(node)) return isProcess(node.expression) && node.name.text === 'env'
  if (ts.isElementAccessExpression(node)) {
    const key = node.argumentExpression
    return isProcess(node.expression) && ts.isStringLiteralLike(key) && key.text === 'env'
  }
  if (ts.isVariableDeclaration(node) && node.initializer && isProcess(node.initializer)) {
    return (
      ts.isObjectBindingPattern(node.name) &&
      node.name.elements.some((element) => (element.propertyName ?? element.name).getText() === 'env')
    )
  }
  const found = ts.isImportDeclaration(node) ? importIn(node) : undefined
  return found !== undefined && /^(node:)?process$/.test(found.from) && found.names.includes('env')
}

function isProcess(node: ts.Expression): boolean {
  return ['process', 'globalThis.process', 'global.process'].includes(node.getText())
}
