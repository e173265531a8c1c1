// How SQL is written in the source, as pure functions like those of rules.ts: the builder for reads
// and writes of one table, raw statements for sets, never both in one function; fragments that
// take their alias as an argument; and the program's own clock.
import ts from 'typescript'
import { type Files, treeOf } from '../imports.ts'

const BUILDS = /^(selectFrom|insertInto|replaceInto|updateTable|deleteFrom|mergeInto)$/
const JOINS = /^\w*[jJ]oin(Lateral)?$/
const FOREIGN_CLOCK =
  /\b(?:(?:now|(?:clock|statement|transaction)_timestamp|timeofday)\(\)|current_(?:date|time|timestamp)|local(?:time|timestamp))(?!\w)/gi
/** Released steps of the schema stay as they are. */
const FROZEN = /^src\/database\/migrations\//

/** One function or constant at the top of a file. */
interface Declaration {
  path: string
  line: number
  name: string
  node: ts.Statement
}

/** Reports functions that build one statement and write another. */
export function findMixedStatements(files: Files): string[] {
  return declarationsIn(files).flatMap(({ path, line, name, node }) => {
    const calls = callsIn(node)
    if (!calls.some(isBuilding) || !calls.some((call) => templateOf(call) !== undefined)) return []
    return [`${path}:${line} ${name} builds a statement and writes another: one function, one way`]
  })
}

/** Reports joins by the builder: more than one table is written in SQL. */
export function findBuiltJoins(files: Files): string[] {
  return declarationsIn(files).flatMap(({ path, line, name, node }) =>
    callsIn(node).some((call) => JOINS.test(methodOf(call) ?? '') && hasBuilding(call))
      ? [`${path}:${line} ${name} joins tables by the builder: write that in SQL`]
      : [],
  )
}

/**
 * Reports statements that are executed elsewhere than where they are written: their row type would
 * be held by nothing.
 */
export function findHiddenStatements(files: Files): string[] {
  return declarationsIn(files).flatMap(({ path, node }) =>
    callsIn(node)
      .filter((call) => methodOf(call) === 'execute' && call.arguments.length > 0 && !isScope(call))
      .filter((call) => templateOf(call) === undefined)
      .map((call) => `${path}:${lineOf(call)} executes SQL that is written elsewhere: write sql\`…\`.execute()`),
  )
}

/** Reports fragments that name an alias which they neither bring nor are given. */
export function findBoundFragments(files: Files): string[] {
  return declarationsIn(files).flatMap(({ path, line, name, node }) => {
    if (callsIn(node).some((call) => templateOf(call) !== undefined)) return []
    const text = templatesIn(node)
      .join(' ; ')
      .replaceAll(/'[^']*'|"[^"]*"/g, '')
    const qualifiers = new Set([...text.matchAll(/(?<![\w.$])([a-z_]\w*)\.(?=[a-z_"*])/g)].map(([, word]) => word))
    // What a conflict keeps out is named so by PostgreSQL.
    return [...qualifiers]
      .filter((word) => word !== 'excluded' && !new RegExp(`(?<=[\\s,(])${word}(?![\\w.])`).test(text))
      .map((word) => `${path}:${line} ${name} counts on an alias ${word}: take it as an argument`)
  })
}

/** Reports SQL that asks PostgreSQL for the time: a test can set only the program's own clock. */
export function findForeignClocks(files: Files): string[] {
  return declarationsIn(files).flatMap(({ path, line, name, node }) =>
    templatesIn(node)
      .flatMap((text) => text.match(FOREIGN_CLOCK) ?? [])
      .map((asked) => `${path}:${line} ${name} asks ${asked}: ask round_now() or round_clock()`),
  )
}

/** Returns the template of a raw statement that a call executes. */
export function templateOf(
  call: ts.CallExpression,
  source = call.getSourceFile(),
): ts.TaggedTemplateExpression | undefined {
  if (methodOf(call) !== 'execute' || !ts.isPropertyAccessExpression(call.expression)) return undefined
  const on = call.expression.expression
  return ts.isTaggedTemplateExpression(on) && on.tag.getText(source) === 'sql' ? on : undefined
}

function declarationsIn(files: Files): Declaration[] {
  return Object.entries(files)
    .filter(([path, text]) => path.startsWith('src/') && !FROZEN.test(path) && /from 'kysely'/.test(text))
    .flatMap(([path, text]) =>
      treeOf(path, text)
        .statements.filter((node) => !ts.isImportDeclaration(node))
        .map((node) => ({ path, line: lineOf(node), name: nameOf(node), node })),
    )
}

function nameOf(node: ts.Statement): string {
  if (ts.isFunctionDeclaration(node)) return node.name?.text ?? 'default'
  return ts.isVariableStatement(node) ? (node.declarationList.declarations[0]?.name.getText() ?? '') : ''
}

function lineOf(node: ts.Node): number {
  return node.getSourceFile().getLineAndCharacterOfPosition(node.getStart()).line + 1
}

function callsIn(node: ts.Node): ts.CallExpression[] {
  const found: ts.CallExpression[] = []
  const visit = (each: ts.Node): void => {
    if (ts.isCallExpression(each)) found.push(each)
    ts.forEachChild(each, visit)
  }
  visit(node)
  return found
}

/** The words of every `sql` template, each value as `$`. */
function templatesIn(node: ts.Node): string[] {
  const found: string[] = []
  const visit = (each: ts.Node): void => {
    if (ts.isTaggedTemplateExpression(each) && each.tag.getText() === 'sql') {
      const { template } = each
      const parts = ts.isNoSubstitutionTemplateLiteral(template)
        ? [template.text]
        : [template.head.text, ...template.templateSpans.map((span) => span.literal.text)]
      found.push(parts.join('$'))
    }
    ts.forEachChild(each, visit)
  }
  visit(node)
  return found
}

function methodOf({ expression }: ts.CallExpression): string | undefined {
  return ts.isPropertyAccessExpression(expression) ? expression.name.text : undefined
}

function isBuilding(call: ts.CallExpression): boolean {
  return BUILDS.test(methodOf(call) ?? '')
}

/** Whether a chain of calls began as a statement of the builder. */
function hasBuilding(call: ts.CallExpression): boolean {
  const { expression } = call
  if (isBuilding(call)) return true
  return (
    ts.isPropertyAccessExpression(expression) &&
    ts.isCallExpression(expression.expression) &&
    hasBuilding(expression.expression)
  )
}

/** `db.transaction().execute(…)` and the like. */
function isScope({ expression }: ts.CallExpression): boolean {
  if (!ts.isPropertyAccessExpression(expression) || !ts.isCallExpression(expression.expression)) return false
  const made = methodOf(expression.expression)
  return made === 'transaction' || made === 'connection' || made === 'setIsolationLevel'
}
