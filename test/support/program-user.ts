// The database user that the program is in tests on a real server: one that cannot change tables,
// made by the very SQL that docs/operating.md shows. Whatever a test itself makes or changes in its
// tables it asks of their owner. No test framework in here: the crash harness runs without.
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { answers, query } from './servers.ts'

const PAGE = new URL('../../docs/operating.md', import.meta.url)
const SHOWN = /^## A database user of its own$.*?^```sql\n(.*?)^```$/ms
const [SHOWN_NAME, SHOWN_PASSWORD] = ['paper_round_program', 'choose one']

/**
 * Makes the user in an empty database, before its tables. Returns the database's URL as that user,
 * or as the owner where this server lets nobody make one, or lets nobody in by it.
 */
export async function makeProgramUser(ownerUrl: string): Promise<string> {
  const shown = SHOWN.exec(await readFile(PAGE, 'utf8'))?.[1]
  if (!shown?.includes(SHOWN_NAME)) throw new Error('docs/operating.md shows no database user of its own any more')
  const url = new URL(ownerUrl)
  url.username = `test_program_${randomBytes(6).toString('hex')}`
  url.password = randomBytes(12).toString('hex')
  const made = shown.replaceAll(SHOWN_NAME, url.username).replace(SHOWN_PASSWORD, url.password)
  // In one transaction: where a part of it is refused, nothing of it stays.
  if (await answers(() => query(ownerUrl, `begin; ${made} commit`))) {
    if (await answers(() => query(url.href, 'select 1'))) return url.href
    await dropProgramUser(url.href, ownerUrl)
  }
  return ownerUrl
}

/** Drops it once no database has anything of it but that of `ownerUrl`. */
export function dropProgramUser(programUrl: string, ownerUrl: string): Promise<void> {
  const { username } = new URL(programUrl)
  if (username === new URL(ownerUrl).username) return Promise.resolve()
  return query(ownerUrl, `drop owned by ${username}; drop role ${username}`)
}

/** Returns a test database's URL as the owner of its tables, who may do everything. */
export function asOwner(url: string): string {
  const { TEST_TEMPLATE_URL, TEST_PROGRAM_URL } = process.env
  if (TEST_TEMPLATE_URL === undefined || TEST_PROGRAM_URL === undefined) return url
  return toUserOf(TEST_TEMPLATE_URL, url, new URL(TEST_PROGRAM_URL).username)
}

/** Returns a test database's URL as the user that the program is. */
export function asProgram(url: string): string {
  const { TEST_TEMPLATE_URL, TEST_PROGRAM_URL } = process.env
  if (TEST_TEMPLATE_URL === undefined || TEST_PROGRAM_URL === undefined) return url
  return toUserOf(TEST_PROGRAM_URL, url, new URL(TEST_TEMPLATE_URL).username)
}

function toUserOf(other: string, url: string, from: string): string {
  const [made, { username, password }] = [new URL(url), new URL(other)]
  return made.username === from ? Object.assign(made, { username, password }).href : url
}
