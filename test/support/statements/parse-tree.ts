// Reads the form in which PostgreSQL prints what it has understood of a statement
// (debug_print_parse): `{KIND :field value …}`, lists in parentheses, `<>` for nothing.

export interface TreeNode {
  kind: string
  fields: Readonly<Record<string, Tree>>
}
/** Numbers and words stay text; what stands in parentheses, or side by side, is a list. */
export type Tree = TreeNode | readonly Tree[] | string | null

export function readTree(text: string): Tree {
  const tokens = text.match(TOKEN) ?? []
  let at = 0
  const value = (): Tree => {
    const token = tokens[at++] as string
    if (token === '{') return node()
    if (token === '(') return list()
    if (token === '<>') return null
    return token.replace(/^"(.*)"$/s, '$1').replaceAll(/\\(.)/gs, '$1')
  }
  const node = (): TreeNode => {
    const kind = tokens[at++] as string
    const fields: Record<string, Tree> = {}
    while (tokens[at] !== '}') {
      const name = (tokens[at++] as string).slice(1)
      const values: Tree[] = []
      while (tokens[at] !== '}' && !tokens[at]?.startsWith(':')) values.push(value())
      fields[name] = values.length === 1 ? (values[0] as Tree) : values
    }
    at++
    return { kind, fields }
  }
  const list = (): Tree[] => {
    const values: Tree[] = []
    while (tokens[at] !== ')') values.push(value())
    at++
    return values
  }
  return value()
}

const TOKEN = /[{}()]|"(?:[^"\\]|\\.)*"|(?:[^\s{}()"\\]|\\.)+/gs

/** The value of a field that is a node; undefined where it is none. */
export function nodeAt(node: TreeNode, field: string): TreeNode | undefined {
  const value = node.fields[field]
  return isNode(value) ? value : undefined
}

/** The nodes of a field that is a list of them. */
export function nodesAt(node: TreeNode, field: string): TreeNode[] {
  const value = node.fields[field]
  return Array.isArray(value) ? value.filter(isNode) : []
}

export function numberAt(node: TreeNode, field: string): number {
  return Number(node.fields[field])
}

export function isNode(tree: Tree | undefined): tree is TreeNode {
  return tree !== undefined && tree !== null && typeof tree === 'object' && 'kind' in tree
}
