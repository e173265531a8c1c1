// The one session of the embedded database, a run at a time: complete frames in, the complete
// answer out. It must never be asked for a second run before the first has ended.
import { eachFrame, readParameter, writeFrame } from './wire.ts'

/** The part of PGlite that is used here. */
export interface Engine {
  execProtocolRawStream(message: Uint8Array, options: { onRawData(data: Uint8Array): void }): Promise<void>
  isInTransaction(): boolean
}

/**
 * Frames that are run in one go. `synced` says that they end with a Sync, or with a simple query,
 * which includes one.
 */
export interface Work {
  bytes: Buffer
  synced: boolean
}

export interface Session {
  /** Throws when the engine cannot go on: an error of a query is an answer, not this. */
  run(work: Work): Promise<Buffer>
  isInTransaction(): boolean
  /** The search_path that holds now, as the engine last reported it. */
  searchPath(): string | undefined
  /** Returns false when the engine does not take it. */
  changeSearchPath(searchPath: string): Promise<boolean>
}

/**
 * `onNotification` gets every frame that LISTEN brought up: the engine knows one listener and
 * cannot say who it is for.
 */
export function openSession(engine: Engine, onNotification: (frame: Buffer) => void): Session {
  let reported: string | undefined

  async function run({ bytes, synced }: Work): Promise<Buffer> {
    const chunks: Buffer[] = []
    await engine.execProtocolRawStream(bytes, { onRawData: (data) => void chunks.push(Buffer.from(data)) })
    const answer = Buffer.concat(chunks)
    let ready = false
    for (const frame of eachFrame(answer)) {
      if (frame.type === 'A') onNotification(frame.bytes)
      else if (frame.type === 'Z') ready = true
      else if (frame.type === 'S') {
        const [name, value] = readParameter(frame.bytes)
        if (name === 'search_path') reported = value
      }
    }
    // The engine swallows its own crashes; a Sync without "ready" is how they show.
    if (synced && !ready) throw new Error('The embedded database broke in the middle of a query')
    return answer
  }

  return {
    run,
    isInTransaction: () => engine.isInTransaction(),
    searchPath: () => reported,
    async changeSearchPath(searchPath) {
      const value = searchPath.replaceAll('\\', '\\\\').replaceAll("'", "''")
      const query = `select pg_catalog.set_config('search_path', E'${value}', false)`
      await run({ bytes: writeFrame('Q', query), synced: true })
      return reported === searchPath
    },
  }
}
