// Whether a role lives, for whoever restarts it: by its heartbeat in PostgreSQL, or by its website.
// Called every few seconds beside what it looks at, so it loads little and opens one connection.
import { hostname } from 'node:os'
import { type Config, readConfig } from '../config.ts'
import { openDatabase, USUAL_SCHEMA } from '../database/client.ts'
import { findEmbeddedUrl } from '../database/embedded/embedded.ts'
import { findReadOnlyCause, READ_ONLY_WORDS } from '../database/inspecting.ts'
import { unavailabilityOf } from '../database/unavailable.ts'
import { listAlive } from '../delivery/sending/heartbeats.ts'
import { describeError, UsageError } from '../errors.ts'
import { SECOND_MS, within } from '../time.ts'
import { parseAll } from './arguments.ts'
import { openTerminal } from './terminal.ts'

interface HealthcheckOptions {
  role?: string
  json?: boolean
}

const ROLES = ['worker', 'scheduler'] as const
type BeatingRole = (typeof ROLES)[number]

/** Together below the ten seconds that the image and compose wait. */
const WEBSITE_MS = 2 * SECOND_MS
const DATABASE_MS = 5 * SECOND_MS

/**
 * Prints one line and ends with 0 if a process of this machine or container lives that has the
 * role; without one, if a website answers at PORT or any process lives that marks or plans.
 */
export async function healthcheckCommand(options: HealthcheckOptions): Promise<void> {
  const { role, config } = parseAll({
    role: () => (options.role === undefined ? undefined : parseRole(options.role)),
    config: () => readConfig('stores'),
  })
  const { alive, line } =
    role === undefined && (await answersWebsite(config))
      ? { alive: true, line: 'the website answers' }
      : await hearRole(config, role)
  openTerminal(options).print({ alive, role: role ?? null, host: hostname(), says: line }, [line])
  if (!alive) process.exitCode = 1
}

function parseRole(text: string): BeatingRole {
  const role = ROLES.find((name) => name === text)
  if (!role) throw new UsageError(`--role ${text} has no heartbeat: choose from ${ROLES.join(', ')}`)
  return role
}

async function answersWebsite({ host, port }: Config): Promise<boolean> {
  const address = host === undefined || host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host
  const url = `http://${address.includes(':') ? `[${address}]` : address}:${port}/healthz`
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(WEBSITE_MS) })
    return answer.ok && (await answer.text()).startsWith('ok ')
  } catch {
    return false
  }
}

async function hearRole(config: Config, role: BeatingRole | undefined): Promise<{ alive: boolean; line: string }> {
  const url = config.databaseUrl ?? (await findEmbeddedUrl(config.dataDir))
  if (url === undefined) return { alive: false, line: `nothing runs on ${config.dataDir}` }
  const db = openDatabase(url, {
    // PgBouncer takes no name of a schema, and the usual one needs none.
    ...(config.schema === USUAL_SCHEMA ? {} : { schema: config.schema }),
    maxConnections: 1,
    applicationName: 'paper-round healthcheck',
  })
  try {
    const asking = Promise.all([listAlive(db), findReadOnlyCause(db)])
    const [all, readOnly] = await within(DATABASE_MS, 'reading the heartbeats', asking)
    const own = all.filter(({ host, roles }) => host === hostname() && (role === undefined || roles.includes(role)))
    const [last] = own
    if (last)
      return { alive: true, line: `${last.roles.join(', ')}: last beat ${Math.round(last.ageMs / 1_000)} s ago` }
    const why = readOnly === null ? '' : `: ${READ_ONLY_WORDS[readOnly].says}`
    return { alive: false, line: `no ${role ?? 'process that sends or plans'} on ${hostname()} has a heartbeat${why}` }
  } catch (error) {
    // What was killed leaves its address behind.
    const isGone = config.databaseUrl === undefined && unavailabilityOf(error) === 'away'
    if (isGone) return { alive: false, line: `nothing runs on ${config.dataDir}` }
    return { alive: false, line: `the heartbeats cannot be read: ${describeError(error)}` }
  } finally {
    // What hangs must not keep the answer.
    void db.destroy().catch(() => {})
  }
}
