// A mark is one statement, and still a stop that was made before it holds it: this looks with a
// snapshot of its own, behind the lock.
import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  // Holds up every stop until the mark is committed. False where one is just being made, for which
  // nothing waits here: what else the mark looks at would be as old as the wait. The lock is that
  // of edition/stop.ts.
  `create function may_mark(edition int) returns boolean language plpgsql volatile as $$
  begin
    if not pg_try_advisory_xact_lock_shared(hashtextextended(current_schema() || ':' || 'mark', 0)) then
      return false;
    end if;
    return not exists (
      select from stops s join editions e on e.id = edition
      where s.date is null or (s.date = e.date and s.kind = e.kind)
    );
  end $$`,
]
