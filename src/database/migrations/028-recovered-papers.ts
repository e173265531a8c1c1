// Papers that a reader had in a digest which a restored copy does not know, as the email itself
// says. The edition may not even be frozen in the copy: no selection could point to them.
import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table recovered_papers (
      subscriber_id int not null references subscribers,
      edition_id int not null,
      paper_id text not null,
      primary key (subscriber_id, edition_id, paper_id),
      foreign key (edition_id, subscriber_id) references deliveries on delete cascade
    )`.execute(db)
}
