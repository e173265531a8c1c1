// A round to test with: real stores, real templates, and stand-ins for the two ports that the test
// scripts.
import { type Kysely, sql } from 'kysely'
import { openDatabase } from '../../src/database/client.ts'
import { type Migrations, migrate } from '../../src/database/migrate.ts'
import { migrations } from '../../src/database/migrations/index.ts'
import type { Database } from '../../src/database/schema.ts'
import type { Length } from '../../src/database/states.ts'
import { getAccounts } from '../../src/delivery/account/accounting.ts'
import { addsUp } from '../../src/delivery/delivery.ts'
import { UNPACED } from '../../src/delivery/pace/paces.ts'
import {
  type BatchOutcome,
  type BatchRequest,
  type Mail,
  NO_QUOTA,
  type Provider,
} from '../../src/delivery/provider/provider.ts'
import { insertPieces } from '../../src/digest/joining/store.ts'
import type { Piece } from '../../src/digest/piece/piece.ts'
import { openTemplates, renderEdition, type Sheet, type Templates } from '../../src/digest/rendering.ts'
import type { Edition } from '../../src/edition/edition.ts'
import type { Place } from '../../src/edition/place.ts'
import { ensureEdition, getEdition, markFrozen } from '../../src/edition/store.ts'
import { planAll } from '../../src/jobs/plan.ts'
import type { Round } from '../../src/jobs/round.ts'
import { openLogger } from '../../src/logger.ts'
import type { Answer, EditionDate, Listing, Source } from '../../src/source/paper.ts'
import { DEFAULT_RHYTHM, parseChoices, type Rhythm } from '../../src/subscriber/preferences.ts'
import { findSubscriberByAddress, insertSubscribers } from '../../src/subscriber/store.ts'
import type { Subscriber } from '../../src/subscriber/subscriber.ts'
import { deriveLinkKeys } from '../../src/subscriber/token.ts'
import { makePlace } from './places.ts'
import { UNWATCHED } from './unwatched.ts'

export const TEST_SECRET = 'a secret for tests that is long enough to be taken'

/**
 * A provider whose answers the test scripts; without a script everything is submitted. It remembers
 * every request.
 */
export interface ScriptedProvider extends Provider {
  requests: BatchRequest[]
  /** Every mail that was accepted, in order. */
  accepted: Mail[]
  /** Answers of the next requests, first come first. A function may look at the request. */
  script: (BatchOutcome | ((request: BatchRequest) => BatchOutcome | Promise<BatchOutcome>))[]
}

export function openScriptedProvider(given: Partial<Provider> = {}): ScriptedProvider {
  const provider: ScriptedProvider = {
    name: 'outbox',
    batchSize: 100,
    requestsPerSecond: null,
    quota: NO_QUOTA,
    replayMs: Number.POSITIVE_INFINITY,
    encoding: 'utf8',
    reachesRealWorld: false,
    requests: [],
    accepted: [],
    script: [],
    async send(request) {
      provider.requests.push(request)
      const next = provider.script.shift() ?? acceptAll
      const outcome = typeof next === 'function' ? await next(request) : next
      if (outcome.kind === 'answered') {
        provider.accepted.push(...request.mails.filter((_, index) => outcome.outcomes[index]?.state === 'submitted'))
      }
      return outcome
    },
    async sendNotice({ notice, kind, idempotencyKey }) {
      return provider.send({ edition: { date: 'notice', kind }, mails: [notice], idempotencyKey })
    },
    ...given,
  }
  return provider
}

/** Puts one provider in the place of a round's: `{ ...round, ...only(provider) }`. */
export function only<P extends Provider>(provider: P): { provider: P; providers: [P] } {
  return { provider, providers: [provider] }
}

/** The answer of a provider that takes everything. */
export function acceptAll({ mails }: BatchRequest): BatchOutcome {
  return {
    kind: 'answered',
    outcomes: mails.map((mail) => ({ state: 'submitted', providerId: `id-${mail.publicId}` })),
  }
}

/** A source that answers from a list a date; dates without one are missing. */
export function openListedSource(days: Record<EditionDate, Listing[]>, name = 'listed'): Source {
  return {
    name,
    async read(date): Promise<Answer> {
      const listings = days[date]
      if (!listings) return { kind: 'missing' }
      return { kind: 'rows', listings, setAside: [], length: listings.length, otherDates: {}, ended: true }
    },
  }
}

/** Compiled once a test file: half a second each time would be most of a test. */
const templates = openTemplates()

export interface TestRound extends Round {
  databaseUrl: string
  /** The first of its providers, and the only one unless others are given. */
  provider: ScriptedProvider
  close(): Promise<void>
}

/** Opens a migrated round on an empty database, or on one of `known` migrations alone. */
export async function openTestRound(
  databaseUrl: string,
  given: Partial<Round> & { provider?: ScriptedProvider } = {},
  known: Migrations = migrations,
): Promise<TestRound> {
  const db = given.db ?? openDatabase(databaseUrl)
  await migrate(db, known)
  const provider = given.provider ?? openScriptedProvider()
  return {
    db,
    databaseUrl,
    source: openListedSource({}),
    witness: UNWATCHED,
    paces: UNPACED,
    provider,
    providers: [provider],
    ...templates,
    host: {
      publicUrl: 'https://papers.example',
      mailFrom: 'Daily Papers <papers@papers.example>',
      postalAddress: null,
      unsubscribeMailto: null,
    },
    linkKeys: deriveLinkKeys([TEST_SECRET]),
    cutoffMinutes: 30,
    latenessMs: 96 * 3_600_000,
    retentionMs: null,
    leaseMs: 90_000,
    holder: null,
    sliceSize: 1_000,
    logger: openLogger('silent'),
    close: () => db.destroy(),
    ...given,
  }
}

/** Adds a confirmed subscriber who has been waiting since long before any edition of a test. */
export async function addReader(
  db: Kysely<Database>,
  name: string,
  given: { choices?: object } & Partial<Rhythm> = {},
): Promise<Subscriber> {
  const { choices, ...rhythm } = given
  const address = `${name}@example.org`
  await insertSubscribers(db, [
    {
      cadence: 'daily',
      weekday: 1,
      hour: 7,
      zone: 'UTC',
      ...rhythm,
      address,
      choices: parseChoices(choices ?? {}),
      consentSource: 'test',
    },
  ])
  await sql`update reader_clocks set waiting_since = now() - interval '60 days' where subscriber_id in (select id from subscribers where address = ${address})`.execute(
    db,
  )
  return (await findSubscriberByAddress(db, address)) as Subscriber
}

/**
 * Freezes an edition of invented or given places, its pieces rendered for real. `hoursAgo` says
 * when it froze.
 */
export async function freezeEdition(
  round: Pick<Round, 'db' | 'templates' | 'host'>,
  date: EditionDate,
  given: { kind?: 'daily' | 'weekly'; places?: Place[]; hoursAgo?: number } = {},
): Promise<Edition> {
  const { kind = 'daily', hoursAgo = 1 } = given
  const places = given.places ?? inventPlaces(date, 5)
  const { id } = await ensureEdition(round.db, {
    date,
    kind,
    cutoffAt: new Date(Date.parse(`${date}T00:30:00Z`) + 86_400_000),
  })
  const sheet = { date, kind, incomplete: false, places }
  const pieces = await Promise.all(
    (['titles', 'short', 'full'] as const).map(async (length) => ({
      length,
      pieces: await renderOnce(sheet, length, round),
    })),
  )
  await round.db.transaction().execute(async (trx) => {
    if (places.length > 0) {
      await trx
        .insertInto('papers')
        .values(places.map(({ paper }) => ({ id: paper.id, facts: JSON.stringify(paper) })))
        .onConflict((conflict) => conflict.doNothing())
        .execute()
    }
    await markFrozen(trx, id, places, false)
    for (const each of pieces) await insertPieces(trx, id, each.length, each.pieces)
    await sql`update editions set frozen_at = now() - make_interval(mins => ${Math.round(hoursAgo * 60)}::int) where id = ${id}`.execute(
      trx,
    )
  })
  return getEdition(round.db, id)
}

/**
 * By templates, then by sheet, length and host: tests freeze the same few editions over and over.
 */
const rendered = new WeakMap<Templates, Map<string, Promise<Piece[]>>>()

async function renderOnce(
  sheet: Sheet,
  length: Length,
  { host, ...round }: Pick<Round, 'templates' | 'host'>,
): Promise<Piece[]> {
  const templates = await round.templates()
  const known = rendered.get(templates) ?? new Map<string, Promise<Piece[]>>()
  rendered.set(templates, known)
  const key = JSON.stringify([sheet, length, host])
  const pieces = known.get(key) ?? renderEdition(sheet, length, host, templates)
  known.set(key, pieces)
  return pieces
}

/** Invents `count` places of a date, all papers distinct over dates. */
export function inventPlaces(date: EditionDate, count: number): Place[] {
  const prefix = `${date.slice(2, 4)}${date.slice(5, 7)}.${date.slice(8, 10)}`
  return Array.from({ length: count }, (_, index) =>
    makePlace({ position: index + 1, listedOn: date }, { id: `${prefix}${String(index + 1).padStart(3, '0')}` }),
  )
}

/**
 * Returns the accounts of an edition and throws when they do not add up: every test that reads them
 * checks the identity.
 */
export async function readAccounts(db: Kysely<Database>, editionId: number) {
  const accounts = await getAccounts(db, editionId)
  if (!addsUp(accounts)) throw new Error(`accounts do not add up: ${JSON.stringify(accounts)}`)
  return accounts
}

/**
 * Removes everything that tests put into a round's database, so that the next one starts afresh
 * without migrating again.
 */
export async function emptyRound(db: Kysely<Database>): Promise<void> {
  // Truncating the tables takes many times as long, and waits for the disk.
  const tables =
    'events deliveries batches selections pieces edition_papers stops progress editions votes listings collections papers'
  const rest =
    'notes notices credentials spent_credentials suppressions lifted_suppressions providers quota_waits sender_domains sent_days host_paces provider_paces subscribers shared_clocks preferences ticks alarms alarm_posts refusal_readings sign_up_answers rate_limits heartbeats bounce_mailboxes'
  const deletions = [...tables.split(' '), ...rest.split(' ')].map((name) => `delete from ${name}`)
  const lifted = 'update lineage set held_at = null, held_why = null, gap_from = null'
  await sql.raw([...deletions, lifted].join('; ')).execute(db)
}

/**
 * Freezes an edition, adds a reader a name (in one go: asking for zones takes longer than all the
 * rest) and plans it for everyone. Returns its batches in order.
 */
export async function planFor(
  round: Round,
  names: readonly string[],
  date: EditionDate = '2026-03-05',
): Promise<{ edition: Edition; batchIds: number[] }> {
  const readers = names.map((name) => ({
    ...DEFAULT_RHYTHM,
    address: `${name}@example.org`,
    choices: parseChoices({}),
    consentSource: 'test',
  }))
  if (readers.length > 0) await insertSubscribers(round.db, readers)
  const edition = await freezeEdition(round, date)
  await planAll(round, edition, null)
  const rows = await round.db
    .selectFrom('batches')
    .select('id')
    .where('edition_id', '=', edition.id)
    .orderBy('id')
    .execute()
  return { edition, batchIds: rows.map((row) => row.id) }
}

export async function readBatch(db: Kysely<Database>, id: number) {
  return db.selectFrom('batches').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
}

/**
 * Returns the deliveries of an edition by their reader's name (the part before the @, as added).
 */
export async function readDeliveries(db: Kysely<Database>, editionId: number) {
  const rows = await db
    .selectFrom('deliveries as d')
    .innerJoin('subscribers as s', 's.id', 'd.subscriber_id')
    .selectAll('d')
    .select('s.address as reader')
    .where('d.edition_id', '=', editionId)
    .execute()
  return Object.fromEntries(rows.map((row) => [row.reader?.split('@')[0] ?? 'erased', row]))
}

/** Lists all deliveries by edition and reader, with what planning decides of them. */
export async function listDeliveries(db: Kysely<Database>) {
  return db
    .selectFrom('deliveries')
    .select(['edition_id', 'subscriber_id', 'state', 'reason', 'selection_id', 'local_date'])
    .orderBy('edition_id')
    .orderBy('subscriber_id')
    .execute()
}

/**
 * Lets the waits and leases of all batches end now; those that are unknown for good stay as they
 * are.
 */
export async function endWaits(db: Kysely<Database>): Promise<void> {
  await sql`update batches set next_attempt_at = now() - interval '1 second' where next_attempt_at < 'infinity'`.execute(
    db,
  )
}
