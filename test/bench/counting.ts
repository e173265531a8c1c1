// Counts the statements that a program sends to PostgreSQL: what goes between is passed on as it
// is, and looked at on the way.
import { connect, createServer, type Socket } from 'node:net'

export interface Counting {
  url: string
  /** So far, BEGIN and COMMIT among them. */
  statements(): number
  close(): void
}

/** Of a message's head: its letter, and its length without that. */
const HEAD = { letter: 1, length: 4 }
/** One that is carried out: as a text, or planned before. */
const CARRIED_OUT = ['Q', 'E'].map((letter) => letter.charCodeAt(0))

/** Stands in front of the PostgreSQL of `url`, without TLS. */
export async function openCounting(url: string): Promise<Counting> {
  const target = new URL(url)
  let count = 0
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = connect(Number(target.port || 5432), target.hostname)
    const look = openLook(() => {
      count += 1
    })
    client.on('data', look)
    client.pipe(upstream).pipe(client)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => sockets.delete(socket))
    }
  })
  await new Promise<void>((done) => {
    server.listen(0, '127.0.0.1', done)
  })
  const { port } = server.address() as { port: number }
  return {
    url: Object.assign(new URL(url), { host: `127.0.0.1:${port}` }).href,
    statements: () => count,
    close() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

/** Looks at what a client sends; the first message has no letter. */
function openLook(counted: () => void): (chunk: Buffer) => void {
  let rest = Buffer.alloc(0)
  let letter = 0
  return (chunk) => {
    rest = Buffer.concat([rest, chunk])
    while (rest.length >= letter + HEAD.length) {
      const length = letter + rest.readUInt32BE(letter)
      if (rest.length < length) return
      if (letter > 0 && CARRIED_OUT.includes(rest[0] as number)) counted()
      rest = rest.subarray(length)
      letter = HEAD.letter
    }
  }
}
