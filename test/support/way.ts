// The way of what a function is given through the files of the source: every call is followed that
// hands on some of it, in the order in which they are written, each function once. What is written
// into SQL is no call. Reads the text alone: a function that is chosen as the program runs is not
// found.
import { dirname, join, normalize } from 'node:path'
import ts from 'typescript'
import type { Files } from './imports.ts'

interface Source {
  /** Where a name of another file comes from. */
  imported: Map<string, { path: string; name: string }>
  functions: Map<string, ts.FunctionLikeDeclaration>
}

/** Returns the files that the way enters, one a stay. */
export function followWay(files: Files, path: string, name: string): string[] {
  const sources = new Map<string, Source>()
  const entered = new Set<string>()
  const stays: string[] = []

  function sourceAt(at: string): Source {
    const known = sources.get(at) ?? readSource(at, files[at] ?? '')
    sources.set(at, known)
    return known
  }

  /** `given`: which of its arguments are some of what is followed. */
  function enter(at: string, called: string, given: readonly boolean[]): void {
    const { imported, functions } = sourceAt(at)
    const body = functions.get(called)
    if (!body || entered.has(`${at} ${called}`)) return
    entered.add(`${at} ${called}`)
    if (stays.at(-1) !== at) stays.push(at)
    const mine = new Set(body.parameters.flatMap((parameter, index) => (given[index] ? namesIn(parameter.name) : [])))
    const isMine = (node: ts.Node) => namesIn(node).some((each) => mine.has(each))
    const take = (names: ts.Node, from: ts.Node) => {
      if (isMine(from)) for (const each of namesIn(names)) mine.add(each)
    }
    const visit = (node: ts.Node): void => {
      if (ts.isTemplateExpression(node) || ts.isTaggedTemplateExpression(node)) return
      if (ts.isForOfStatement(node)) take(node.initializer, node.expression)
      ts.forEachChild(node, visit)
      if (ts.isVariableDeclaration(node) && node.initializer) take(node.name, node.initializer)
      if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.EqualsToken)
        take(node.left, node.right)
      if (!ts.isCallExpression(node) || !ts.isIdentifier(node.expression) || !node.arguments.some(isMine)) return
      const { text } = node.expression
      const { path, name } = imported.get(text) ?? { path: at, name: text }
      enter(path, name, node.arguments.map(isMine))
    }
    ts.forEachChild(body, visit)
  }

  enter(
    path,
    name,
    sourceAt(path)
      .functions.get(name)
      ?.parameters.map(() => true) ?? [],
  )
  return stays
}

/** Lists the stays at which a way climbs back: from a layer below to a file where it was. */
export function findClimbs(stays: readonly string[], layers: readonly string[]): string[] {
  const floorOf = (path: string) => layers.indexOf(path.split('/')[1] ?? '')
  return stays.filter((path, index) => {
    const before = stays[index - 1]
    return before !== undefined && floorOf(path) > floorOf(before) && stays.indexOf(path) < index
  })
}

function readSource(path: string, text: string): Source {
  const source: Source = { imported: new Map(), functions: new Map() }
  for (const statement of ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true).statements) {
    if (ts.isFunctionDeclaration(statement) && statement.name) source.functions.set(statement.name.text, statement)
    if (ts.isVariableStatement(statement)) {
      for (const { name, initializer } of statement.declarationList.declarations) {
        if (!ts.isIdentifier(name) || !initializer) continue
        // What is made by a function of a function, as a part of a statement is.
        const made = ts.isCallExpression(initializer) ? initializer.arguments[0] : initializer
        if (made && (ts.isArrowFunction(made) || ts.isFunctionExpression(made))) source.functions.set(name.text, made)
      }
    }
    if (!ts.isImportDeclaration(statement) || !ts.isStringLiteral(statement.moduleSpecifier)) continue
    const named = statement.importClause?.namedBindings
    if (!named || !ts.isNamedImports(named) || !statement.moduleSpecifier.text.startsWith('.')) continue
    const from = normalize(join(dirname(path), statement.moduleSpecifier.text))
    for (const { name, propertyName } of named.elements) {
      source.imported.set(name.text, { path: from, name: (propertyName ?? name).text })
    }
  }
  return source
}

/** The names that stand in it, those of properties not. */
function namesIn(node: ts.Node): string[] {
  if (ts.isIdentifier(node)) return [node.text]
  const names: string[] = []
  ts.forEachChild(node, (child) => {
    if (ts.isPropertyAccessExpression(node) && child === node.name) return
    names.push(...namesIn(child))
  })
  return names
}
