// What strangers can cause is counted by mailbox too, as one mailbox has any number of addresses;
// what a host confirmed says how much it may be asked; and how sign-ups were answered is counted.
import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  'alter table notices add column mailbox_hash bytea',
  'create index notices_by_mailbox on notices (mailbox_hash, issued_at)',
  `create index subscribers_by_host on subscribers (split_part(address, '@', 2)) where consent = 'confirmed'`,
  'create table sign_up_answers (answer text primary key, count bigint not null default 0)',
]
