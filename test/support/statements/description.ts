// Asks PostgreSQL what a statement gives, without running it: names, types, the columns of tables
// that they are, and what may be null. By the embedded server, whose parse tree is read here.
import type pg from 'pg'
import { type Catalog, nullableColumns } from './nullability.ts'
import { readTree } from './parse-tree.ts'

/** A column of a result. */
export interface Described {
  name: string
  /** As in pg_type. */
  type: number
  nullable: boolean
  /** The column of a table that it is; undefined for an expression. */
  origin: { table: string; column: string } | undefined
}

/** A column of a table, temporary ones of this connection among them. */
export interface Attribute {
  table: string
  column: string
  type: number
  nullable: boolean
  /** What an insert says of it: something, nothing, or either. */
  insert: 'required' | 'optional' | 'never'
}

export interface Describer {
  attributes: readonly Attribute[]
  /** Throws what PostgreSQL says of a statement that it does not understand. */
  describe(text: string): Promise<Described[]>
}

/** Reads the tables as they are now; work tables are made before. */
export async function openDescriber(client: pg.Client): Promise<Describer> {
  const { rows: columns } = await client.query<AttributeRow>(ATTRIBUTES)
  const enums = await readNames(client, "select oid::int, typname as name from pg_type where typtype = 'e'")
  const functions = await readNames(client, 'select oid::int, proname as name from pg_proc')
  const operators = await readNames(client, 'select oid::int, oprname as name from pg_operator')
  const byKey = new Map(columns.map((row) => [`${row.relation}.${row.place}`, row]))
  const catalog: Catalog = {
    isNotNull: (table, column) => byKey.get(`${table}.${column}`)?.nullable === false,
    functionName: (oid) => functions.get(oid),
    operatorName: (oid) => operators.get(oid),
  }
  let printed = ''
  client.on('notice', ({ message, detail }) => {
    if (message === 'parse tree:') printed = detail ?? ''
  })
  await client.query('set client_min_messages = log')
  await client.query('set debug_pretty_print = off')
  await client.query('set debug_print_parse = on')
  return {
    attributes: columns,
    async describe(text) {
      printed = ''
      const fields = await describeFields(client, text)
      const nullable = fields.length > 0 ? nullableColumns(readTree(printed), catalog) : []
      return fields.map(({ name, dataTypeID, tableID, columnID }, index) => {
        const attribute = byKey.get(`${tableID}.${columnID}`)
        const origin = attribute && { table: attribute.table, column: attribute.column }
        return { name, type: enums.has(dataTypeID) ? TEXT : dataTypeID, nullable: nullable[index] ?? true, origin }
      })
    },
  }
}

interface AttributeRow extends Attribute {
  relation: number
  place: number
}

/** What words of a type of their own are read as. */
const TEXT = 25

const ATTRIBUTES = `
  select c.oid::int as relation, a.attnum as place, c.relname as table, a.attname as column,
    case when exists (select from pg_type t where t.oid = a.atttypid and t.typtype = 'e') then ${TEXT} else a.atttypid::int end as type,
    not a.attnotnull as nullable,
    case when a.attidentity = 'a' or a.attgenerated <> '' then 'never'
      when a.atthasdef or a.attidentity <> '' or not a.attnotnull then 'optional' else 'required' end as insert
  from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  where c.relkind = 'r' and (c.relnamespace = 'public'::regnamespace or c.relnamespace = pg_my_temp_schema())
  order by c.relname, a.attnum`

async function readNames(client: pg.Client, text: string): Promise<Map<number, string>> {
  const { rows } = await client.query<{ oid: number; name: string }>(text)
  return new Map(rows.map(({ oid, name }) => [oid, name]))
}

/** As much of the driver's connection as it takes to ask without running. */
interface Connection {
  parse(query: { text: string; name: string; types: number[] }): void
  describe(what: { type: 'S'; name: string }): void
  sync(): void
}

/** The driver runs whatever has a `submit`: this one only asks. */
function describeFields(client: pg.Client, text: string): Promise<pg.FieldDef[]> {
  return new Promise((resolve, reject) => {
    let fields: pg.FieldDef[] = []
    const query = {
      submit(connection: Connection) {
        connection.parse({ text, name: '', types: [] })
        connection.describe({ type: 'S', name: '' })
        connection.sync()
      },
      handleRowDescription(message: { fields: pg.FieldDef[] }) {
        fields = message.fields
      },
      handleError: reject,
      handleReadyForQuery: () => resolve(fields),
    }
    client.query(query as unknown as pg.Submittable)
  })
}
