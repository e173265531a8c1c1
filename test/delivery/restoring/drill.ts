// A bad day in small: a round sends, a backup is made at some moment of it, the round goes on, the
// backup is restored and started. The provider is a real client on a stand-in that forgets nothing;
// it alone says who got what.
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import { openDatabase } from '../../../src/database/client.ts'
import { openResend } from '../../../src/delivery/provider/resend/resend.ts'
import { healAsAgain, healAsFound, healAsSent } from '../../../src/delivery/restoring/healing.ts'
import { readAccepted } from '../../../src/delivery/restoring/reading.ts'
import { BATCH } from '../../../src/delivery/sending/batch.ts'
import { listWaiting } from '../../../src/delivery/sending/once.ts'
import { openFileWitness } from '../../../src/delivery/witness/file.ts'
import { openRedisWitness } from '../../../src/delivery/witness/redis.ts'
import { openWatch, type Watch } from '../../../src/delivery/witness/watch.ts'
import { openWitnesses } from '../../../src/delivery/witness/witnesses.ts'
import { dateOf, shiftDate } from '../../../src/edition/edition.ts'
import { findRestoredHold } from '../../../src/edition/restored.ts'
import { findEdition } from '../../../src/edition/store.ts'
import { dispatch } from '../../../src/jobs/dispatch.ts'
import { planAll } from '../../../src/jobs/plan.ts'
import { openLogger } from '../../../src/logger.ts'
import { openResendStandIn, type StandIn } from '../../support/resend-stand-in.ts'
import { endWaits, freezeEdition, openTestRound, planFor, type TestRound } from '../../support/round.ts'
import { query, withRedis } from '../../support/servers.ts'

export interface DrillSettings {
  /** Of an empty, migrated database that nothing else uses. */
  databaseUrl: string
  redisUrl: string | undefined
  folder: string
  readers: number
  /** The backup is made at this request of the round, before it is worked on or after. */
  backupAt: { request: number; accepted: boolean }
  /** Which witnesses are lost with the database. */
  lost: { redis: boolean; files: boolean }
  /** How long ago the backup looks to be, in minutes. */
  gapMinutes: number
  /** Without it the restored copy goes on as it is. */
  watched: boolean
  as: 'found' | 'sent' | 'again'
}

export interface Drilled {
  held: boolean
  /** Readers and editions that were accepted more than once. */
  doubled: number
  /** Readers and editions of both editions that were never accepted. */
  lost: number
  /** Mails accepted while the copy was held. */
  sentWhileHeld: number
}

/** Editions of yesterday and the day before, both long over. */
const NEWER = shiftDate(dateOf(new Date()), -2)
const OLDER = shiftDate(NEWER, -1)

export async function drill(settings: DrillSettings): Promise<Drilled> {
  const standIn = await openResendStandIn()
  const names = Array.from({ length: settings.readers }, (_, index) => `reader${index}`)
  const copyUrl = new URL(settings.databaseUrl)
  copyUrl.pathname += '_copy'
  const admin = new URL(settings.databaseUrl)
  admin.pathname = 'postgres'
  try {
    await live(settings, standIn, names, () => copyDatabase(admin.href, settings.databaseUrl, copyUrl.href))
    await loseWitnesses(settings)
    const { held, sentWhileHeld } = await restored({ ...settings, databaseUrl: copyUrl.href }, standIn)
    const got = new Set(standIn.accepted.map(({ to, tags }) => `${to} ${tags.edition}`))
    const wanted = names.flatMap((name) => [OLDER, NEWER].map((date) => `${name}@example.org ${date}-daily`))
    return {
      held,
      sentWhileHeld,
      doubled: standIn.duplicates().length,
      lost: wanted.filter((each) => !got.has(each)).length,
    }
  } finally {
    await standIn.close()
    await query(admin.href, `drop database if exists ${copyUrl.pathname.slice(1)} with (force)`)
  }
}

/** Two editions, one after the other; the backup is made somewhere in between. */
async function live(
  settings: DrillSettings,
  standIn: StandIn,
  names: readonly string[],
  backUp: () => Promise<void>,
): Promise<void> {
  let requests = 0
  const backUpAt = async (accepted: boolean) => {
    const { backupAt } = settings
    if (requests === backupAt.request && accepted === backupAt.accepted) await backUp()
  }
  const world = await open(settings, standIn, async (send) => {
    requests += 1
    await backUpAt(false)
    const outcome = await send()
    await backUpAt(true)
    return outcome
  })
  await world.watch?.compare()
  await planFor(world.round, names, OLDER)
  await sendAll(world.round)
  await planAll(world.round, await freezeEdition(world.round, NEWER), null)
  await sendAll(world.round)
  await world.close()
}

/** What a host does with a backup: starts it, heals it where it is held, and lets it go on. */
async function restored(settings: DrillSettings, standIn: StandIn) {
  const { round, watch, close } = await open(settings, standIn, (send) => send())
  const { db } = round
  await sql`update lineage set marked_at = marked_at - make_interval(mins => ${settings.gapMinutes})`.execute(db)
  await watch?.compare()
  await goOn(round)
  const before = standIn.accepted.length
  const hold = await findRestoredHold(db)
  let sentWhileHeld = 0
  if (hold && watch) {
    await goOn(round)
    sentWhileHeld = standIn.accepted.length - before
    const parts = { db, cutoffMinutes: 30, latenessMs: 96 * 3_600_000, keyId: round.linkKeys.currentKeyId }
    if (settings.as === 'found') {
      await healAsFound(
        parts,
        hold,
        await readAccepted({ db, providers: round.providers, watch, say: () => {}, betweenMs: 0 }, hold),
      )
    } else await (settings.as === 'sent' ? healAsSent : healAsAgain)(parts, hold)
    await watch.startBranch()
    await goOn(round)
  }
  await close()
  return { held: hold !== undefined, sentWhileHeld }
}

/** Makes both editions again where the copy has none of them, and sends what waits. */
async function goOn(round: TestRound): Promise<void> {
  for (const date of [OLDER, NEWER]) {
    const known = await findEdition(round.db, date, 'daily')
    const edition = known?.state === 'frozen' ? known : await freezeEdition(round, date)
    await planAll(round, edition, null)
  }
  await sendAll(round)
}

async function sendAll(round: TestRound): Promise<void> {
  await endWaits(round.db)
  for (;;) {
    const ids = await listWaiting(round.db, BATCH, 1_000)
    if (ids.length === 0) return
    for (const id of ids) await dispatch(round, id)
  }
}

interface World {
  round: TestRound
  watch: Watch | undefined
  close(): Promise<void>
}

async function open(
  settings: DrillSettings,
  standIn: StandIn,
  around: <T>(send: () => Promise<T>) => Promise<T>,
): Promise<World> {
  const logger = openLogger('silent')
  let connections = 0
  const db = openDatabase(settings.databaseUrl, {
    onConnect: () => {
      connections += 1
    },
  })
  const resend = openResend({ apiKey: 're_drill', baseUrl: standIn.url, requestsPerSecond: 10_000 })
  const provider = {
    ...resend,
    batchSize: 2,
    send: (request: Parameters<typeof resend.send>[0]) => around(() => resend.send(request)),
  }
  const opened = await openTestRound(settings.databaseUrl, { db })
  const file = openFileWitness(stateDir(settings))
  const redis = settings.redisUrl === undefined ? [] : [openRedisWitness(settings.redisUrl, prefixOf(settings))]
  const witnesses = openWitnesses([file, ...redis], logger)
  const watch = settings.watched
    ? openWatch({ db, witnesses, providers: [resend], countConnections: () => connections, logger })
    : undefined
  return {
    round: { ...opened, providers: [provider], ...(watch ? { witness: watch } : {}) },
    watch,
    async close() {
      await witnesses.close()
      await opened.close()
    },
  }
}

async function loseWitnesses({ lost, redisUrl, ...settings }: DrillSettings): Promise<void> {
  if (lost.files) await rm(stateDir(settings), { recursive: true, force: true })
  if (lost.redis && redisUrl !== undefined) {
    await withRedis(redisUrl, async (redis) => {
      const keys = await redis.keys(`${prefixOf(settings)}:*`)
      if (keys.length > 0) await redis.del(keys)
    })
  }
}

function stateDir({ folder }: Pick<DrillSettings, 'folder'>): string {
  return join(folder, 'state')
}

function prefixOf({ folder }: Pick<DrillSettings, 'folder'>): string {
  return `drill${folder.replace(/[^a-z0-9]/gi, '')}`
}

/** As a dump and its restore, in a moment: nothing runs meanwhile, and every session ends. */
async function copyDatabase(admin: string, from: string, to: string): Promise<void> {
  const [source, target] = [from, to].map((url) => new URL(url).pathname.slice(1))
  await query(
    admin,
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${source}' and pid <> pg_backend_pid()`,
  )
  await query(admin, `create database ${target} template ${source}`)
}
