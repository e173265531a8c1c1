// Connections that are made before they are needed, to a server that counts them.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer, request } from 'node:http'
import { createServer as createSecureServer, request as requestSecure } from 'node:https'
import type { AddressInfo, Server, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { type Connections, openConnections } from '../../../../src/delivery/provider/resend/connections.ts'
import { makeCertificate } from '../../../support/certificate.ts'

let own: { key: Buffer; cert: Buffer }
let server: Server
let url: URL
let sockets: Socket[]
let connections: Connections
beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'paper-round-connections-'))
  const { key, certificate } = await makeCertificate(folder)
  own = { key: await readFile(key), cert: await readFile(certificate) }
  await rm(folder, { recursive: true })
})
afterEach(() => {
  connections.close()
  server.close()
  vi.unstubAllEnvs()
})

/** Opens a server that says `ok` to whatever it is asked. */
async function open(protocol: 'http' | 'https'): Promise<void> {
  sockets = []
  const answer: Parameters<typeof createServer>[1] = (_, response) => response.end('ok')
  server = protocol === 'http' ? createServer(answer) : createSecureServer(own, answer)
  server.on(protocol === 'http' ? 'connection' : 'secureConnection', (socket: Socket) => sockets.push(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = new URL(`${protocol}://127.0.0.1:${(server.address() as AddressInfo).port}`)
  connections = openConnections(url)
}

function ask(): Promise<string> {
  const start = url.protocol === 'https:' ? requestSecure : request
  return new Promise((resolve) => {
    const asking = start(url, { agent: connections.agent }, (response) => {
      let said = ''
      response.on('data', (chunk) => {
        said += chunk
      })
      response.on('end', () => resolve(said))
    })
    asking.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''))
    asking.end()
  })
}

/** What Node remembers to set on a connection: it tells nobody by another way. */
function optionsOf(socket: Socket): Record<string, unknown> {
  const symbols = Object.getOwnPropertySymbols(socket).filter(({ description }) => description?.startsWith('kSet'))
  return Object.fromEntries(symbols.map((each) => [each.description, Reflect.get(socket, each)]))
}

describe.each(['http', 'https'] as const)('a connection by %s that is made before its request', (protocol) => {
  it('is the one that the request goes over, and is kept behind it', async () => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0')
    await open(protocol)
    await connections.ensureOne()
    await vi.waitFor(() => expect(sockets).toHaveLength(1))
    expect(sockets[0]?.bytesRead).toBe(0)
    await connections.ensureOne()
    expect(await ask()).toBe('ok')
    await connections.ensureOne()
    expect(await ask()).toBe('ok')
    expect(sockets).toHaveLength(1)
    expect(await Promise.all([ask(), ask()])).toEqual(['ok', 'ok'])
    expect(sockets).toHaveLength(2)
  })

  it('is like one that the agent makes by itself', async () => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0')
    await open(protocol)
    const made: Socket[] = []
    const { agent } = connections
    const make = agent.createConnection
    agent.createConnection = (...wanted) => {
      const socket = make(...wanted) as Socket
      made.push(socket)
      return socket
    }
    await connections.ensureOne()
    await Promise.all([ask(), ask()])
    const [early, other] = made.map(optionsOf)
    expect(other).toMatchObject({ kSetNoDelay: true, kSetKeepAlive: true })
    expect(early).toEqual(other)
    expect(made.map(({ timeout }) => timeout)).toEqual([4_000, 4_000])
  })

  it('makes way for another where the server ended it', async () => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0')
    await open(protocol)
    await connections.ensureOne()
    await vi.waitFor(() => expect(sockets).toHaveLength(1))
    sockets[0]?.destroy()
    await vi.waitFor(async () => {
      await connections.ensureOne()
      expect(sockets.length).toBeGreaterThan(1)
    })
    expect(await ask()).toBe('ok')
    expect(sockets).toHaveLength(2)
  })
})

it('goes on with the TLS session of the one before', async () => {
  vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0')
  await open('https')
  await connections.ensureOne()
  await ask()
  sockets[0]?.end()
  await vi.waitFor(async () => {
    await connections.ensureOne()
    expect(sockets.length).toBeGreaterThan(1)
  })
  expect((sockets[1] as TLSSocket).isSessionReused()).toBe(true)
})

it('leaves it to the request to say that there is none', async () => {
  await open('http')
  await new Promise((resolve) => server.close(resolve))
  await connections.ensureOne()
  expect(await ask()).toBe('ECONNREFUSED')
})

it('does not trust whom the request would not trust', async () => {
  await open('https')
  await connections.ensureOne()
  expect(await ask()).toMatch(/SELF_SIGNED/)
  expect(sockets).toHaveLength(0)
})
