// A bad day in small: two workers and a planner send two editions, readers leave and come back, a
// backup is made at some moment of it, the round goes on, the backup is restored and started. The
// provider is a real client on a stand-in that forgets nothing; it alone says who got what.
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Kysely, sql } from 'kysely'
import { openHandles } from '../../../src/database/client.ts'
import type { Database } from '../../../src/database/schema.ts'
import { unavailabilityOf } from '../../../src/database/unavailable.ts'
import { openResend } from '../../../src/delivery/provider/resend/resend.ts'
import { bringWishes, replayWishes } from '../../../src/delivery/request/replaying.ts'
import { healAsAgain, healAsFound, healAsSent } from '../../../src/delivery/restoring/healing.ts'
import { readAccepted } from '../../../src/delivery/restoring/reading.ts'
import { isUnsettledSql } from '../../../src/delivery/sending/transitions.ts'
import { openConfiguredWitnesses } from '../../../src/delivery/witness/open.ts'
import { openWatch, type Watch } from '../../../src/delivery/witness/watch.ts'
import { dateOf, shiftDate } from '../../../src/edition/edition.ts'
import { findRestoredHold } from '../../../src/edition/restored.ts'
import { findEdition } from '../../../src/edition/store.ts'
import { LaterError } from '../../../src/errors.ts'
import { dispatch } from '../../../src/jobs/dispatch.ts'
import { planAll } from '../../../src/jobs/plan.ts'
import { openLogger } from '../../../src/logger.ts'
import { markResubscribed } from '../../../src/subscriber/consent.ts'
import { openWishDesk } from '../../../src/subscriber/journal/desk.ts'
import { openJournal } from '../../../src/subscriber/journal/journal.ts'
import { DEFAULT_RHYTHM, parseChoices } from '../../../src/subscriber/preferences.ts'
import { insertSubscribers } from '../../../src/subscriber/store.ts'
import { pick } from '../../crash/strikes.ts'
import { moveClock } from '../../support/clock.ts'
import { openResendStandIn, type StandIn } from '../../support/resend-stand-in.ts'
import { endWaits, freezeEdition, openTestRound, type TestRound } from '../../support/round.ts'
import { withRedis } from '../../support/servers.ts'
import type { DrillStores } from './drill-stores.ts'

export interface DrillSettings {
  stores: DrillStores
  redisUrl: string | undefined
  /** Of this drill alone: STATE_DIR is in it. */
  folder: string
  readers: number
  /** Says when the backup is made, who leaves, and who goes first. */
  dice: () => number
  /** The backup is made at this request, before the first one with 0; drawn without it. */
  backUpAt?: number
  /** What is lost with the database: the witness and the journal in each place. */
  lost: { redis: boolean; files: boolean }
  /** Without it the restored copy goes on as it is. */
  watched: boolean
  as: 'found' | 'sent' | 'again'
}

export interface Drilled {
  held: boolean
  /** Readers and editions that were accepted more than once. */
  doubled: number
  /** Who never left, by edition, and was never accepted. */
  lost: number
  /** Accepted by the copy for readers who had left and whose wishes were kept. */
  toLeavers: number
  /** Leavings that the copy does not know in the end: all that was beside it is lost. */
  lostWishes: number
  /** Mails accepted while the copy was held. */
  sentWhileHeld: number
}

/** Editions of yesterday and the day before, both long over. */
const NEWER = shiftDate(dateOf(new Date()), -2)
const OLDER = shiftDate(NEWER, -1)
const DATES = [OLDER, NEWER]
const BATCH_SIZE = 2
/** After a shorter gap, with everything beside the database lost, nothing would tell. */
const GAP = '11 minutes'
const WORKERS = 2

export async function drill(settings: DrillSettings): Promise<Drilled> {
  const { stores, lost, readers } = settings
  const standIn = await openResendStandIn()
  try {
    const names = Array.from({ length: readers }, (_, index) => `reader${index}`)
    const left = await live(settings, standIn, names)
    const before = standIn.accepted.length
    await lose(settings)
    const url = await stores.restore()
    if (lost.redis && lost.files) await moveClock(url, GAP)
    const { held, sentWhileHeld, gone } = await goOnRestored(settings, url, standIn)
    const got = new Set(standIn.accepted.map(({ to, tags }) => `${to} ${tags.edition}`))
    const wanted = names
      .filter((name) => !left.ever.has(name))
      .flatMap((name) => DATES.map((date) => nameOf(name, date)))
    const forgotten = [...left.now].filter((name) => !gone.has(name))
    return {
      held,
      sentWhileHeld,
      doubled: standIn.duplicates().length,
      lost: wanted.filter((each) => !got.has(each)).length,
      lostWishes: forgotten.length,
      toLeavers: standIn.accepted
        .slice(before)
        .filter(({ to }) => [...left.now].some((name) => to === `${name}@example.org` && gone.has(name))).length,
    }
  } finally {
    await standIn.close()
  }
}

function nameOf(name: string, date: string): string {
  return `${name}@example.org ${date}-daily`
}

interface Left {
  /** Who has left in the end. */
  now: Set<string>
  /** Who did so at any time. */
  ever: Set<string>
}

/** The round itself. Whatever happens beside it hangs on the number of requests so far. */
async function live(settings: DrillSettings, standIn: StandIn, names: readonly string[]): Promise<Left> {
  const { stores, dice } = settings
  const total = (names.length / BATCH_SIZE) * DATES.length
  const moment = () => Math.floor(dice() * (total + 1))
  const backUp = { at: settings.backUpAt ?? moment(), isAccepted: dice() < 0.5 }
  const left: Left = { now: new Set(), ever: new Set() }
  const beside: Promise<unknown>[] = []
  let requests = 0
  const world = await openProcess(settings, stores.url, standIn, async (send) => {
    const request = ++requests
    if (request === backUp.at && !backUp.isAccepted) beside.push(stores.backUp())
    for (const act of acts) if (act.at === request) beside.push(act.run())
    const outcome = await send()
    if (request === backUp.at && backUp.isAccepted) beside.push(stores.backUp())
    return outcome
  })
  const desk = await openDesk(settings, world)
  const leave = async (name: string) => {
    left.ever.add(name)
    left.now.add(name)
    await desk.leave(await publicIdOf(world.round.db, name))
  }
  const comeBack = async (name: string) => {
    await leave(name)
    const publicId = await publicIdOf(world.round.db, name)
    if (!(await markResubscribed(world.round.db, publicId))) return
    await desk.note({ kind: 'returned', publicId })
    left.now.delete(name)
  }
  const [first, second, third] = names as [string, string, string]
  const acts = [
    { at: moment(), run: () => leave(first) },
    { at: moment(), run: () => leave(second) },
    { at: moment(), run: () => comeBack(third) },
  ]
  await world.watch?.compare()
  await insertSubscribers(
    world.round.db,
    names.map((name) => ({
      ...DEFAULT_RHYTHM,
      address: `${name}@example.org`,
      choices: parseChoices({}),
      consentSource: 'test',
    })),
  )
  // As every round has one, so that a gap is counted from somewhere.
  await sql`insert into ticks (name) values ('tick')`.execute(world.round.db)
  if (backUp.at === 0) await stores.backUp()
  await goOn(settings, [world, ...(await openOthers(settings, stores.url, standIn, world))])
  // Leavers keep the last batches from being asked for: then it is made at the end.
  if (requests < backUp.at) await stores.backUp()
  await Promise.all(beside)
  await desk.close()
  await world.close()
  return left
}

/** What a host does with a backup: starts it, heals it where it is held, and lets it go on. */
async function goOnRestored(settings: DrillSettings, url: string, standIn: StandIn) {
  const world = await openProcess(settings, url, standIn, (send) => send())
  const { round, watch } = world
  const { db } = round
  await watch?.compare()
  const hold = await findRestoredHold(db)
  const before = standIn.accepted.length
  await goOn(settings, [world])
  const sentWhileHeld = hold ? standIn.accepted.length - before : 0
  if (hold && watch) {
    await heal(settings, round, watch)
    const journal = openJournal(placesOf(settings), round.logger)
    await replayWishes(db, await journal.list())
    await journal.close()
    await watch.startBranch()
    await goOn(settings, [world])
  }
  const { rows } = await sql<{ name: string }>`
    select split_part(address, '@', 1) as name from subscribers where consent = 'unsubscribed'`.execute(db)
  await world.close()
  return { held: hold !== undefined, sentWhileHeld, gone: new Set(rows.map(({ name }) => name)) }
}

async function heal({ as }: DrillSettings, round: TestRound, watch: Watch): Promise<void> {
  const { db, providers } = round
  const hold = await findRestoredHold(db)
  if (!hold) throw new Error('nothing is held')
  const parts = { db, cutoffMinutes: 30, latenessMs: round.latenessMs, keyId: round.linkKeys.currentKeyId }
  if (as === 'found') {
    await healAsFound(parts, hold, await readAccepted({ db, providers, watch, say: () => {}, betweenMs: 0 }, hold))
  } else await (as === 'sent' ? healAsSent : healAsAgain)(parts, hold)
}

/** Makes and plans both editions where that is not done, and sends what may go, all at once. */
async function goOn({ dice }: DrillSettings, workers: readonly Process[]): Promise<void> {
  const { round } = workers[0] as Process
  let isPlanned = false
  const plan = async () => {
    for (const date of DATES) {
      const known = await findEdition(round.db, date, 'daily')
      const edition = known?.state === 'frozen' ? known : await freezeEdition(round, date)
      await planAll({ ...round, sliceSize: 3 }, edition, null)
    }
    isPlanned = true
  }
  const work = async ({ round: { db }, round }: Process) => {
    for (;;) {
      const isLast = isPlanned
      await endWaits(db)
      const ids = await listUnsettled(db)
      const before = await countSettled(db)
      for (let left = [...ids]; left.length > 0; ) {
        const id = pick(left, dice)
        left = left.filter((other) => other !== id)
        await dispatch(round, id).catch((error: unknown) => {
          // The queue brings again what has to wait, and what lost its connection: a busy machine
          // ends one that nobody meant to.
          if (!(error instanceof LaterError) && unavailabilityOf(error) === undefined) throw error
        })
      }
      // Held: nothing of it moves.
      if (isLast && (ids.length === 0 || (await countSettled(db)) === before)) return
      await sleep(1)
    }
  }
  await Promise.all([plan(), ...workers.map(work)])
}

async function listUnsettled(db: Kysely<Database>): Promise<number[]> {
  const { rows } = await sql<{ id: number }>`
    select b.id from batches b where ${isUnsettledSql('b')} and b.next_attempt_at < 'infinity' order by b.id`.execute(
    db,
  )
  return rows.map(({ id }) => id)
}

async function countSettled(db: Kysely<Database>): Promise<number> {
  const { rows } = await sql<{
    count: number
  }>`select count(*) as count from batches b where not ${isUnsettledSql('b')}`.execute(db)
  return rows[0]?.count ?? 0
}

interface Process {
  round: TestRound
  handles: ReturnType<typeof openHandles>
  around: Around
  watch: Watch | undefined
  close(): Promise<void>
}

type Around = <T>(send: () => Promise<T>) => Promise<T>

async function openOthers(settings: DrillSettings, url: string, standIn: StandIn, first: Process): Promise<Process[]> {
  const others: Process[] = []
  for (let count = 1; count < WORKERS; count++) others.push(await openProcess(settings, url, standIn, first.around))
  const { close } = first
  first.close = async () => {
    for (const other of others) await other.close()
    await close()
  }
  return others
}

async function openProcess(settings: DrillSettings, url: string, standIn: StandIn, around: Around): Promise<Process> {
  const logger = openLogger('silent')
  let connections = 0
  const handles = openHandles(url, {
    onConnect: () => {
      connections += 1
    },
  })
  const resend = openResend({ apiKey: 're_drill', baseUrl: standIn.url, requestsPerSecond: 10_000 })
  const send: typeof resend.send = (request) => around(() => resend.send(request))
  const provider = { ...resend, batchSize: BATCH_SIZE, send }
  const opened = await openTestRound(url, { db: handles.db })
  const witnesses = openConfiguredWitnesses(placesOf(settings), logger)
  const watch = settings.watched
    ? openWatch({ db: handles.db, witnesses, providers: [resend], countConnections: () => connections, logger })
    : undefined
  return {
    round: { ...opened, providers: [provider], ...(watch ? { witness: watch } : {}) },
    ...{ handles, around, watch },
    async close() {
      await witnesses.close()
      await resend.close?.()
      await opened.close()
    },
  }
}

async function openDesk(settings: DrillSettings, { handles, round }: Process) {
  const journal = openJournal(placesOf(settings), round.logger)
  await bringWishes(handles.db, journal, round.logger)
  const desk = await openWishDesk(handles, journal, round.logger)
  return {
    ...desk,
    async close() {
      await desk.close()
      await journal.close()
    },
  }
}

async function publicIdOf(db: Kysely<Database>, name: string): Promise<string> {
  const row = await db
    .selectFrom('subscribers')
    .select('public_id')
    .where('address', '=', `${name}@example.org`)
    .executeTakeFirstOrThrow()
  return row.public_id
}

async function lose({ lost, redisUrl, ...settings }: DrillSettings): Promise<void> {
  const { stateDir, schema } = placesOf({ ...settings, redisUrl })
  if (lost.files) await rm(stateDir, { recursive: true, force: true })
  if (lost.redis && redisUrl !== undefined) {
    await withRedis(redisUrl, async (redis) => {
      const keys = await redis.keys(`${schema}:*`)
      if (keys.length > 0) await redis.del(keys)
    })
  }
}

/** Both places that stand beside the database; in Redis, under a name of this drill's own. */
function placesOf({ folder, redisUrl }: Pick<DrillSettings, 'folder' | 'redisUrl'>) {
  return { redisUrl, stateDir: join(folder, 'state'), schema: `drill${folder.replace(/[^a-z0-9]/gi, '')}` }
}
