// Readers with equal choices share a row again, by a hash of what differs from the defaults. Rows
// that become equal are merged; only subscribers point at them. The hash stands here as it was when
// this step was released. Safe beside a program of before: its rows of the old hash are read like
// any other, and shared by nobody but its own.
import { createHash } from 'node:crypto'
import { type Kysely, sql } from 'kysely'
import { takeTables } from './taking.ts'

export async function up(db: Kysely<unknown>): Promise<void> {
  await takeTables(db, 'subscribers, preferences in exclusive mode')
  await sql`create temp table hashed_choices (id int primary key, sha256 bytea not null) on commit drop`.execute(db)
  let after = 0
  while (true) {
    const { rows } = await sql<{ id: number; choices: Record<string, unknown> }>`
      select id, choices from preferences where id > ${after} order by id limit ${ROWS_A_SLICE}`.execute(db)
    const last = rows.at(-1)
    if (!last) break
    after = last.id
    await sql`
      insert into hashed_choices select id, decode(hash, 'hex')
      from unnest(${rows.map(({ id }) => id)}::int[], ${rows.map(({ choices }) => hashOf(choices))}::text[]) as h(id, hash)`.execute(
      db,
    )
  }
  // The fullest row stays, which a program of before can read as well; then the one most read by.
  await sql`
    create temp table merged_choices on commit drop as
    select h.id, h.sha256, first_value(h.id) over (
      partition by h.sha256
      order by (select count(*) from jsonb_object_keys(p.choices)) desc, coalesce(u.readers, 0) desc, h.id
    ) as kept
    from hashed_choices h join preferences p on p.id = h.id
    left join (select preferences_id, count(*) as readers from subscribers group by 1) u on u.preferences_id = h.id`.execute(
    db,
  )
  await moveReaders(db)
  await sql`delete from preferences p using merged_choices m where m.id = p.id and m.kept <> m.id`.execute(db)
  for (let from = 0; from <= after; from += ROWS_A_SLICE) {
    await sql`
      update preferences p set sha256 = m.sha256 from merged_choices m
      where m.id = p.id and p.id > ${from} and p.id <= ${from + ROWS_A_SLICE}`.execute(db)
  }
}

/** Bounds what one statement writes, and what is in memory. */
const ROWS_A_SLICE = 1_000
const READERS_A_SLICE = 20_000

async function moveReaders(db: Kysely<unknown>): Promise<void> {
  const { rows } = await sql<{ last: number | null }>`
    select max(s.id) as last from subscribers s join merged_choices m on m.id = s.preferences_id and m.kept <> m.id`.execute(
    db,
  )
  for (let from = 0; from < (rows[0]?.last ?? 0); from += READERS_A_SLICE) {
    await sql`
      update subscribers s set preferences_id = m.kept from merged_choices m
      where s.id > ${from} and s.id <= ${from + READERS_A_SLICE} and m.id = s.preferences_id and m.kept <> m.id`.execute(
      db,
    )
  }
}

const DEFAULTS: Record<string, unknown> = {
  papers: 10,
  length: 'short',
  minimumVotes: 0,
  onlyWithCode: false,
  include: [],
  mute: [],
  authors: [],
  organisations: [],
  includeMeans: 'first',
}

function hashOf(choices: Record<string, unknown>): string {
  const own = Object.entries(choices)
    .filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(DEFAULTS[name]))
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return createHash('sha256').update(JSON.stringify(own)).digest('hex')
}
