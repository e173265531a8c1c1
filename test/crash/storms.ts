// What else befalls a round than the death of a process: stores that are emptied, stopped or full,
// sessions that are ended, deploys. Each works on a world until it has done what it does; what came
// of it is the verdict's to say.
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { query, type TemporaryServer, withRedis } from '../support/servers.ts'
import type { Progress } from './drive.ts'
import { openDice } from './strikes.ts'
import type { World } from './world.ts'

export type Storm = (world: World, progress: Progress) => Promise<void>

/**
 * Empties Redis `times` times in the middle of a round: flushed, or killed and started anew.
 * `waits` gets how long it took until a request came again, in milliseconds.
 */
export function emptyRedis(times: number, seed: number, waits: number[]): Storm {
  return async (world, progress) => {
    const redis = world.redis as TemporaryServer
    const dice = openDice(seed)
    for (let done = 0; done < times && !progress.isOver(); done++) {
      await sleep(200 + dice() * 600)
      await progress.untilSending()
      if (dice() < 0.5) await withRedis(redis.url, (client) => client.flushall())
      else {
        await redis.kill()
        await sleep(dice() * 500)
        await redis.restart()
      }
      const emptiedAt = performance.now()
      const before = world.judge.requests
      while (world.judge.requests === before && progress.edition !== undefined && !progress.isOver()) await sleep(20)
      waits.push(performance.now() - emptiedAt)
    }
  }
}

/** Stops PostgreSQL `times` times, at once and without a word to anybody, and starts it again. */
export function stopPostgres(times: number, seed: number): Storm {
  return async (world, progress) => {
    const postgres = world.postgres as TemporaryServer
    const dice = openDice(seed)
    for (let done = 0; done < times && !progress.isOver(); done++) {
      await sleep(300 + dice() * 1_200)
      await progress.untilSending()
      progress.pause(true)
      // SIGQUIT is its immediate shutdown; SIGKILL is not even that.
      await postgres.kill(dice() < 0.5 ? 'SIGQUIT' : 'SIGKILL')
      await sleep(dice() * 1_000)
      await postgres.restart()
      progress.pause(false)
    }
  }
}

/** Ends every session of the round `times` times, whatever it is doing. */
export function endSessions(times: number, seed: number): Storm {
  return async (world, progress) => {
    const dice = openDice(seed)
    for (let done = 0; done < times && !progress.isOver(); done++) {
      await sleep(100 + dice() * 700)
      await progress.untilSending()
      await query(
        (world.postgres as TemporaryServer).url,
        `select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and backend_type = 'client backend'`,
      )
    }
  }
}

/**
 * Replaces each process `times` times, as a deploy does: SIGTERM, its end, the next. `ends` gets
 * each exit code and how long it took.
 */
export function deploy(times: number, ends: { code: number | null; ms: number }[]): Storm {
  return async (world, progress) => {
    for (let done = 0; done < times && !progress.isOver(); done++) {
      for (const runner of [...world.fleet.runners]) {
        await progress.untilSending()
        const toldAt = performance.now()
        runner.signal('SIGTERM')
        const { code } = await runner.exited
        ends.push({ code, ms: performance.now() - toldAt })
        progress.pause(true)
        await world.fleet.replace(runner)
        progress.pause(false)
      }
    }
  }
}

/**
 * Fills PostgreSQL's disk to the last byte for `heldMs`, makes room again, and starts PostgreSQL if
 * it gave up. `refused` gets how many writes failed meanwhile.
 */
export function fillDisk(disk: string, heldMs: number, refused: { writes: number }): Storm {
  return async (world, progress) => {
    await progress.untilSending()
    await sleep(500)
    progress.pause(true)
    const filler = join(disk, 'filler')
    await fill(filler)
    const emptyAt = Date.now() + heldMs
    while (Date.now() < emptyAt) {
      // More room than is left: until this fails the disk is not full for PostgreSQL.
      await sql`create table if not exists filling as select repeat('x', 1000) as x from generate_series(1, 2000)`
        .execute(world.round.db)
        .catch(() => {
          refused.writes += 1
        })
      await fill(filler)
      await sleep(100)
    }
    await rm(filler)
    await (world.postgres as TemporaryServer).restart()
    await sql`drop table if exists filling`.execute(world.round.db)
    progress.pause(false)
  }
}

/** Writes on until nothing more fits. */
async function fill(path: string): Promise<void> {
  const file = await open(path, 'a')
  const block = Buffer.alloc(64 * 1024)
  try {
    for (;;) if ((await file.write(block)).bytesWritten < block.length) return
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  } finally {
    await file.close()
  }
}
