// Posts prebuilt bytes over kept connections, and hands back what the official client would hand
// back of the same answer. It repeats nothing and follows no redirect: the next place could be
// anybody's.
import { Agent as HttpAgent, type IncomingMessage, request as requestHttp, validateHeaderValue } from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { describeError } from '../../../errors.ts'
import type { ResendAnswer } from './answer.ts'

export interface Posting {
  /**
   * Posts `bytes` and waits for the whole answer. Never throws. `leaves` hears when a connection is
   * there for the first of them. `hasLeft`: nobody reads the bytes any more.
   */
  post(
    path: string,
    bytes: Buffer,
    headers: Record<string, string>,
    signal: AbortSignal,
    leaves?: () => void,
  ): Promise<ResendAnswer & { hasLeft: boolean }>
  close(): void
}

/** The official client's, whose requests these are to the byte; held to it by a test. */
export const USER_AGENT = 'resend-node:6.38.0'
/** Shorter than servers keep an idle connection, so that none closes under a request. */
const IDLE_MS = 4_000
/** An answer to 100 mails takes a few kilobytes. */
const ANSWER_MAX = 4_000_000

/**
 * Opens connections to an API. Nothing is connected before the first `post`. Throws on a key that
 * no header can carry.
 */
export function openPosting({ baseUrl, apiKey }: { baseUrl: string; apiKey: string }): Posting {
  const isTls = new URL(baseUrl).protocol === 'https:'
  const options = { keepAlive: true, timeout: IDLE_MS }
  const agent = isTls ? new HttpsAgent(options) : new HttpAgent(options)
  const open = isTls ? requestHttps : requestHttp
  const own = { authorization: `Bearer ${apiKey}`, 'user-agent': USER_AGENT, 'content-type': 'application/json' }
  validateHeaderValue('authorization', own.authorization)

  async function post(
    path: string,
    bytes: Buffer,
    headers: Record<string, string>,
    signal: AbortSignal,
    leaves = () => {},
  ) {
    const length = String(bytes.length)
    const request = open(`${baseUrl}${path}`, {
      method: 'POST',
      agent,
      signal,
      headers: { ...own, accept: '*/*', 'accept-encoding': 'identity', 'content-length': length, ...headers },
    })
    let answer: ResendAnswer = NO_ANSWER
    try {
      const response = await new Promise<IncomingMessage>((resolve, reject) => {
        request.on('socket', (socket) => onceOpen(socket, leaves))
        request.on('response', resolve)
        // Also after the answer: a server may close while it is still being written to.
        request.on('error', reject)
        request.on('close', () => reject(new Error('closed without an answer')))
        request.end(bytes)
      })
      answer = await readResponse(response, signal)
    } catch {
      // As the client has it: one answer for everything that is none.
    }
    const hasLeft = request.writableFinished
    if (!hasLeft) request.destroy()
    return { ...answer, hasLeft }
  }

  return { post, close: () => agent.destroy() }
}

/** A connection that is being made sends nothing until it is there. */
function onceOpen(socket: Socket, act: () => void): void {
  if (socket instanceof TLSSocket && socket.connecting) socket.once('secureConnect', act)
  else if (socket.connecting) socket.once('connect', act)
  else act()
}

/** In the client's words. */
const UNREADABLE = 'Internal server error. We are unable to process your request right now, please try again later.'
const NO_ANSWER: ResendAnswer = {
  data: null,
  error: { name: 'application_error', statusCode: null, message: 'Unable to fetch data.' },
  headers: null,
}

async function readResponse(response: IncomingMessage, signal: AbortSignal): Promise<ResendAnswer> {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(response.headers)) headers[name] = String(value)
  const status = response.statusCode ?? 0
  if (status >= 200 && status < 300) return { data: JSON.parse(await readText(response)), error: null, headers }
  let text: string
  try {
    text = await readText(response)
  } catch (error) {
    if (signal.aborted) return NO_ANSWER
    // Somebody answered, whatever became of the words: the status stands.
    return { data: null, error: unreadable(status, describeError(error)), headers }
  }
  try {
    return { data: null, error: JSON.parse(text), headers }
  } catch {
    return { data: null, error: unreadable(status, UNREADABLE), headers }
  }
}

function unreadable(statusCode: number, message: string) {
  return { name: 'application_error', statusCode, message }
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > ANSWER_MAX) throw new Error('the answer is far too long')
    chunks.push(chunk)
  }
  return new TextDecoder().decode(Buffer.concat(chunks))
}
