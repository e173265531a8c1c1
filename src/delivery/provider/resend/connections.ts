// Connections to one API: kept between requests, and one of them made before it is needed, so that
// what has been marked need not wait until it is there.
import { type ClientRequestArgs, Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { isIP, type Socket } from 'node:net'
import { urlToHttpOptions } from 'node:url'

export interface Connections {
  agent: HttpAgent
  /**
   * Makes one where none is idle, and waits until it is there. What goes wrong is left to the
   * request that needs it: never rejects.
   */
  ensureOne(): Promise<void>
  close(): void
}

/** Shorter than servers keep an idle connection, so that none closes under a request. */
const IDLE_MS = 4_000
/** After so long without a word the other end is asked whether it is still there. */
const PROBED_MS = 1_000
/** What takes longer than this is waited for by the request itself. */
const WAIT_MAX_MS = 2_000
/** After these a connection is of no use. */
const ENDINGS = ['error', 'timeout', 'end', 'close']

/** Nothing is connected before the first request or `ensureOne`. */
export function openConnections(url: URL): Connections {
  const isTls = url.protocol === 'https:'
  const options = { keepAlive: true, timeout: IDLE_MS }
  const agent = isTls ? new HttpsAgent(options) : new HttpAgent(options)
  const create = agent.createConnection.bind(agent)
  // By the name under which the agent keeps the TLS sessions of its own.
  const target = { ...targetOf(url), timeout: IDLE_MS, _agentKey: agent.getName(targetOf(url)) }
  /** Made before its request. */
  let early: { socket: Socket; leave(): void } | undefined

  /** An agent asks this only of connections without TLS: that nothing written waits for more. */
  function make(...wanted: Parameters<typeof create>): Socket {
    return (create(...wanted) as Socket).setNoDelay().setKeepAlive(true, PROBED_MS)
  }

  agent.createConnection = (wanted, callback) => {
    if (early === undefined) return make(wanted, callback)
    const { socket, leave } = early
    leave()
    return socket.ref()
  }

  function openEarly(): Promise<void> {
    const socket = make(target)
    socket.unref()
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, WAIT_MAX_MS)
      const end = () => {
        clearTimeout(timer)
        resolve()
      }
      const leave = () => {
        early = undefined
        for (const event of ENDINGS) socket.off(event, drop)
        end()
      }
      const drop = () => {
        leave()
        socket.on('error', () => {})
        socket.destroy()
      }
      for (const event of ENDINGS) socket.on(event, drop)
      socket.once(isTls ? 'secureConnect' : 'connect', end)
      early = { socket, leave }
    })
  }

  return {
    agent,
    async ensureOne() {
      const isIdle = Object.values(agent.freeSockets).some((sockets = []) => sockets.length > 0)
      if (!isIdle && early === undefined) await openEarly()
    },
    close() {
      early?.socket.destroy()
      agent.destroy()
    },
  }
}

/** As the agent itself connects. */
function targetOf(url: URL): ClientRequestArgs & { servername: string } {
  const { hostname, port } = urlToHttpOptions(url)
  const host = String(hostname)
  return { host, port: port || (url.protocol === 'https:' ? 443 : 80), servername: isIP(host) === 0 ? host : '' }
}
