// The line between one process and the provider: raw TCP, so that a request can be cut in its
// middle and an answer held back at a moment that the process cannot know. It never reads more of
// the traffic than the head of a request.

import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer, type Server, type Socket } from 'node:net'

export interface Line {
  url: string
  /**
   * Resolves when the next request stands still: half sent, or accepted and its answer held back.
   */
  strike(kind: 'half' | 'withhold', share: number): Promise<void>
  /** Lets the next request pass after all. */
  spare(): void
  close(): Promise<void>
}

interface Armed {
  kind: 'half' | 'withhold'
  /** Which part of the request still leaves, of 1. */
  share: number
  struck: () => void
}

export async function openLine(target: string): Promise<Line> {
  const { hostname, port } = new URL(target)
  const sockets = new Set<Socket>()
  let armed: Armed | undefined

  function take(): Armed | undefined {
    const taken = armed
    armed = undefined
    return taken
  }

  function join(near: Socket): void {
    const far = connect(Number(port), hostname)
    /** Bytes that may still pass before the line goes dead; infinitely many as a rule. */
    let left = Number.POSITIVE_INFINITY
    let dead = false
    const end = () => {
      near.destroy()
      far.destroy()
    }
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', end)
      socket.on('close', () => {
        sockets.delete(socket)
        end()
      })
    }
    near.on('data', (chunk) => {
      if (dead) return
      if (armed?.kind === 'half' && chunk.toString('latin1', 0, 5) === 'POST ') {
        const taken = take() as Armed
        left = Math.floor(lengthOf(chunk) * taken.share)
        const struck = taken.struck
        const passed = chunk.subarray(0, left)
        left -= passed.length
        far.write(passed)
        if (left <= 0 || passed.length < chunk.length) {
          dead = true
          struck()
        } else pending = struck
        return
      }
      const passed = left === Number.POSITIVE_INFINITY ? chunk : chunk.subarray(0, left)
      left -= passed.length
      far.write(passed)
      if (left <= 0) {
        dead = true
        pending?.()
      }
    })
    let pending: (() => void) | undefined
    far.on('data', (chunk) => {
      if (dead) return
      if (armed?.kind === 'withhold') {
        dead = true
        take()?.struck()
        return
      }
      near.write(chunk)
    })
  }

  const server: Server = createServer(join).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    strike: (kind, share) =>
      new Promise((resolve) => {
        armed = { kind, share, struck: resolve }
      }),
    spare: () => void take(),
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** The whole request's length, from its head: what must not all leave. */
function lengthOf(head: Buffer): number {
  const text = head.toString('latin1')
  const end = text.indexOf('\r\n\r\n')
  const body = Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1] ?? 0)
  return (end < 0 ? text.length : end + 4) + body
}
