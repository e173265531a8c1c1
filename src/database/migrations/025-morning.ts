// What the host's morning report tells of: why readers left, in one tap, and the report itself,
// which is a notice of its own kind.
import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  `alter table subscribers add column left_reason text check (left_reason in
    ('too-many', 'off-topic', 'not-useful', 'elsewhere', 'other'))`,
  'alter table notices drop constraint notices_kind_check',
  `alter table notices add constraint notices_kind_check check (kind in
    ('confirm', 'subscribed-already', 'address', 'address-changed', 'export', 'erase', 'note', 'link', 'test', 'alarm', 'report'))`,
]
