import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Kysely, sql } from 'kysely'
import { expect, it } from 'vitest'
import { openHandles } from '../../src/database/client.ts'
import { findReadOnlyCause, inspectDatabase, tryWriting } from '../../src/database/inspecting.ts'
import type { Database } from '../../src/database/schema.ts'
import { keepRound } from '../support/kept-round.ts'
import type { TestRound } from '../support/round.ts'
import { makeFolder, openTemporaryPostgres } from '../support/servers.ts'
import { mountDisk } from '../support/small-disk.ts'

let round: TestRound
keepRound((kept) => {
  round = kept
})

it('tells a server that takes writes from one that is switched to read-only', async () => {
  expect(await findReadOnlyCause(round.db)).toBeNull()
  const found = round.db
    .transaction()
    .setAccessMode('read only')
    .execute(async (db: Kysely<Database>) => [await findReadOnlyCause(db), (await inspectDatabase(db)).readOnly])
  expect(await found).toEqual(['setting', 'setting'])
})

it('leaves nothing behind of what it tried to write', async () => {
  expect(await tryWriting(round.db)).toBeNull()
  expect(await tryWriting(round.db)).toBeNull()
  const { rows } = await sql<{ table: string | null }>`select to_regclass('room_probe')::text as table`.execute(
    round.db,
  )
  expect(rows).toEqual([{ table: null }])
})

it('tells a full disk by what finds no room on it, and again when it does', {
  tags: 'long',
  timeout: 60_000,
}, async (context) => {
  const disk = await makeFolder('disk')
  const unmount = await mountDisk(disk, 160)
  if (!unmount) return context.skip()
  const server = await openTemporaryPostgres({ parent: disk, segmentMb: 1 })
  try {
    if (!server) return context.skip()
    const { lookDb: db, outage } = openHandles(server.url)
    try {
      expect(await tryWriting(db)).toBeNull()
      await fill(join(disk, 'filling'))
      expect(await tryWriting(db)).toBe('full')
      expect((await inspectDatabase(db)).readOnly).toBe('full')
      await rm(join(disk, 'filling'))
      expect(await tryWriting(db)).toBeNull()
      expect(outage.awayMs()).toBeNull()
    } finally {
      await db.destroy()
    }
  } finally {
    await server?.close()
    await unmount()
    await rm(disk, { recursive: true })
  }
})

/** Writes a file until the disk takes no more. */
async function fill(path: string): Promise<void> {
  const file = await open(path, 'w')
  const block = Buffer.alloc(64 * 1024)
  try {
    for (;;) await file.write(block)
  } catch (error) {
    expect(error).toMatchObject({ code: 'ENOSPC' })
  } finally {
    await file.close()
  }
}
