// Opens the port. Slow and oversized requests are cut off here, before any route sees them.
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import type { Hono } from 'hono'
import { UsageError } from '../errors.ts'

/** Headers of a browser fit twenty times over. */
const HEADERS_MAX_BYTES = 16 * 1024
const HEADERS_TIMEOUT_MS = 10_000
/** The whole request, body included: 64 kB over a bad mobile line. */
const REQUEST_TIMEOUT_MS = 30_000
/** How often Node looks for requests that are beyond these two. */
const SLOW_LOOK_MS = 1_000
const KEEP_ALIVE_MS = 5_000
/**
 * How long nothing may move while an answer is made or taken, as proxies wait too: whoever asks and
 * never reads would keep a connection for ever.
 */
const STILL_MS = 60_000
/**
 * What is beyond it is closed at once: some hundred visitors with the six connections of a browser,
 * and the file handles that most systems give a process are not used up.
 */
const CONNECTIONS_MAX = 700
/** How long answers under way may take once we close. */
const CLOSE_GRACE_MS = 5_000
/**
 * How often kept-alive connections are looked over then: one that has just answered would linger
 * otherwise.
 */
const CLOSE_LOOK_MS = 50

export interface WebServer {
  /** Where it listens, without a slash at the end. */
  url: string
  /** Stops taking requests and waits for those under way, a few seconds at most. */
  close(): Promise<void>
}

export interface WebAddress {
  /** 0: any free one. */
  port: number
  /** All interfaces unless named. */
  hostname?: string | undefined
  /** Most connections at a time; 700 unless told. */
  connections?: number
  /**
   * How long nothing may move on a connection, in milliseconds; a minute unless told, 0: for ever.
   */
  stillMs?: number
  /**
   * Admits a connection by the address it comes from: returns what to call when it is closed,
   * undefined to close it at once. All are admitted unless told.
   */
  admit?: (from: string | undefined) => (() => void) | undefined
  /** Which setting names the port; PORT unless told. */
  setting?: string
}

/** Listens at `address`. Throws a UsageError when the port or the host cannot be had. */
export async function listen(app: Hono, address: WebAddress): Promise<WebServer> {
  // Without settings for TLS or HTTP/2 it is a plain one.
  const server = createAdaptorServer({
    fetch: app.fetch,
    ...(address.hostname !== undefined && { hostname: address.hostname }),
    serverOptions: {
      maxHeaderSize: HEADERS_MAX_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: SLOW_LOOK_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
    },
  }) as Server
  server.setTimeout(address.stillMs ?? STILL_MS)
  server.maxConnections = address.connections ?? CONNECTIONS_MAX
  const { admit } = address
  if (admit) {
    server.on('connection', (socket) => {
      const leave = admit(socket.remoteAddress)
      if (leave) socket.once('close', leave)
      else socket.destroy()
    })
  }
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(refusal(error, address)))
    server.listen(address.port, address.hostname, resolve)
  })
  return { url: urlOf(server.address() as AddressInfo, address.hostname), close: () => close(server) }
}

function close(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    const cut = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS)
    const look = setInterval(() => server.closeIdleConnections(), CLOSE_LOOK_MS)
    server.close((error) => {
      clearTimeout(cut)
      clearInterval(look)
      if (error) reject(error)
      else resolve()
    })
  })
}

function urlOf({ port }: AddressInfo, hostname = 'localhost'): string {
  return `http://${hostname.includes(':') ? `[${hostname}]` : hostname}:${port}`
}

function refusal(error: NodeJS.ErrnoException, { port, hostname, setting = 'PORT' }: WebAddress): Error {
  if (error.code === 'EADDRINUSE')
    return new UsageError(`${setting} ${port} is in use: stop what runs there or set another`)
  if (error.code === 'EACCES') return new UsageError(`${setting} ${port} is not ours to open: set one above 1023`)
  if (error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND' || error.code === 'EAI_AGAIN') {
    return new UsageError(`HOST ${hostname} is no address of this machine: name one that is, or 0.0.0.0 for all`)
  }
  return error
}
