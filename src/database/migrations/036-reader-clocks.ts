// A reader's clock in a table of its own. It is written anew for each hour that is planned, and in
// the reader's row that meant every index of it. What is left of a row changes when its reader
// changes something, and no planner holds it.
//
// A clock takes 52 bytes. Its pages are filled by half: all clocks of a page mostly move within the
// hour, and find room where they are.
import { type Kysely, sql } from 'kysely'
import { takeTables } from './taking.ts'

export async function up(db: Kysely<unknown>): Promise<void> {
  await takeTables(db, 'subscribers in access exclusive mode')
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  `create table reader_clocks (
    next_due_at timestamptz,
    waiting_since timestamptz not null default round_now(),
    subscriber_id int not null,
    welcome boolean not null default false,
    weekly boolean not null
  ) with (fillfactor = 50)`,
  // Side by side on a page stands who has the same hour.
  `insert into reader_clocks (next_due_at, waiting_since, subscriber_id, welcome, weekly)
    select next_due_at, waiting_since, id, welcome, cadence = 'weekly' from subscribers
    where consent = 'confirmed' order by next_due_at, id`,
  `alter table reader_clocks add primary key (subscriber_id),
    add foreign key (subscriber_id) references subscribers on delete cascade`,
  'create index reader_clocks_due on reader_clocks (next_due_at)',
  'create index reader_clocks_due_weekly on reader_clocks (next_due_at) where weekly',
  'alter table subscribers drop column next_due_at, drop column waiting_since, drop column welcome',
  'analyze reader_clocks',
]
