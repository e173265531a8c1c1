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
const KEEP_ALIVE_MS = 5_000
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

/**
 * Listens on `port` (0: any free one) of `hostname` (all interfaces unless named). Throws a
 * UsageError when the port cannot be had.
 */
export async function listen(app: Hono, address: { port: number; hostname?: string }): Promise<WebServer> {
  // Without settings for TLS or HTTP/2 it is a plain one.
  const server = createAdaptorServer({
    fetch: app.fetch,
    ...(address.hostname !== undefined && { hostname: address.hostname }),
    serverOptions: {
      maxHeaderSize: HEADERS_MAX_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
    },
  }) as Server
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(refusal(error, address.port)))
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

function refusal(error: NodeJS.ErrnoException, port: number): Error {
  if (error.code === 'EADDRINUSE') return new UsageError(`PORT ${port} is in use: stop what runs there or set another`)
  if (error.code === 'EACCES') return new UsageError(`PORT ${port} is not ours to open: set one above 1023`)
  return error
}
