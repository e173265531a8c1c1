// The clocks of a slice's readers: shared ones, each with everybody who goes by it, and readers'
// own. A shared clock is planned as a whole or not at all and then moved on, which writes one row
// for all of them. Whoever was planned by an hour of their own joins one; whom it does not fit any
// more leaves it. Only a planner does either, and there is one at a time.
import { sql, type Transaction } from 'kysely'
import type { Database } from '../../database/schema.ts'

/**
 * Most readers of a shared clock: as many fewer rows to write, and as many to plan in one piece.
 */
export const SHARED_CLOCK_MAX = 1_000

/**
 * Holds those of `ids` whose hour has come: whoever is erased meanwhile is waited for, or waits.
 * Returns their ids.
 */
export async function holdSharedClocks(trx: Transaction<Database>, ids: readonly number[]): Promise<number[]> {
  if (ids.length === 0) return []
  const { rows } = await sql<{ id: number }>`
    select k.id from shared_clocks k where k.id = any(${[...ids]}::int[]) and k.next_due_at <= round_now()
    order by k.id for update`.execute(trx)
  return rows.map(({ id }) => id)
}

/**
 * Moves the clocks of due_readers on, and those that `held` share. What is their own is moved for
 * whoever has had a digest of that local day: what froze since waits for them still. Returns how
 * many readers they are.
 */
export async function moveClocks(
  trx: Transaction<Database>,
  held: readonly number[],
  mostMembers: number,
): Promise<number> {
  const { rows } = await sql<{ all: number; joining: number; moving: number }>`
    select count(*) filter (where not has_left)::int as all, count(*) filter (where joins)::int as joining,
      count(*) filter (where not stays)::int as moving from due_readers`.execute(trx)
  const { all = 0, joining = 0, moving = 0 } = rows[0] ?? {}
  if (held.length > 0) await moveShared(trx, held)
  if (joining > 0) await joinShared(trx, mostMembers)
  if (moving > 0) await moveOwn(trx)
  return all
}

/** A clock that nobody goes by any more ends. */
async function moveShared(trx: Transaction<Database>, held: readonly number[]): Promise<void> {
  await sql`
    with stayed as (
      select shared_clock_id as id, max(hour_at) as hour_at, max(next_hour_at) as next_hour_at, count(*)::int as members from due_readers where stays group by 1
    ), moved as (
      update shared_clocks k set next_due_at = s.next_hour_at,
        waiting_since = greatest(k.waiting_since, s.hour_at), members = s.members
      from stayed s where k.id = s.id
    )
    delete from shared_clocks k where k.id = any(${[...held]}::int[]) and not exists (select from stayed s where s.id = k.id)`.execute(
    trx,
  )
}

/**
 * Lets those who join be of a clock of their rhythm: one with room for all who come to it now, or
 * new ones, by their choices.
 */
async function joinShared(trx: Transaction<Database>, mostMembers: number): Promise<void> {
  const rhythm = (row: string) =>
    sql.raw(`(${row}.next_hour_at, ${row}.cadence, ${row}.weekday, ${row}.hour, ${row}.zone)`)
  await sql`
    with joining as materialized (
      select r.id, r.next_hour_at, s.cadence, s.weekday, s.hour, s.zone,
        (row_number() over (
          partition by r.next_hour_at, s.cadence, s.weekday, s.hour, s.zone order by s.preferences_id, s.id
        ) - 1) / ${mostMembers}::int as part
      from due_readers r cross join lateral (select * from subscribers s where s.id = r.id offset 0) s
      where r.joins
    ), parts as materialized (
      select p.*, known.id as known, coalesce(known.id, nextval(pg_get_serial_sequence('shared_clocks', 'id'))::int) as id
      from (
        select next_hour_at, cadence, weekday, hour, zone, part, count(*)::int as members from joining group by 1, 2, 3, 4, 5, 6
      ) p left join lateral (
        select k.id from shared_clocks k
        where (k.next_due_at, k.cadence, k.weekday, k.hour, k.zone) = ${rhythm('p')} and k.members + p.members <= ${mostMembers}::int
        order by k.id limit 1
      ) known on true
    ), filled as (
      update shared_clocks k set members = k.members + p.members from parts p where k.id = p.known
    ), made as (
      insert into shared_clocks (id, next_due_at, members, cadence, weekday, hour, zone) overriding system value
      select id, next_hour_at, members, cadence, weekday, hour, zone from parts where known is null
    ), joined as materialized (
      select j.id, p.id as clock_id from joining j join parts p on p.part = j.part and ${rhythm('p')} = ${rhythm('j')}
    )
    update due_readers r set shared_clock_id = j.clock_id from joined j where j.id = r.id`.execute(trx)
}

/** A member who sets an hour of their own at this moment has left their shared clock by that. */
async function moveOwn(trx: Transaction<Database>): Promise<void> {
  await sql`
    update reader_clocks c set welcome = false, shared_clock_id = case when r.joins then r.shared_clock_id end,
      next_due_at = case when not r.joins and not r.has_left then r.next_hour_at end,
      waiting_since = case when r.taken then r.waiting_since else greatest(r.waiting_since, r.hour_at) end
    from due_readers r where c.subscriber_id = r.id and not r.stays
      and c.subscriber_id = any(array(select id from due_readers where not stays))
      and (c.next_due_at is null or r.is_own)`.execute(trx)
}
