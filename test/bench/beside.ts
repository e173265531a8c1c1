// What a `send` of the packed build is measured with, and beside: its readers, its settings, and
// the packages of the other ways.
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Kysely, sql } from 'kysely'
import type { Database } from '../../src/database/schema.ts'
import type { Length } from '../../src/database/states.ts'
import { DEFAULT_RHYTHM, parseChoices } from '../../src/subscriber/preferences.ts'
import { insertSubscribers } from '../../src/subscriber/store.ts'
import { here } from './measured.ts'

/** Of the sample that comes with the program. */
export const DATE = '2025-08-07'
export const PEERS = here('../../node_modules/.cache/paper-round/peers')
export const SETTINGS = {
  LINK_SECRET: 'a secret for measurements that is long enough to be one',
  MAIL_FROM: 'Papers <papers@round.example>',
  PUBLIC_URL: 'https://papers.example',
  POSTAL_ADDRESS: '1 Street',
  LOG_LEVEL: 'error',
}
const LIST_AT_A_TIME = 1_000
const run = promisify(execFile)

/** Puts the other ways, with their packages, where nothing takes these for the project's. */
export async function installPeers(): Promise<void> {
  await cp(here('peers'), PEERS, { recursive: true })
  if (!existsSync(join(PEERS, 'node_modules'))) await run('npm', ['ci', '--no-audit', '--no-fund'], { cwd: PEERS })
}

/**
 * Adds readers of four choices, most of them of the one that everybody begins with, but of another
 * length where one is named.
 */
export async function addReaders(db: Kysely<Database>, count: number, length: Length = 'short'): Promise<void> {
  const choices = [{ length }, { length, papers: 5 }, { length, papers: 15 }, { length: 'titles' as const }].map(
    (each) => parseChoices(each),
  )
  const list = Array.from({ length: count }, (_, index) => ({
    ...DEFAULT_RHYTHM,
    address: `reader-${index}@papers.example`,
    choices: choices[index % 20] ?? parseChoices({ length }),
    consentSource: 'bench',
  }))
  for (let at = 0; at < list.length; at += LIST_AT_A_TIME) {
    await insertSubscribers(db, list.slice(at, at + LIST_AT_A_TIME))
  }
  await sql`vacuum analyze`.execute(db)
}

/** Forgets that anything was sent. */
export async function startAfresh(db: Kysely<Database>): Promise<void> {
  await sql`truncate deliveries, batches cascade`.execute(db)
  await sql`update editions set due = 0`.execute(db)
}
