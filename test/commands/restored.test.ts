// A restored copy as its host meets it: plain resume leaves the hold, resume --restored lifts it by
// the provider's list, a key that may not list leaves it.
import { mkdtemp, readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { resumeRestoredCommand } from '../../src/commands/restored.ts'
import { resumeCommand } from '../../src/commands/resume.ts'
import { statusCommand } from '../../src/commands/status.ts'
import { getOwnData } from '../../src/delivery/request/own-data.ts'
import { openFileWitness } from '../../src/delivery/witness/file.ts'
import { subjectDate } from '../../src/digest/opening.ts'
import { dateOf, shiftDate } from '../../src/edition/edition.ts'
import type { Place } from '../../src/edition/place.ts'
import { findRestoredHold } from '../../src/edition/restored.ts'
import { planAll } from '../../src/jobs/plan.ts'
import { openLogger } from '../../src/logger.ts'
import { markAddress } from '../../src/subscriber/address.ts'
import { openWishDesk } from '../../src/subscriber/journal/desk.ts'
import { openJournal } from '../../src/subscriber/journal/journal.ts'
import type { NoteWish } from '../../src/subscriber/journal/wish.ts'
import { findSubscriberByAddress, getAddressKey } from '../../src/subscriber/store.ts'
import { hashAddress } from '../../src/subscriber/subscriber.ts'
import { callOn, readJson } from '../support/command.ts'
import { keepRound } from '../support/kept-round.ts'
import { openResendStandIn, type StandIn } from '../support/resend-stand-in.ts'
import { freezeEdition, inventPlaces, planFor, readAccounts, readDeliveries, type TestRound } from '../support/round.ts'

let round: TestRound
keepRound((opened) => {
  round = opened
})

let standIn: StandIn
let env: Record<string, string>
beforeEach(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'restored-'))
  env = {
    ...{ STATE_DIR: join(folder, 'state'), MAIL_PROVIDER: 'resend', RESEND_API_KEY: 're_test', SEND_RATE: '1000' },
    ...{ MAIL_FROM: 'papers@papers.example', PUBLIC_URL: 'https://papers.example' },
  }
})
const opened: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of opened.splice(0)) await each.close()
  await standIn.close()
})

const DATE = shiftDate(dateOf(new Date()), -2)

/** A copy that plans for three readers what one of them got since; the witness is ahead. */
async function restore(options: Parameters<typeof openResendStandIn>[0] = {}) {
  standIn = await openResendStandIn(options)
  env.RESEND_BASE_URL = standIn.url
  const { edition } = await planFor(round, ['ada', 'bob', 'cleo'], DATE)
  const { rows } = await sql<{ id: string; number: number; branch: number }>`
    select database_id as id, number, branch from lineage`.execute(round.db)
  const [own] = rows as [(typeof rows)[0]]
  const witness = openFileWitness(env.STATE_DIR as string)
  await witness.raise({ databaseId: own.id, branch: own.branch, number: own.number + 1 })
  await witness.close?.()
  await accept('ada', DATE)
  return edition
}

/** What a reader got in the gap, of the edition of a date. */
async function accept(name: string, date: string, html = '<p>Papers</p>'): Promise<void> {
  const mail = { from: 'papers@papers.example', to: `${name}@example.org`, text: 'Papers', html }
  const subject = `A paper · ${subjectDate({ date, kind: 'daily' })}`
  await fetch(`${standIn.url}/emails`, {
    method: 'POST',
    headers: { authorization: 'Bearer re_test', 'content-type': 'application/json' },
    body: JSON.stringify({ ...mail, subject }),
  })
}

/** The journal of a process that had the database before. */
async function openNote(): Promise<NoteWish> {
  const logger = openLogger('silent')
  const settings = { stateDir: env.STATE_DIR as string, redisUrl: undefined, schema: 'public' }
  const { db } = round
  const journal = openJournal(settings, logger)
  const desk = await openWishDesk({ db, pageDb: db }, journal, logger)
  opened.push(desk, journal)
  return desk.note
}

const heal = (given: object = {}) =>
  readJson(round.databaseUrl, () => resumeRestoredCommand({ json: true, betweenMs: 0, ...given }), env)

describe('resume --restored', () => {
  it('counts who is on the list as served, and lets the others go', async () => {
    const edition = await restore()
    expect(await heal()).toMatchObject({ as: 'found', held: true, submitted: 1, again: 0, late: 0 })
    expect(await findRestoredHold(round.db)).toBeUndefined()
    const { ada, bob } = await readDeliveries(round.db, edition.id)
    expect(ada).toMatchObject({ state: 'submitted', provider_uuid: standIn.accepted[0]?.id })
    expect(bob).toMatchObject({ state: 'planned' })
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 3, submitted: 1, waiting: 2 })
    expect(await heal()).toMatchObject({ as: 'found', held: false })
  })

  it('knows whose a digest is that went to where its reader moved in the gap', async () => {
    const edition = await restore()
    const note = await openNote()
    await round.db
      .transaction()
      .execute(async (trx) => {
        const { id } = (await findSubscriberByAddress(trx, 'bob@example.org')) as { id: number }
        expect(await markAddress(trx, id, 'rob@example.org', (move) => note({ kind: 'moved', ...move }))).toBe(
          'bob@example.org',
        )
        throw new Error('the copy does not have it')
      })
      .catch(() => {})
    await accept('rob', DATE)
    expect(await heal()).toMatchObject({ submitted: 2 })
    expect(await readDeliveries(round.db, edition.id)).toMatchObject({
      ada: { state: 'submitted' },
      bob: { state: 'submitted', provider_uuid: standIn.accepted[1]?.id },
      cleo: { state: 'planned' },
    })
  })

  it('brings in what the journal has where nothing is held, too', async () => {
    standIn = await openResendStandIn({})
    await planFor(round, ['ada', 'bob'], DATE)
    const note = await openNote()
    const publicIdOf = async (name: string) =>
      (await findSubscriberByAddress(round.db, `${name}@example.org`))?.publicId
    await note({ kind: 'erased', publicId: await publicIdOf('ada') })
    const addressHash = hashAddress(await getAddressKey(round.db), 'bob@example.org')
    await note({ kind: 'suppressed', addressHash, reason: 'complaint' })
    const wishes = { left: 0, returned: 0, erased: 1, suppressed: 1, lifted: 0 }
    expect(await heal()).toEqual({ as: 'found', held: false, wishes })
    expect(await findSubscriberByAddress(round.db, 'ada@example.org')).toBeUndefined()
    expect(await heal()).toMatchObject({ wishes: { erased: 0, suppressed: 0 } })
  })

  it('reads the papers of what was planned in the gap where it must be exact: they never come again', async () => {
    await restore({ keepBodies: true })
    const [inGap, later] = [shiftDate(DATE, 1), shiftDate(DATE, 2)]
    const [first, second] = inventPlaces(later, 2) as [Place, Place]
    await accept('ada', inGap, `<h2><a href="https://arxiv.org/abs/${first.paper.id}">A paper</a></h2>`)
    await accept('bob', inGap)
    await expect(heal({ as: 'sent', exact: true })).rejects.toThrow('not with --as sent')
    expect(await heal({ exact: true })).toMatchObject({ submitted: 3 })
    const edition = await freezeEdition(round, later, { places: [first, second] })
    // Its reader's day is taken by what was found.
    await sql`update deliveries set local_date = date '2000-01-01' + edition_id where local_date is not null`.execute(
      round.db,
    )
    await planAll(round, edition, null)
    const papersOf = async (name: string) => {
      const { selection_id: id } = (await readDeliveries(round.db, edition.id))[name] as { selection_id: number }
      const row = await round.db
        .selectFrom('selections')
        .select('papers')
        .where('edition_id', '=', edition.id)
        .where('id', '=', id)
        .executeTakeFirst()
      return row?.papers
    }
    expect(await papersOf('ada')).toEqual([2])
    expect(await papersOf('bob')).toEqual([1, 2])
    const ada = await findSubscriberByAddress(round.db, 'ada@example.org')
    const data = JSON.stringify(await getOwnData(round.db, ada?.id as number))
    expect(data).toContain(first.paper.id)
  })

  it('leaves it held where the key may not list, and says what else there is', async () => {
    const edition = await restore({ sendingOnly: true })
    await expect(heal()).rejects.toThrow(/resend does not list what it accepted .*--as sent .*--as again/)
    expect(await findRestoredHold(round.db)).toBeDefined()
    expect(await heal({ as: 'sent' })).toMatchObject({ as: 'sent', again: 0 })
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 3, submitted: 3 })
  })

  it('sends again only by a yes, and takes no single edition', async () => {
    const edition = await restore()
    await expect(heal({ as: 'again' })).rejects.toThrow('say --yes')
    await expect(heal({ date: DATE })).rejects.toThrow('leave out --date')
    expect(await heal({ as: 'again', yes: true })).toMatchObject({ submitted: 0 })
    await expect(heal({ as: 'sent' })).rejects.toThrow('nothing says that this database is a restored copy')
    expect(await heal({ as: 'sent', yes: true })).toMatchObject({ held: true })
    expect(await readAccounts(round.db, edition.id)).toMatchObject({ due: 3, submitted: 3 })
  })
})

describe('beside it', () => {
  it('plain resume finds the hold, leaves it, and fails, and writes no witness by itself', async () => {
    await restore()
    const before = await readdir(env.STATE_DIR as string)
    await expect(callOn(round.databaseUrl, () => resumeCommand({}), env)).rejects.toThrow(
      'a restored copy is held: only "resume --restored" lifts that',
    )
    expect(await findRestoredHold(round.db)).toBeDefined()
    expect(await readdir(env.STATE_DIR as string)).toEqual(before)
  })

  it('status says why it is held, and writes no witness by itself', async () => {
    await restore()
    await expect(heal({ as: 'again' })).rejects.toThrow()
    const before = await readdir(env.STATE_DIR as string)
    const { stdout } = await callOn(round.databaseUrl, () => statusCommand({ date: DATE }), env)
    expect(stdout).toMatch(/Held since .* as a restored copy: a witness knows of mark \d+/)
    expect(await readdir(env.STATE_DIR as string)).toEqual(before)
    const broken = { ...env, STATE_DIR: '/dev/null/state' }
    const { stdout: named } = await callOn(round.databaseUrl, () => statusCommand({ date: DATE }), broken)
    expect(named).toMatch(/STATE_DIR keeps no witness of what is sent/)
  })
})
