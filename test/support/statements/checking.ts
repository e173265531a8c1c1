// Holds what the source says of rows and tables against what PostgreSQL says of them. Pure: one
// sentence a difference, none when all is well.
import type { Attribute, Described } from './description.ts'
import type { Said, SaidTable, Site } from './sources.ts'

/**
 * What the driver makes of a value, by type number in pg_type: database/client.ts's own parsers,
 * and the driver's for the rest. A type that is not here is read by nobody yet.
 */
export const SHAPES: Readonly<Record<number, string>> = {
  16: 'boolean',
  17: 'Buffer',
  19: 'string',
  20: 'number',
  21: 'number',
  23: 'number',
  25: 'string',
  701: 'number',
  1005: 'number[]',
  1007: 'number[]',
  1009: 'string[]',
  1016: 'number[]',
  1043: 'string',
  1082: 'string',
  1182: 'string[]',
  1184: 'Date',
  1700: 'number',
  2950: 'string',
  2951: 'string[]',
  3614: 'string',
}
const JSONS = [114, 3802]
const VOID = 2278

/** Reports where a statement's result is not the row that its place says. */
export function findDrift(site: Site, result: readonly Described[], tables: readonly SaidTable[]): string[] {
  const place = `${site.path}:${site.line}`
  const columns = result.filter(({ type }) => type !== VOID)
  if (site.row === undefined) {
    const names = columns.map(({ name }) => name).join(', ')
    return names === '' ? [] : [`${place} gives ${names}, and no row type says so`]
  }
  if (site.row === 'open') return [`${place} says of its rows that they may be anything: name their columns`]
  const { row } = site
  const given = new Map(columns.map((column) => [column.name, column]))
  return [
    ...(given.size < columns.length ? [`${place} gives two columns of one name`] : []),
    ...columns
      .filter(({ name }) => !row.some((said) => said.name === name))
      .map(({ name }) => `${place} gives ${name}, which its row does not have`),
    ...row.flatMap((said) => {
      const column = given.get(said.name)
      if (!column) return [`${place} says that it gives ${said.name}, and does not`]
      return differences(said, column, schemaOf(column, tables)).map((difference) => `${place} ${difference}`)
    }),
  ]
}

/** Reports where the picture of the tables is not what migrating makes. */
export function findSchemaDrift(tables: readonly SaidTable[], attributes: readonly Attribute[]): string[] {
  return tables.flatMap(({ name: table, columns }) => {
    const own = attributes.filter((attribute) => attribute.table === table)
    const names = new Map(columns.map((column) => [column.name, column]))
    if (own.length === 0) return [`there is no table ${table}`]
    return [
      ...columns
        .filter(({ name }) => !own.some(({ column }) => column === name))
        .map(({ name }) => `${table} has no column ${name}`),
      ...own.flatMap((attribute) => {
        const said = names.get(attribute.column)
        if (!said) return [`${table}.${attribute.column} is not in the picture`]
        const insert =
          said.insert === attribute.insert
            ? []
            : [`${said.name} is ${attribute.insert} when inserted, not ${said.insert}`]
        const column = { ...attribute, name: attribute.column, origin: undefined }
        return [...differences(said, column, said), ...insert].map((difference) => `${table}: ${difference}`)
      }),
    ]
  })
}

/** `schema`: what the picture says of the column that this one is. */
function differences(said: Said, column: Described, schema: Said | undefined): string[] {
  const { name } = said
  const found: string[] = []
  const shape = JSONS.includes(column.type) ? (schema?.shape ?? 'unknown') : SHAPES[column.type]
  if (shape === undefined) found.push(`${name} is of type ${column.type}, which nothing here reads`)
  else if (shape !== said.shape) found.push(`${name} is ${shape}, not ${said.shape}`)
  else if (said.values && schema && !schema.values?.every((value) => said.values?.includes(value))) {
    found.push(`${name} is ${schema.values?.join(' | ') ?? 'any text'}, not only ${said.values.join(' | ')}`)
  }
  if (said.shape === 'unknown') return found
  if (column.nullable && !said.nullable) found.push(`${name} may be null`)
  if (!column.nullable && said.nullable) found.push(`${name} is never null`)
  return found
}

function schemaOf({ origin }: Described, tables: readonly SaidTable[]): Said | undefined {
  const table = origin && tables.find(({ name }) => name === origin.table)
  return table?.columns.find(({ name }) => name === origin?.column)
}
