// What the measurements of whole processes share: a program of Node with what it used, PostgreSQL's
// part, the machine, and medians.
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { cpus, totalmem } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type Kysely, sql } from 'kysely'
import type { Database } from '../../src/database/schema.ts'

export interface Run {
  seconds: number
  cpuMs: number
  /** Of PostgreSQL, null where it is not on this machine. Others that use it count in. */
  serverMs: number | null
  peakMb: number
}

/** Reads what PostgreSQL has used so far with the sessions that have ended, in milliseconds. */
export type ServerCpu = () => Promise<number | null>

/** Of Linux. */
const TICK_MS = 10
const SESSIONS_END_MS = 200
const run = promisify(execFile)

/**
 * Runs a program of Node, and reads what it used by its own account at its end, from a file below
 * `folder`.
 */
export async function measureNode(
  args: readonly string[],
  { env, folder, serverCpu }: { env: NodeJS.ProcessEnv; folder: string; serverCpu: ServerCpu },
): Promise<Run> {
  const file = `${folder}/usage.json`
  const serverBefore = await serverCpu()
  const began = performance.now()
  await run(process.execPath, ['--import', here('usage-process.mjs'), ...args], {
    env: { ...env, USAGE_FILE: file },
    maxBuffer: 1e8,
  })
  const seconds = (performance.now() - began) / 1_000
  const { cpuMs, peakMb } = JSON.parse(await readFile(file, 'utf8')) as Pick<Run, 'cpuMs' | 'peakMb'>
  // Its sessions end behind it.
  await sleep(SESSIONS_END_MS)
  const serverAfter = await serverCpu()
  const serverMs = serverBefore === null || serverAfter === null ? null : serverAfter - serverBefore
  return { seconds, cpuMs, serverMs, peakMb }
}

/** Finds the server of `db` among this machine's processes. */
export async function openServerCpu(db: Kysely<Database>): Promise<ServerCpu> {
  const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(db)
  const readStat = async (pid: number) => (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? []
  try {
    const parent = Number((await readStat(rows[0]?.pid ?? 0))[1])
    // Its own time and that of its children that it has waited for, in ticks.
    return async () => (await readStat(parent)).slice(11, 15).reduce((sum, each) => sum + Number(each), 0) * TICK_MS
  } catch {
    return async () => null
  }
}

/** What a process has used so far, in microseconds. */
export async function cpuOf(pid: number): Promise<number> {
  const [, rest = ''] = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')
  const fields = rest.split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS * 1_000
}

/** Returns the path of a file beside this one. */
export function here(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url))
}

export function median(list: readonly number[]): number {
  return list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)] ?? Number.NaN
}

export function describeMachine(): { cpus: number; model: string; memoryGb: number; node: string } {
  const [cpu] = cpus()
  const memoryGb = Math.round(totalmem() / 2 ** 30)
  return { cpus: cpus().length, model: cpu?.model ?? 'unknown', memoryGb, node: process.version }
}
