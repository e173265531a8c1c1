// Contenders are real processes: the lock is what the system does when one of them dies.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Claim } from '../../../src/database/embedded/owner.ts'
import { builtFile } from '../../support/program.ts'

const program = await builtFile('test/database/embedded/owner-process.ts')
let folder: string
const contenders = new Set<ChildProcess>()

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'paper-round-owner-'))
})

afterEach(async () => {
  for (const contender of contenders) await kill(contender)
  await rm(folder, { recursive: true })
})

describe('claimOwnership', { timeout: 180_000 }, () => {
  it('lets one of several own the folder, and tells the others where it is', async () => {
    const claims = await Promise.all(Array.from({ length: 4 }, () => contend(folder).claim))
    const owners = claims.filter((claim) => claim.owned)
    expect(owners).toHaveLength(1)
    const said = claims.filter((claim) => !claim.owned).map((claim) => claim.address)
    expect(new Set(said)).toEqual(new Set([`process ${claims.find((claim) => claim.owned)?.pid}`]))
  })

  it('passes to exactly one of those who wait when the owner is killed before it was ready', async () => {
    const first = contend(folder, 'slow')
    await first.claim
    const others = [contend(folder), contend(folder), contend(folder)]
    await Promise.all(others.map(({ child }) => once(child, 'spawn')))
    await kill(first.child)
    const claims = await Promise.all(others.map(({ claim }) => claim))
    expect(claims.filter((claim) => claim.owned)).toHaveLength(1)
  })

  it('is free again after a kill, and clears away what dead owners left', { tags: 'long' }, async () => {
    for (let round = 0; round < 3; round += 1) {
      const { child, claim } = contend(folder)
      expect((await claim).owned).toBe(true)
      await kill(child)
    }
    const left = await readdir(folder)
    expect(left).toHaveLength(2)
    expect(left).toContain('3')
  })

  it('takes a link that leads nowhere, and a file that nobody listens on, for a dead owner', async () => {
    await symlink('gone.sock', join(folder, '7'))
    expect((await contend(folder).claim).owned).toBe(true)
    for (const contender of contenders) await kill(contender)
    await writeFile(join(folder, 'plain.sock'), '')
    await symlink('plain.sock', join(folder, '9'))
    expect((await contend(folder).claim).owned).toBe(true)
    expect(await readdir(folder)).toContain('10')
  })
})

function contend(path: string, manner = 'quick'): { child: ChildProcess; claim: Promise<Claim & { pid: number }> } {
  const child = fork(program, [path, manner], { execArgv: [] })
  contenders.add(child)
  const claim = once(child, 'message').then(([message]) => ({ ...(message as Claim), pid: child.pid as number }))
  return { child, claim }
}

async function kill(child: ChildProcess): Promise<void> {
  contenders.delete(child)
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}
