import { once } from 'node:events'
import type { IncomingMessage, Server } from 'node:http'
import { connect } from 'node:net'
import { Hono } from 'hono'
import { afterEach, describe, expect, it } from 'vitest'
import { UsageError } from '../../src/errors.ts'
import { listen, type WebAddress, type WebServer } from '../../src/web/server.ts'

const open: WebServer[] = []

async function start(
  app: Hono | Hono<Incoming> = new Hono().get('/', (c) => c.text('here')),
  more: Partial<WebAddress> = {},
): Promise<WebServer> {
  const server = await listen(app as Hono, { port: 0, hostname: '127.0.0.1', ...more })
  open.push(server)
  return server
}

afterEach(async () => {
  for (const server of open.splice(0)) await server.close()
})

/** Sends bytes as they are and returns all that comes back. */
async function speak(url: string, text: string): Promise<string> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  let answer = ''
  socket.on('data', (data) => {
    answer += data
  })
  socket.on('error', () => {})
  socket.end(text)
  await once(socket, 'close')
  return answer
}

type Incoming = { Bindings: { incoming: IncomingMessage } }

/** Node's own server, which has all its settings. */
function serverOf({ socket }: IncomingMessage): Server & { connectionsCheckingInterval?: number } {
  return (socket as unknown as { server: Server }).server
}

describe('listen', () => {
  it('says where it listens and answers there', async () => {
    const { url } = await start()
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    expect(await (await fetch(url)).text()).toBe('here')
  })

  it('says in one line that a port is taken', async () => {
    const { url } = await start()
    const port = Number(new URL(url).port)
    const second = listen(new Hono(), { port, hostname: '127.0.0.1' })
    await expect(second).rejects.toThrow(UsageError)
    await expect(second).rejects.toThrow(`PORT ${port} is in use`)
  })

  it('says in one line that a host is not of this machine', async () => {
    // Set aside for documents (RFC 5737): no machine has it.
    const elsewhere = listen(new Hono(), { port: 0, hostname: '192.0.2.1' })
    await expect(elsewhere).rejects.toThrow(UsageError)
    await expect(elsewhere).rejects.toThrow('HOST 192.0.2.1 is no address of this machine')
  })

  it('closes connections beyond its limit at once and serves those within it', async () => {
    const app = new Hono().get('/', (c) => c.text('here'))
    const server = await listen(app, { port: 0, hostname: '127.0.0.1', connections: 2 })
    open.push(server)
    const port = Number(new URL(server.url).port)
    const first = connect(port, '127.0.0.1')
    const second = connect(port, '127.0.0.1')
    await Promise.all([once(first, 'connect'), once(second, 'connect')])
    const third = connect(port, '127.0.0.1')
    third.on('error', () => {})
    await once(third, 'close')
    second.end('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    const [answer] = await once(second, 'data')
    expect(String(answer)).toMatch(/^HTTP\/1\.1 200 /)
    first.destroy()
  })

  it('closes a connection that is not admitted, and says when another one is over', async () => {
    const asked: (string | undefined)[] = []
    let leave = () => {}
    const left = new Promise<void>((resolve) => {
      leave = resolve
    })
    const { url } = await start(undefined, { admit: (from) => (asked.push(from) === 1 ? leave : undefined) })
    const port = Number(new URL(url).port)
    const first = connect(port, '127.0.0.1')
    await once(first, 'connect')
    const second = connect(port, '127.0.0.1').on('error', () => {})
    await once(second, 'close')
    first.destroy()
    await left
    expect(asked).toEqual(['127.0.0.1', '127.0.0.1'])
  })

  it('lets go of who asks and never reads', { tags: 'long' }, async () => {
    let answering = (_: IncomingMessage) => {}
    const asked = new Promise<IncomingMessage>((resolve) => {
      answering = resolve
    })
    const app = new Hono<Incoming>().get('/', (c) => {
      answering(c.env.incoming)
      return c.body(new Uint8Array(32 * 1024 * 1024))
    })
    const { url } = await start(app, { stillMs: 500 })
    const socket = connect(Number(new URL(url).port), '127.0.0.1').pause()
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    const { socket: theirs } = await asked
    await once(theirs, 'close')
    socket.destroy()
  })

  it('has a limit for whatever is slow, and looks often enough to keep it', async () => {
    const { url } = await start(
      new Hono<Incoming>().get('/', (c) => {
        const { headersTimeout, requestTimeout, connectionsCheckingInterval, timeout } = serverOf(c.env.incoming)
        return c.json({ headersTimeout, requestTimeout, connectionsCheckingInterval, timeout })
      }),
    )
    expect(await (await fetch(url)).json()).toEqual({
      headersTimeout: 10_000,
      requestTimeout: 30_000,
      connectionsCheckingInterval: 1_000,
      timeout: 60_000,
    })
  })

  it('refuses headers above 16 kB and what is not HTTP, and goes on', async () => {
    const { url } = await start()
    const filler = 'x'.repeat(17 * 1024)
    expect(await speak(url, `GET / HTTP/1.1\r\nHost: x\r\nX-Filler: ${filler}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 431 /)
    expect(await speak(url, '\x16\x03\x01 not http\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /)
    expect(await speak(url, 'GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')).toMatch(/ 404 /)
    expect((await fetch(url)).status).toBe(200)
  })
})

describe('close', () => {
  it('lets an answer under way end and takes no more', async () => {
    let finish = () => {}
    const held = new Promise<void>((resolve) => {
      finish = resolve
    })
    let arrived = () => {}
    const waiting = new Promise<void>((resolve) => {
      arrived = resolve
    })
    const app = new Hono().get('/', async (c) => {
      arrived()
      await held
      return c.text('ended')
    })
    const server = await listen(app, { port: 0, hostname: '127.0.0.1' })
    const answer = fetch(server.url)
    await waiting
    const closed = server.close()
    finish()
    expect(await (await answer).text()).toBe('ended')
    await closed
    await expect(fetch(server.url)).rejects.toThrow()
  })
})
