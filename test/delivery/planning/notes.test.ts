// Who earns a note for a day without a digest, on a real database.
import { type Kysely, sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import type { Database } from '../../../src/database/schema.ts'
import { makeNotes } from '../../../src/jobs/notes.ts'
import { planDue } from '../../../src/jobs/plan.ts'
import { weekOfSql } from '../../../src/subscriber/calendar.ts'
import { keepRound } from '../../support/kept-round.ts'
import { addReader, freezeEdition, type TestRound } from '../../support/round.ts'

let round: TestRound
let db: Kysely<Database>
keepRound((kept) => {
  round = kept
  db = kept.db
})

/** Adds a reader whose hour, this one, has come. */
async function addDue(name: string, silence: 'silent' | 'note', choices: object = {}) {
  const reader = await addReader(db, name, { hour: new Date().getUTCHours(), choices })
  await sql`update subscribers set silence = ${silence} where id = ${reader.id}`.execute(db)
  await sql`update reader_clocks set next_due_at = now() where subscriber_id = ${reader.id}`.execute(db)
  return reader
}
const listNotes = async () => {
  const { rows } = await sql<{ name: string; kind: string }>`
    select split_part(s.address, '@', 1) as name, n.kind from notes n join subscribers s on s.id = n.subscriber_id order by 1`.execute(
    db,
  )
  return rows
}

describe('insertNotes', () => {
  it('gives a day without a digest a note to who asked, once, and nobody else', async () => {
    await addDue('asked', 'note')
    await addDue('silent', 'silent')
    await planDue(round)
    expect(await listNotes()).toEqual([{ name: 'asked', kind: 'day' }])
    expect(await makeNotes(round)).toHaveLength(1)
    expect(await makeNotes(round)).toEqual([])
    // The note took the day: what freezes now waits for the next.
    await freezeEdition(round, '2026-03-05', { hoursAgo: 2 })
    await sql`update reader_clocks set next_due_at = now() where subscriber_id in (select id from subscribers where address like 'asked%')`.execute(
      db,
    )
    await planDue(round)
    expect(await db.selectFrom('deliveries').select('state').execute()).toEqual([])
  })

  it('gives none beside a digest, and one to whose choices left nothing', async () => {
    await freezeEdition(round, '2026-03-05', { hoursAgo: 2 })
    await addDue('served', 'note')
    await addDue('narrow', 'note', { minimumVotes: 9_999 })
    await planDue(round)
    expect(await listNotes()).toEqual([{ name: 'narrow', kind: 'day' }])
  })

  it('says once, after two weeks, that filters let nothing through, and again only after a digest', async () => {
    const first = await freezeEdition(round, '2026-03-05', { hoursAgo: 13 * 24 })
    await freezeEdition(round, '2026-03-18', { hoursAgo: 2 })
    const { id } = await addDue('narrow', 'silent', { minimumVotes: 9_999 })
    await sql`insert into deliveries (edition_id, subscriber_id, state, reason, changed_at)
      values (${first.id}, ${id}, 'withheld', 'filtered', now() - interval '13 days')`.execute(db)
    await planDue(round)
    expect(await listNotes()).toEqual([{ name: 'narrow', kind: 'filters' }])
    await freezeEdition(round, '2026-03-19', { hoursAgo: 1 })
    await sql`update notes set local_date = local_date - 1`.execute(db)
    await sql`update reader_clocks set next_due_at = now(), waiting_since = now() - interval '90 minutes'`.execute(db)
    await planDue(round)
    expect(await listNotes()).toHaveLength(1)
  })

  it.each([
    { earlier: 'daily', daysAgo: 13, notes: [] },
    { earlier: 'weekly', daysAgo: 7, notes: [{ name: 'narrow', kind: 'filters' }] },
  ] as const)('counts two weeks of the week in weeks: %j', async ({ earlier, daysAgo, notes }) => {
    // The week to which their hour points, which may be before the cut-off of this very hour.
    const its = weekOfSql(sql`date_trunc('hour', now())`, round.cutoffMinutes)
    const { rows } = await sql<{ week: string; before: string }>`
      select ${its}::text as week, (${its} - 7)::text as before`.execute(db)
    const { week = '', before = '' } = rows[0] ?? {}
    const first = await freezeEdition(round, before, { kind: earlier, hoursAgo: 24 * daysAgo })
    await freezeEdition(round, week, { kind: 'weekly', hoursAgo: 2 })
    const { id } = await addDue('narrow', 'silent', { minimumVotes: 9_999 })
    await sql`update subscribers set cadence = 'weekly', weekday = extract(isodow from now() at time zone 'UTC')
      where id = ${id}`.execute(db)
    await sql`update reader_clocks set weekly = true where subscriber_id = ${id}`.execute(db)
    await sql`insert into deliveries (edition_id, subscriber_id, state, reason, changed_at)
      values (${first.id}, ${id}, 'withheld', 'filtered', now() - make_interval(days => ${daysAgo}))`.execute(db)
    await planDue(round)
    expect(await listNotes()).toEqual(notes)
  })
})
