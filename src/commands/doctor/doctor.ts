// Looks at everything that a round needs before a reader has to miss it: settings, stores, clocks,
// the sender's domain, provider, source, templates and disk. Nothing is changed but a key in Redis
// that passes and, without --live, nothing is sent.
import { existsSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import type { Kysely } from 'kysely'
import { type Config, listSet, readConfig, SETTING_NAMES } from '../../config.ts'
import { openConfiguredSource, withKept } from '../../context.ts'
import { getNow } from '../../database/clock.ts'
import { listForgotten } from '../../database/holders.ts'
import { getDatabaseId, inspectDatabase } from '../../database/inspecting.ts'
import { listPending } from '../../database/migrate.ts'
import { migrations } from '../../database/migrations/index.ts'
import type { Database } from '../../database/schema.ts'
import { openUnmigrated } from '../../database/stores.ts'
import { getAllowance } from '../../delivery/provider/quota.ts'
import { openProviders } from '../../delivery/providers.ts'
import { listStranded, STRANDED_REMEDY, sayStranded } from '../../delivery/sending/stranded.ts'
import { EARLIER_ADDRESS_REMEDY, findEarlierAddress, sayEarlierAddress } from '../../digest/piece/earlier-address.ts'
import { counted } from '../../digest/text/words.ts'
import { dateOf, shiftDate } from '../../edition/edition.ts'
import { describeError, type Finding, UsageError } from '../../errors.ts'
import { tryFolder } from '../../folder.ts'
import { openLogger } from '../../logger.ts'
import { isLinkKeyKnown, OTHER_SECRET, OTHER_SECRET_REMEDY } from '../../subscriber/link-key.ts'
import { listReaderCounts } from '../../subscriber/store.ts'
import { deriveLinkKeys } from '../../subscriber/token.ts'
import { MINUTE_MS } from '../../time.ts'
import { parseAddress } from '../arguments.ts'
import { findHeld } from '../held.ts'
import { judgeSettings, reachesPeople } from '../settings.ts'
import { openTerminal } from '../terminal.ts'
import { sendTestMail } from '../test-mail.ts'
import { judgeBounceDomain, judgeMailbox } from './bounces.ts'
import { judgeQuota } from './quota.ts'
import { judgeSender, openDns } from './sender.ts'
import { judgeClocks, judgeDatabase, judgeForgotten, judgeRedis } from './stores.ts'
import { judgeTemplates } from './templates.ts'

interface DoctorOptions {
  live?: string
  json?: boolean
}

type Named = Finding & { about: string }

/** A day's papers and mails take a few; below this a database stops in the middle of a round. */
const DISK_MIN_BYTES = 500e6
const ANSWER_MS = 30_000
/** Our own transactions may do nothing for half a minute. */
const FORGOTTEN_MS = 5 * MINUTE_MS
const SOURCE_REMEDY = 'see SOURCE, and whether this machine reaches what it names'
const MARKS = { ok: '✓', warning: '!', error: '✗' }

export async function doctorCommand(options: DoctorOptions): Promise<void> {
  const to = options.live === undefined ? undefined : parseAddress(options.live)
  const findings: Named[] = []
  const note = (about: string, found: readonly Finding[]) => findings.push(...found.map((each) => ({ about, ...each })))
  const config = readSettings(note)
  if (config !== undefined) await examine(config, note, to)
  const [errors, warnings] = (['error', 'warning'] as const).map((state) =>
    findings.filter((each) => each.state === state),
  )
  openTerminal(options).print({ errors: errors?.length, warnings: warnings?.length, findings }, [
    ...findings.flatMap(({ about, state, says, remedy }) => [
      `${MARKS[state]} ${about.padEnd(9)} ${says}`,
      ...(remedy === undefined ? [] : [`  ${' '.repeat(9)} ${remedy}`]),
    ]),
    '',
    summaryOf(errors?.length ?? 0, warnings?.length ?? 0),
  ])
  if (errors?.length) process.exitCode = 1
}

function summaryOf(errors: number, warnings: number): string {
  if (errors > 0)
    return `${counted(errors, 'error')} to mend before anything is sent${warnings > 0 ? `, ${counted(warnings, 'warning')}` : ''}.`
  return warnings > 0 ? `It can run, with ${counted(warnings, 'warning')}.` : 'All is well.'
}

type Note = (about: string, found: readonly Finding[]) => void

function readSettings(note: Note): Config | undefined {
  try {
    const config = readConfig('mail')
    note('settings', judgeSettings(config, listSet(), SETTING_NAMES))
    return config
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    note(
      'settings',
      error.problems.map((says) => ({ state: 'error', says, remedy: 'see .env.example' })),
    )
    return undefined
  }
}

async function examine(config: Config, note: Note, to: string | undefined): Promise<void> {
  const logger = openLogger('silent')
  const clocks: Record<string, Date> = {}
  let databaseId: string | undefined
  const guarded = async (about: string, remedy: string, look: () => Promise<readonly Finding[]>) => {
    try {
      note(about, await look())
    } catch (error) {
      const says = error instanceof UsageError ? error.problems.join('; ') : describeError(error)
      note(about, [{ state: 'error', says, remedy }])
    }
  }
  await guarded('database', 'see DATABASE_URL, or DATA_DIR where it is embedded', async () => {
    if (config.databaseUrl === undefined && !existsSync(config.dataDir)) {
      return [{ state: 'ok', says: `the embedded database will be made in ${config.dataDir}` }]
    }
    return withKept(logger, async (keep) => {
      const { lookDb: db } = keep(await openUnmigrated(config, logger))
      const found: Finding[] = []
      try {
        const pending = await listPending(db, migrations)
        found.push(...judgeDatabase(await inspectDatabase(db), pending))
        found.push(...judgeForgotten(await listForgotten(db, FORGOTTEN_MS)))
        if (pending.length > 0) return found
        clocks['the database'] = await getNow(db)
        databaseId = await getDatabaseId(db)
        const earlier = await findEarlierAddress(db, config.publicUrl, config.latenessMs)
        if (earlier) {
          note('settings', [{ state: 'warning', says: sayEarlierAddress(earlier), remedy: EARLIER_ADDRESS_REMEDY }])
        }
        const stranded = await listStranded(
          db,
          config.providers.map(({ name }) => name),
        )
        note(
          'settings',
          stranded.map((each) => ({ state: 'warning', says: sayStranded(each), remedy: STRANDED_REMEDY })),
        )
        found.push(...(await judgeQuotas(db, config.providers)))
        if (await isLinkKeyKnown(db, deriveLinkKeys(config.linkSecrets))) return found
        return [...found, { state: 'error', says: OTHER_SECRET, remedy: OTHER_SECRET_REMEDY }]
      } catch (error) {
        const held = await findHeld(db, error)
        if (held === undefined) throw error
        return [...found, { state: 'error', ...held }]
      }
    })
  })
  const { redisUrl } = config
  if (redisUrl !== undefined) {
    await guarded('Redis', 'see REDIS_URL', async () => {
      const { inspectRedis } = await import('../../jobs/queue/inspecting.ts')
      const { judgeSharing } = await import('../../jobs/queue/sharing.ts')
      const facts = await inspectRedis(redisUrl)
      clocks.Redis = facts.at
      const shared = databaseId === undefined ? [] : judgeSharing(databaseId, facts.users)
      return [...judgeRedis(facts), ...shared]
    })
  }
  await withKept(logger, async (keep) => {
    for (const provider of await openProviders(config)) {
      keep(provider)
      await guarded(provider.name, 'see its settings', async () => {
        const { findings, at } = (await provider.check?.(config.mailFrom)) ?? { findings: [], at: null }
        if (at !== null) clocks[provider.name] = at
        return findings
      })
    }
  })
  if (Object.keys(clocks).length > 0) note('clocks', judgeClocks(new Date(), clocks))
  const reaching = config.providers.filter(reachesPeople)
  const dns = openDns(config.dnsServer)
  const { bounces } = config
  for (const provider of reaching) {
    await guarded('sender', 'see whether this machine can ask the DNS, or set DNS_SERVER', () =>
      judgeSender(dns.texts, config.mailFrom, provider, bounces?.home.domain),
    )
  }
  if (reaching.length === 0)
    note('sender', [{ state: 'ok', says: 'no provider reaches people, so the DNS was not asked' }])
  if (bounces !== null) {
    if (reaching.some(({ name }) => name === 'smtp')) {
      await guarded('bounces', 'see whether this machine can ask the DNS, or set DNS_SERVER', () =>
        judgeBounceDomain(dns.mailServers, bounces.home, config.mailFrom),
      )
    }
    note('bounces', await judgeMailbox(bounces.mailbox))
  }
  await guarded('source', SOURCE_REMEDY, async () => [await judgeSource(config)])
  note('templates', await judgeTemplates(config))
  for (const [setting, folder] of foldersOf(config)) {
    await guarded('disk', `see ${setting}`, async () => [await judgeDisk(setting, folder)])
  }
  if (to !== undefined) {
    await guarded('live', 'see above what is not as it should be', async () => {
      const { provider, providerId } = await sendTestMail(to)
      return [
        { state: 'ok', says: `${provider} accepted an email to ${to}${providerId === null ? '' : ` (${providerId})`}` },
      ]
    })
  }
}

async function judgeQuotas(db: Kysely<Database>, providers: Config['providers']): Promise<Finding[]> {
  const counts = await listReaderCounts(db)
  const daily = counts.filter(({ consent, cadence }) => consent === 'confirmed' && cadence !== 'weekly')
  const readers = daily.reduce((sum, { count }) => sum + count, 0)
  const judged = providers.map(async (provider) => judgeQuota(provider, await getAllowance(db, provider), readers))
  return (await Promise.all(judged)).flat()
}

async function judgeSource(config: Config): Promise<Finding> {
  const source = openConfiguredSource({ config, logger: openLogger('silent') })
  const date = shiftDate(dateOf(new Date()), -1)
  const answer = await source.read(date, AbortSignal.timeout(ANSWER_MS))
  if (answer.kind === 'refused') {
    return { state: 'error', says: `the source refused ${date}: ${answer.reason}`, remedy: SOURCE_REMEDY }
  }
  const papers = answer.kind === 'rows' ? answer.listings.length : 0
  return { state: 'ok', says: `the source answers: ${counted(papers, 'paper')} for ${date}` }
}

function foldersOf({ databaseUrl, dataDir, stateDir, providers }: Config): [setting: string, folder: string][] {
  const outboxes = providers.flatMap((provider) => (provider.name === 'outbox' ? [provider.directory] : []))
  return [
    ...(databaseUrl === undefined ? [['DATA_DIR', dataDir] as [string, string]] : []),
    ['STATE_DIR', stateDir],
    ...outboxes.map((folder): [string, string] => ['OUTBOX_DIR', folder]),
  ]
}

async function judgeDisk(setting: string, folder: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(await tryFolder(setting, folder))
  const free = bavail * bsize
  const says = `${(free / 1e9).toLocaleString('en', { maximumFractionDigits: 1 })} GB are free for ${folder}`
  return free < DISK_MIN_BYTES
    ? { state: 'error', says, remedy: 'make room, or name a folder on another disk' }
    : { state: 'ok', says }
}
