// The program's clock: two functions that every statement asks, so that a test can set the time of
// its own database. Inlined while planning, so a query with them is planned as with PostgreSQL's.
import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  // When the transaction began.
  `create function round_now() returns timestamptz language sql stable parallel safe as 'select now()'`,
  // This moment.
  `create function round_clock() returns timestamptz language sql volatile parallel safe as 'select clock_timestamp()'`,
  // What the steps before gave as a column's first value.
  `do $$ declare t text; c text; e text; begin
    for t, c, e in
      select d.adrelid::regclass::text, quote_ident(a.attname), pg_get_expr(d.adbin, d.adrelid)
      from pg_attrdef d
      join pg_class r on r.oid = d.adrelid
      join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
      where r.relnamespace = current_schema()::regnamespace
        and pg_get_expr(d.adbin, d.adrelid) ~ '\\m(now|clock_timestamp)\\('
    loop
      e := replace(regexp_replace(e, '\\mnow\\(\\)', 'round_now()'), 'clock_timestamp()', 'round_clock()');
      execute format('alter table %s alter column %s set default %s', t, c, e);
    end loop;
  end $$`,
]
