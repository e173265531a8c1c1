// A digest that the host sends to see one, as a notice of its own kind; and a word of the operator
// beside a consent that they vouch for.
import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  'alter table notices drop constraint notices_kind_check',
  `alter table notices add constraint notices_kind_check check (kind in
    ('confirm', 'subscribed-already', 'address', 'address-changed', 'export', 'erase', 'note', 'link', 'test'))`,
  'alter table subscribers add column consent_note text',
]
