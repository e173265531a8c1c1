import { Writable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { withKept } from '../src/context.ts'
import { openLogger } from '../src/logger.ts'

/** Keeps things that say when they are closed; `stuck` throws instead. */
async function keepThings(names: readonly string[], work: () => Promise<string>) {
  const closed: string[] = []
  const lines: string[] = []
  const log = new Writable({ write: (chunk, _, done) => done(void lines.push(String(chunk))) })
  const result = await withKept(openLogger('info', log), async (keep) => {
    for (const name of names) {
      keep({
        async close() {
          if (name === 'stuck') throw new Error('it hangs')
          closed.push(name)
        },
      })
    }
    return work()
  }).catch((error: Error) => error.message)
  return { result, closed, events: lines.map((line) => JSON.parse(line)) }
}

describe('withKept', () => {
  it('returns what the work returns, and closes in reverse', async () => {
    expect(await keepThings(['stores', 'queue', 'server'], async () => 'done')).toEqual({
      result: 'done',
      closed: ['server', 'queue', 'stores'],
      events: [],
    })
  })

  it('closes what was opened before the work failed, and throws what it threw', async () => {
    const failing = async () => {
      throw new Error('the port is in use')
    }
    const { result, closed } = await keepThings(['stores', 'queue'], failing)
    expect({ result, closed }).toEqual({ result: 'the port is in use', closed: ['queue', 'stores'] })
  })

  it('goes on past what does not close, and logs it', async () => {
    const { result, closed, events } = await keepThings(['stores', 'stuck', 'server'], async () => 'done')
    expect({ result, closed }).toEqual({ result: 'done', closed: ['server', 'stores'] })
    expect(events).toMatchObject([{ event: 'stop.failed', reason: 'it hangs' }])
  })

  it('takes what needs no closing, and returns what it is given', async () => {
    const thing: { name: string; close?: () => void } = { name: 'outbox' }
    expect(await withKept(openLogger('silent'), async (keep) => keep(thing))).toBe(thing)
  })
})
