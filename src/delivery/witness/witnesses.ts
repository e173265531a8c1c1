// All witnesses of a process as one. A mark may go on once one of them has kept it; concurrent
// marks share a write; one that fails keeps nobody waiting while another works, and is named.
import { describeError } from '../../errors.ts'
import type { Logger } from '../../logger.ts'
import { type Height, isAbove, type Mark, type Witness } from './witness.ts'

export interface Witnesses {
  /** Returns once a witness has kept the mark, or one above it. Rejects when none has. */
  keep(mark: Mark): Promise<void>
  /**
   * Returns the highest that any witness knows, undefined where none knows the database. Rejects
   * when none can be read.
   */
  read(databaseId: string): Promise<Height | undefined>
  /** Tries each witness, and changes nothing. Returns why those that fail do so, by name. */
  check(): Promise<{ name: string; failure: string | null }[]>
  close(): Promise<void>
}

/** Puts witnesses together; there is at least one. They are closed with it. */
export function openWitnesses(witnesses: readonly [Witness, ...Witness[]], logger: Logger): Witnesses {
  const shared = witnesses.map((witness) => ({ name: witness.name, ...shareWrites(witness), failing: false }))

  async function raise(one: (typeof shared)[number], mark: Mark): Promise<boolean> {
    try {
      await one.raise(mark)
      if (one.failing) logger.info({ event: 'witness.back', witness: one.name }, 'a witness keeps marks again')
      one.failing = false
    } catch (error) {
      const facts = { event: 'witness.failed', witness: one.name, reason: describeError(error) }
      if (!one.failing) logger.error(facts, 'a witness does not keep marks')
      one.failing = true
    }
    return !one.failing
  }

  return {
    async keep(mark) {
      const working = new Set(shared.filter(({ failing }) => !failing))
      const writes = shared.map((one) => ({ one, kept: raise(one, mark) }))
      const first = await Promise.all(writes.filter(({ one }) => working.has(one)).map(({ kept }) => kept))
      if (first.includes(true)) return
      if ((await Promise.all(writes.map(({ kept }) => kept))).includes(true)) return
      throw new Error(`nothing can be sent while ${witnesses.map(({ name }) => name).join(' and ')} cannot be written`)
    },
    async read(databaseId) {
      const answers = await Promise.allSettled(witnesses.map((witness) => witness.read(databaseId)))
      const read = answers.filter((answer) => answer.status === 'fulfilled')
      const [broken] = answers.filter((answer) => answer.status === 'rejected')
      if (read.length === 0) throw new Error('no witness of earlier marks can be read', { cause: broken?.reason })
      return read
        .map(({ value }) => value)
        .reduce((high, each) => (each && (high === undefined || isAbove(each, high)) ? each : high), undefined)
    },
    async check() {
      return Promise.all(
        witnesses.map(async ({ name, check }) => ({ name, failure: await check().then(() => null, describeError) })),
      )
    },
    async close() {
      // One that was slower than another may still be at it.
      for (const { written } of shared) await written()
      for (const witness of witnesses) await witness.close?.()
    },
  }
}

/** Writes one after the other, each with the highest of the marks that came meanwhile. */
function shareWrites(witness: Witness): { raise(mark: Mark): Promise<void>; written(): Promise<unknown> } {
  let highest: Mark | undefined
  let waiting: Promise<void> | undefined
  let writing: Promise<unknown> = Promise.resolve()
  return {
    raise(mark) {
      if (highest === undefined || mark.databaseId !== highest.databaseId || isAbove(mark, highest)) highest = mark
      if (waiting === undefined) {
        waiting = writing.then(() => {
          waiting = undefined
          return witness.raise(highest as Mark)
        })
        writing = waiting.catch(() => {})
      }
      return waiting
    },
    written: () => writing,
  }
}
