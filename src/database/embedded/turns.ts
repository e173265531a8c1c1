// Lets many PostgreSQL clients share the one session of PGlite, by turns: a turn lasts from a
// client's first frame until its Sync outside a transaction. Nobody else's frame ever comes
// between: the unnamed statement of another client would otherwise answer in its place. A client
// that leaves inside its turn is rolled back.
//
// One session means that these are shared by all clients: SET (except search_path, kept for each),
// session advisory locks, named prepared statements, temporary tables, LISTEN. Transaction locks,
// SET LOCAL and plain queries behave as everywhere. And whoever holds a transaction must not wait
// for a second connection: that one waits for the first.
import { timingSafeEqual } from 'node:crypto'
import { createServer, type Socket } from 'node:net'
import { type Engine, openSession, type Work } from './session.ts'
import {
  type Frame,
  readFrames,
  readOpening,
  readSearchPath,
  readTexts,
  writeFatal,
  writeFrame,
  writeStart,
} from './wire.ts'

export interface TurnsOptions {
  port: number
  /** Every client must give it: the port is open to every program on this machine. */
  password: string
  /** How long a client may hold a transaction, doing nothing, while others wait. */
  idleInTransactionMs?: number
  /** How long a client may take to say who it is. */
  admissionMs?: number
  /** Hears, once, that the engine cannot go on. Nobody gets an answer after that. */
  onBroken: (error: unknown) => void
}

export interface Turns {
  port: number
  /** Refuses new clients, ends the open ones and rolls back the one that is in a transaction. */
  close(): Promise<void>
}

interface Client {
  socket: Socket
  admitted: boolean
  /** Frames since the last that wanted an answer. */
  gathered: Buffer[]
  work: Work[]
  searchPath: string | undefined
}

/** Starts to listen on loopback. Throws when the port is taken. */
export async function serveTurns(engine: Engine, options: TurnsOptions): Promise<Turns> {
  const clients = new Set<Client>()
  const waiting = new Set<Client>()
  /** In the middle of its turn, possibly with nothing to do. */
  let holder: Client | undefined
  /** Its work is being run at this moment. */
  let current: Client | undefined
  let idle: NodeJS.Timeout | undefined

  const session = openSession(engine, notifyOthers)
  const welcome = await session.run({ bytes: writeStart('postgres', 'postgres'), synced: true })
  const usualPath = session.searchPath()

  const server = createServer(greet)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, '127.0.0.1', resolve)
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The embedded database has no port')

  return {
    port: address.port,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      for (const client of [...clients]) refuse(client, '57P01', 'The embedded database was closed')
      await closed
    },
  }

  function greet(socket: Socket): void {
    const client: Client = { socket, admitted: false, gathered: [], work: [], searchPath: usualPath }
    const read = readFrames()
    clients.add(client)
    socket.setNoDelay(true)
    socket.setTimeout(options.admissionMs ?? ADMISSION_MS, () => {
      const { bytesRead } = socket
      afterReading(() => {
        if (!client.admitted && socket.bytesRead === bytesRead) socket.destroy()
      })
    })
    socket.on('data', (chunk) => {
      try {
        for (const frame of read(chunk)) if (clients.has(client)) receive(client, frame)
      } catch (error) {
        refuse(client, '08P01', error instanceof Error ? error.message : 'The frame cannot be read')
      }
    })
    socket.on('error', () => {})
    socket.on('end', () => leave(client))
    socket.on('close', () => leave(client))
  }

  function receive(client: Client, frame: Frame): void {
    if (client.admitted) gather(client, frame)
    else if (frame.type === '') open(client, frame.bytes)
    else admit(client, frame)
  }

  function open(client: Client, bytes: Buffer): void {
    const opening = readOpening(bytes)
    if (opening === 'secure') client.socket.write('N')
    // There is nobody to cancel: a query occupies the whole process until it ends.
    else if (opening === 'cancel') client.socket.end()
    else if (opening === 'unknown') refuse(client, '08P01', 'Only version 3 of the protocol is spoken here')
    else {
      client.searchPath = readSearchPath(bytes) ?? usualPath
      client.socket.write(writeFrame('R', Buffer.of(0, 0, 0, ASK_FOR_PASSWORD)))
    }
  }

  function admit(client: Client, frame: Frame): void {
    const given = Buffer.from(readTexts(frame.bytes.subarray(5))[0] ?? '')
    const wanted = Buffer.from(options.password)
    if (frame.type !== 'p' || given.length !== wanted.length || !timingSafeEqual(given, wanted)) {
      refuse(client, '28P01', 'The password of the embedded database is wrong')
      return
    }
    client.admitted = true
    client.socket.setTimeout(0)
    client.socket.write(welcome)
  }

  function gather(client: Client, { type, bytes }: Frame): void {
    if (type === 'X') {
      client.socket.end()
      return
    }
    client.gathered.push(bytes)
    // Sync, simple query, function call, flush: only these are answered, so only these need to run
    // at once.
    if (!'SQFH'.includes(type)) return
    client.work.push({ bytes: Buffer.concat(client.gathered), synced: type !== 'H' })
    client.gathered = []
    if (client !== holder) waiting.add(client)
    void takeTurns()
  }

  async function takeTurns(): Promise<void> {
    if (current !== undefined) return
    for (;;) {
      const [next] = holder === undefined ? waiting : [holder]
      const work = next?.work.shift()
      if (next === undefined || work === undefined) return
      waiting.delete(next)
      clearTimeout(idle)
      idle = undefined
      current = next
      try {
        await take(next, work)
      } catch (error) {
        options.onBroken(error)
        return
      }
      current = undefined
      if (holder !== undefined) watchIdle(holder)
      else if (next.work.length > 0) waiting.add(next)
    }
  }

  async function take(client: Client, work: Work): Promise<void> {
    if (client !== holder && client.searchPath !== session.searchPath()) {
      if (!(await session.changeSearchPath(client.searchPath ?? ''))) {
        // Its queries must not meet another client's tables.
        refuse(client, '22023', 'The search_path of this connection cannot be read')
        return
      }
    }
    const answer = await session.run(work)
    client.searchPath = session.searchPath()
    holder = !work.synced || session.isInTransaction() ? client : undefined
    if (client.socket.writable) client.socket.write(answer)
  }

  function notifyOthers(notification: Buffer): void {
    for (const other of clients) {
      if (other !== current && other.admitted && other.socket.writable) other.socket.write(notification)
    }
  }

  function watchIdle(client: Client): void {
    const own = setTimeout(() => {
      if (waiting.size === 0) return watchIdle(client)
      afterReading(() => {
        if (idle !== own) return
        refuse(client, '25P03', 'The transaction did nothing while other connections waited for it')
      })
    }, options.idleInTransactionMs ?? IDLE_IN_TRANSACTION_MS).unref()
    idle = own
  }

  function refuse(client: Client, code: string, sentence: string): void {
    client.socket.end(writeFatal(code, sentence))
    client.socket.destroySoon()
    leave(client)
  }

  function leave(client: Client): void {
    if (!clients.delete(client)) return
    waiting.delete(client)
    // Whoever is in the middle of its work may come out of it inside a transaction.
    client.work = client === holder || client === current ? [ROLLBACK] : []
    void takeTurns()
  }
}

/**
 * Lets what has arrived be heard first: where this process stood still, by a long query or because
 * it was stopped, its timers are over before anything is read.
 */
function afterReading(judge: () => void): void {
  setImmediate(judge)
}

const ASK_FOR_PASSWORD = 3
/** A client on the same machine answers in milliseconds. */
const ADMISSION_MS = 10_000
/** Far above any pause between two statements of ours, below the patience of a job. */
const IDLE_IN_TRANSACTION_MS = 30_000
const ROLLBACK: Work = { bytes: Buffer.concat([writeFrame('S'), writeFrame('Q', 'rollback')]), synced: true }
