// Whether PostgreSQL and Redis keep what they are given. Pure.
import type { Session } from '../../database/holders.ts'
import { type DatabaseFacts, READ_ONLY_WORDS } from '../../database/inspecting.ts'
import type { Finding } from '../../errors.ts'
import type { RedisFacts } from '../../jobs/queue/inspecting.ts'
import { sayForgotten } from '../held.ts'

const POSTGRES_MIN = 14
const REDIS_MIN = [6, 2] as const
/** Two processes of every role, while one replaces the other. */
const CONNECTIONS_MIN = 40
/** Leases and hours are told by the database's clock alone, so this much only misleads people. */
const CLOCK_APART_MS = 5_000

export function judgeDatabase(facts: DatabaseFacts, pending: readonly string[]): Finding[] {
  const { version, forbidden } = facts
  const major = Math.floor(version / 10_000)
  const findings: Finding[] = []
  if (major < POSTGRES_MIN) {
    findings.push({
      state: 'error',
      says: `PostgreSQL is version ${major}, and ${POSTGRES_MIN} is the oldest that will do`,
      remedy: 'name a newer server',
    })
  }
  if (facts.readOnly !== null) findings.push({ state: 'error', ...READ_ONLY_WORDS[facts.readOnly] })
  if (forbidden.length > 0) {
    findings.push({
      state: 'error',
      says: `this user may not read and write ${forbidden.slice(0, 3).join(', ')}${forbidden.length > 3 ? ' and more' : ''}`,
      remedy: 'grant select, insert, update, delete on all tables in the schema to it',
    })
  }
  // What the embedded one promises is less, and said where all is well.
  const unsafe = facts.isEmbedded
    ? []
    : [
        ...(facts.fsync ? [] : ['fsync']),
        ...(facts.fullPageWrites ? [] : ['full_page_writes']),
        ...(facts.synchronousCommit ? [] : ['synchronous_commit']),
      ]
  if (unsafe.length > 0) {
    findings.push({
      state: 'error',
      says: `PostgreSQL may lose what it has committed (${unsafe.map((name) => `${name} is off`).join(', ')}), and then a digest is sent twice`,
      remedy: `turn ${unsafe.join(' and ')} on`,
    })
  }
  if (facts.maxConnections < CONNECTIONS_MIN) {
    findings.push({
      state: 'warning',
      says: `PostgreSQL takes ${facts.maxConnections} connections`,
      remedy: `set max_connections to ${CONNECTIONS_MIN} or more`,
    })
  }
  if (pending.length > 0) {
    findings.push({
      state: facts.mayMigrate ? 'warning' : 'error',
      says: `the schema lacks ${pending.length === 1 ? pending[0] : `${pending.length} steps, ${pending[0]} first`}`,
      remedy: facts.mayMigrate ? 'run migrate; a start does so too' : 'run migrate as a user who may make tables',
    })
  }
  return findings.length > 0 ? findings : [{ state: 'ok', says: wellInWords(facts.isEmbedded, major) }]
}

function wellInWords(isEmbedded: boolean, major: number): string {
  return isEmbedded
    ? 'the embedded database is well: it survives a killed process, not a power cut'
    : `PostgreSQL ${major} keeps what it commits`
}

export function judgeForgotten(sessions: readonly Session[]): Finding[] {
  return sessions.map((session) => ({ state: 'warning', ...sayForgotten(session) }))
}

export function judgeRedis({ version, evictionPolicy, isPersistent, refusal }: RedisFacts): Finding[] {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const findings: Finding[] = []
  if (major < REDIS_MIN[0] || (major === REDIS_MIN[0] && minor < REDIS_MIN[1])) {
    findings.push({
      state: 'error',
      says: `Redis is version ${version}, and ${REDIS_MIN.join('.')} is the oldest that will do`,
      remedy: 'name a newer server, or Valkey',
    })
  }
  if (refusal !== null) {
    findings.push({
      state: 'error',
      says: refusal,
      remedy: 'nothing is lost meanwhile: jobs that it refuses are found in PostgreSQL again',
    })
  }
  if (evictionPolicy !== '' && evictionPolicy !== 'noeviction') {
    findings.push({
      state: 'error',
      says: `Redis throws keys away when its memory is full (${evictionPolicy})`,
      remedy: 'set maxmemory-policy noeviction',
    })
  }
  if (!isPersistent) {
    findings.push({
      state: 'warning',
      says: 'Redis keeps nothing on disk: after its restart work goes on from PostgreSQL within a minute',
      remedy: 'set appendonly yes to save that minute',
    })
  }
  return findings.length > 0 ? findings : [{ state: 'ok', says: `Redis ${version} keeps the queue` }]
}

/** `clocks`: what each read at the same moment, by name. */
export function judgeClocks(here: Date, clocks: Record<string, Date>): Finding[] {
  const apart = Object.entries(clocks).flatMap(([name, at]): Finding[] => {
    const ms = at.getTime() - here.getTime()
    if (Math.abs(ms) < CLOCK_APART_MS) return []
    return [
      {
        state: 'warning',
        says: `the clock of ${name} is ${Math.round(Math.abs(ms) / 1_000)} s ${ms > 0 ? 'ahead of' : 'behind'} this machine's`,
        remedy: 'keep both by NTP; readers get their digests by the clock of the database',
      },
    ]
  })
  return apart.length > 0
    ? apart
    : [
        {
          state: 'ok',
          says: `${['this machine', ...Object.keys(clocks)].join(', ').replace(/, ([^,]*)$/, ' and $1')} agree`,
        },
      ]
}
