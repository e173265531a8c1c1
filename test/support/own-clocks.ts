// The database as the step before shared clocks left it, for tests of it and of the one before.

/**
 * Gives every reader the hour that they go by as their own, and takes the trace of the step and of
 * those after it away.
 */
export const BACK_TO_OWN_CLOCKS = `
  update reader_clocks c set next_due_at = k.next_due_at, waiting_since = greatest(c.waiting_since, k.waiting_since)
  from shared_clocks k where k.id = c.shared_clock_id and c.next_due_at is null;
  drop index reader_clocks_due, reader_clocks_due_weekly, reader_clocks_shared;
  alter table reader_clocks drop column shared_clock_id;
  drop table shared_clocks;
  create index reader_clocks_due on reader_clocks (next_due_at);
  create index reader_clocks_due_weekly on reader_clocks (next_due_at) where weekly;
  drop table lifted_suppressions;
  alter table heartbeats drop column settings;
  delete from kysely_migration where name >= '037'`
