// Which columns of a statement's result may be null, told from PostgreSQL's own parse tree: a plain
// column as its attribute is, or when it comes from the outer side of a join; any other expression
// may be null unless a rule below says otherwise.
import { isNode, nodeAt, nodesAt, numberAt, type Tree, type TreeNode } from './parse-tree.ts'

export interface Catalog {
  isNotNull(table: number, column: number): boolean
  functionName(oid: number): string | undefined
  operatorName(oid: number): string | undefined
}

/** What never gives null unless it is given null. */
const FUNCTIONS = new Set(
  `now clock_timestamp round_now round_clock timezone date_trunc date_part extract make_interval to_char cardinality nextval
  concat concat_ws array_to_string encode decode convert_to sha256 translate ts_headline ts_rank json_build_object
  jsonb_build_object gen_random_uuid current_setting pg_try_advisory_xact_lock pg_advisory_xact_lock`.split(/\s+/),
)
const OPERATORS = new Set('= <> < > <= >= + - * / % || ~ ~~ !~~ @@ @> <@ &&'.split(' '))
const AGGREGATES = new Set(['count'])
const WINDOWS = new Set(['count', 'row_number', 'rank', 'dense_rank'])

const [SELECT, UTILITY] = ['1', '6']
/** What a row of the range table is. */
const [TABLE, SUBQUERY, JOIN, FUNCTION, CTE, GROUP] = ['0', '1', '2', '3', '6', '9']
const [EXISTS, SCALAR, ARRAY] = ['0', '4', '6']

/** Queries around an expression, the innermost first. */
type Levels = readonly TreeNode[]

/** Tells of each column of the result, in order, whether it may be null. */
export function nullableColumns(tree: Tree, catalog: Catalog): boolean[] {
  if (!isNode(tree) || tree.kind !== 'QUERY' || tree.fields.commandType === UTILITY) return []
  return targetsOf(tree).map((target) => isColumnNullable([tree], numberAt(target, 'resno'), catalog))
}

function targetsOf(query: TreeNode): TreeNode[] {
  const list = query.fields.commandType === SELECT ? 'targetList' : 'returningList'
  return nodesAt(query, list).filter((target) => target.fields.resjunk === 'false')
}

function isColumnNullable(levels: Levels, column: number, catalog: Catalog): boolean {
  const [query] = levels
  if (query === undefined) return true
  if (nodeAt(query, 'setOperations')) {
    const parts = nodesAt(query, 'rtable').flatMap((each) => nodeAt(each, 'subquery') ?? [])
    return parts.some((part) => isColumnNullable([part, ...levels], column, catalog))
  }
  const target = targetsOf(query).find((each) => numberAt(each, 'resno') === column)
  return mayBeNull(target?.fields.expr, levels, catalog)
}

function mayBeNull(tree: Tree | undefined, levels: Levels, catalog: Catalog): boolean {
  if (!isNode(tree)) return true
  const { kind, fields } = tree
  const isNull = (each: Tree | undefined) => mayBeNull(each, levels, catalog)
  const given = [...nodesAt(tree, 'args'), ...(nodeAt(tree, 'arg') ? [nodeAt(tree, 'arg')] : [])]
  switch (kind) {
    case 'VAR':
      return isVarNullable(tree, levels, catalog)
    case 'CONST':
      return fields.constisnull === 'true'
    case 'NULLTEST':
    case 'BOOLEANTEST':
    case 'DISTINCTEXPR':
    case 'ARRAYEXPR':
    case 'SQLVALUEFUNCTION':
      return false
    case 'RELABELTYPE':
    case 'COERCEVIAIO':
    case 'NAMEDARGEXPR':
    case 'ARRAYCOERCEEXPR':
    case 'BOOLEXPR':
      return given.some(isNull)
    case 'COALESCEEXPR':
    case 'MINMAXEXPR':
      return given.every(isNull)
    case 'CASEEXPR':
      return isNull(fields.defresult) || nodesAt(tree, 'args').some((when) => isNull(when.fields.result))
    case 'SCALARARRAYOPEXPR':
    case 'OPEXPR':
      return !OPERATORS.has(catalog.operatorName(numberAt(tree, 'opno')) ?? '') || given.some(isNull)
    case 'FUNCEXPR': {
      const isCast = fields.funcformat !== '0'
      const isKnown = isCast || FUNCTIONS.has(catalog.functionName(numberAt(tree, 'funcid')) ?? '')
      return !isKnown || given.some(isNull)
    }
    case 'AGGREF':
      return !AGGREGATES.has(catalog.functionName(numberAt(tree, 'aggfnoid')) ?? '')
    case 'WINDOWFUNC':
      return !WINDOWS.has(catalog.functionName(numberAt(tree, 'winfnoid')) ?? '')
    case 'SUBLINK':
      return isSublinkNullable(tree, levels, catalog)
    default:
      return true
  }
}

function isSublinkNullable(tree: TreeNode, levels: Levels, catalog: Catalog): boolean {
  const { subLinkType } = tree.fields
  if (subLinkType === EXISTS || subLinkType === ARRAY) return false
  const query = nodeAt(tree, 'subselect')
  return !query || subLinkType !== SCALAR || !isOneRow(query) || isColumnNullable([query, ...levels], 1, catalog)
}

/** Aggregates without groups give one row, whatever they read. */
function isOneRow({ fields }: TreeNode): boolean {
  return fields.hasAggs === 'true' && !fields.groupClause && !fields.groupingSets && !fields.havingQual
}

function isVarNullable(tree: TreeNode, levels: Levels, catalog: Catalog): boolean {
  const { fields } = tree
  const own = levels.slice(numberAt(tree, 'varlevelsup'))
  const [query] = own
  if (query === undefined || fields.varreturningtype !== '0') return true
  if (isDemanded(query, tree)) return false
  // `(b 3)`: the joins that can give null in its place.
  if (Array.isArray(fields.varnullingrels) && fields.varnullingrels.length > 1) return true
  const source = nodesAt(query, 'rtable')[numberAt(tree, 'varno') - 1]
  const column = numberAt(tree, 'varattno')
  switch (source?.fields.rtekind) {
    case TABLE:
      return column > 0 && !catalog.isNotNull(numberAt(source, 'relid'), column)
    case SUBQUERY: {
      const subquery = nodeAt(source, 'subquery')
      return !subquery || isColumnNullable([subquery, ...own], column, catalog)
    }
    case JOIN:
      return mayBeNull(nodesAt(source, 'joinaliasvars')[column - 1], own, catalog)
    case GROUP:
      return mayBeNull(nodesAt(source, 'groupexprs')[column - 1], own, catalog)
    case CTE:
      return isCteNullable(source, column, own, catalog)
    case FUNCTION:
      // The place that `with ordinality` adds is the last one.
      return !(source.fields.funcordinality === 'true' && column === namesOf(source).length)
    default:
      return true
  }
}

function isCteNullable(source: TreeNode, column: number, own: Levels, catalog: Catalog): boolean {
  const levels = own.slice(numberAt(source, 'ctelevelsup'))
  const cte = levels[0] && nodesAt(levels[0], 'cteList').find(({ fields }) => fields.ctename === source.fields.ctename)
  const query = cte && nodeAt(cte, 'ctequery')
  if (!query || source.fields.self_reference === 'true') return true
  return isColumnNullable([query, ...levels], column, catalog)
}

function namesOf(source: TreeNode): readonly Tree[] {
  const names = nodeAt(source, 'eref')?.fields.colnames
  return Array.isArray(names) ? names : []
}

/** Whether the query keeps only rows in which a column is not null: its own `where` says so. */
function isDemanded(query: TreeNode, { fields }: TreeNode): boolean {
  // What a statement writes is not what its `where` has looked at.
  if (fields.varno === query.fields.resultRelation) return false
  return conditionsOf(query.fields.jointree).some(({ kind, fields: test }) => {
    if (kind !== 'NULLTEST' || test.nulltesttype !== '1' || !isNode(test.arg) || test.arg.kind !== 'VAR') return false
    const { varno, varattno, varlevelsup } = test.arg.fields
    return varno === fields.varno && varattno === fields.varattno && varlevelsup === '0'
  })
}

/**
 * What every row of a query fulfils: `where`, and `on` of inner joins, taken apart at each `and`.
 */
function conditionsOf(tree: Tree | undefined): TreeNode[] {
  if (!isNode(tree)) return []
  const { kind, fields } = tree
  if (kind === 'FROMEXPR') return [...nodesAt(tree, 'fromlist').flatMap(conditionsOf), ...conditionsOf(fields.quals)]
  if (kind === 'JOINEXPR') {
    return fields.jointype === '0' ? [fields.larg, fields.rarg, fields.quals].flatMap(conditionsOf) : []
  }
  if (kind === 'BOOLEXPR' && fields.boolop === 'and') return nodesAt(tree, 'args').flatMap(conditionsOf)
  return kind === 'RANGETBLREF' ? [] : [tree]
}
