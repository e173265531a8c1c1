// Posts prebuilt bytes over kept connections, and hands back what the official client would hand
// back of the same answer. It repeats nothing and follows no redirect: the next place could be
// anybody's.
import { type IncomingMessage, type RequestOptions, request as requestHttp, validateHeaderValue } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { urlToHttpOptions } from 'node:url'
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib'
import { describeError } from '../../../errors.ts'
import type { ResendAnswer } from './answer.ts'
import { openConnections } from './connections.ts'
import type { Wait } from './wait.ts'

export interface Posting {
  /**
   * Posts `bytes` and waits for the whole answer, at most until `wait` is over. Never throws.
   * `leaves` hears when a connection is there for the first of them. `hasLeft`: nobody reads the
   * bytes any more.
   */
  post(
    path: string,
    bytes: Buffer,
    headers: Record<string, string>,
    wait: Pick<Wait, 'isOver' | 'whenOver'>,
    leaves?: () => void,
  ): Promise<ResendAnswer & { hasLeft: boolean }>
  /** Has a connection ready for the next `post`, where that can be. Never rejects. */
  connect(): Promise<void>
  close(): void
}

/** The official client's, whose requests these are to the byte; held to it by a test. */
export const USER_AGENT = 'resend-node:6.38.0'
/** An answer to 100 mails takes a few kilobytes. */
const ANSWER_MAX = 4_000_000

/**
 * Opens connections to an API. Nothing is connected before the first `post` or `connect`. Throws on
 * a key that no header can carry.
 */
export function openPosting({ baseUrl, apiKey }: { baseUrl: string; apiKey: string }): Posting {
  const connections = openConnections(new URL(baseUrl))
  const { agent } = connections
  const open = new URL(baseUrl).protocol === 'https:' ? requestHttps : requestHttp
  const own = { authorization: `Bearer ${apiKey}`, 'user-agent': USER_AGENT, 'content-type': 'application/json' }
  validateHeaderValue('authorization', own.authorization)

  /** Where each path leads, read once. */
  const targets = new Map<string, RequestOptions>()
  function targetOf(path: string): RequestOptions {
    const known = targets.get(path)
    if (known) return known
    const target = { ...urlToHttpOptions(new URL(`${baseUrl}${path}`)), method: 'POST', agent }
    targets.set(path, target)
    return target
  }

  // By events rather than a promise and an iterator for each step: a batch is answered in one
  // chunk, and this runs with every batch.
  function post(
    path: string,
    bytes: Buffer,
    headers: Record<string, string>,
    wait: Pick<Wait, 'isOver' | 'whenOver'>,
    leaves = () => {},
  ): ReturnType<Posting['post']> {
    if (wait.isOver()) return Promise.resolve({ ...NO_ANSWER, hasLeft: false })
    const length = String(bytes.length)
    const request = open({
      ...targetOf(path),
      headers: { ...own, accept: '*/*', 'accept-encoding': 'identity', 'content-length': length, ...headers },
    })
    return new Promise((resolve) => {
      const end = ({ data, error, headers }: ResendAnswer) => {
        const hasLeft = request.writableFinished
        if (!hasLeft) request.destroy()
        resolve({ data, error, headers, hasLeft })
      }
      request.on('socket', (socket) => onceOpen(socket, leaves))
      let isAnswered = false
      request.on('response', (response) => {
        isAnswered = true
        readResponse(response, wait, end)
      })
      // Also after the answer: a server may close while it is still being written to. As the client
      // has it, one answer stands for everything that is none.
      const fail = () => {
        if (!isAnswered) end(NO_ANSWER)
      }
      request.on('error', fail)
      request.on('close', fail)
      wait.whenOver(() => request.destroy())
      request.end(bytes)
    })
  }

  return { post, connect: connections.ensureOne, close: connections.close }
}

/**
 * A connection that is being made sends nothing until it is there. One by TLS, made before its
 * request, may be connected and in the middle of its handshake: it has agreed on no protocol yet.
 */
function onceOpen(socket: Socket, act: () => void): void {
  if (socket instanceof TLSSocket && socket.alpnProtocol === null) socket.once('secureConnect', act)
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

/** Reads the whole answer, or as much as comes of it, and hears once what it means. */
function readResponse(
  response: IncomingMessage,
  wait: Pick<Wait, 'isOver'>,
  end: (answer: ResendAnswer) => void,
): void {
  const chunks: Buffer[] = []
  let length = 0
  let failure: unknown
  response.on('data', (chunk: Buffer) => {
    length += chunk.length
    chunks.push(chunk)
    if (length > ANSWER_MAX) response.destroy(new Error('the answer is far too long'))
  })
  response.on('error', (error) => {
    failure = error
  })
  // Behind its end or its failure, whichever it was.
  response.on('close', () => {
    const headers: Record<string, string> = {}
    for (const [name, value] of Object.entries(response.headers)) headers[name] = String(value)
    let text: string | undefined
    try {
      if (response.complete && failure === undefined) text = decoder.decode(plainOf(Buffer.concat(chunks), headers))
    } catch (error) {
      failure = error
    }
    end(answerOf(response.statusCode ?? 0, headers, text, wait.isOver() ? undefined : describeError(failure)))
  })
}

const decoder = new TextDecoder()

const EXPANDING = { gzip: gunzipSync, 'x-gzip': gunzipSync, deflate: inflateSync, br: brotliDecompressSync }

/** Nobody asked for anything compressed; a gateway may do it. Throws on what is broken. */
function plainOf(bytes: Buffer, headers: Record<string, string>): Buffer {
  const encoding = headers['content-encoding']?.toLowerCase() ?? ''
  return Object.hasOwn(EXPANDING, encoding)
    ? EXPANDING[encoding as keyof typeof EXPANDING](bytes, { maxOutputLength: ANSWER_MAX })
    : bytes
}

/**
 * `text`: undefined where it was cut; `failure` says why, undefined where nobody waits any more.
 */
function answerOf(
  status: number,
  headers: Record<string, string>,
  text: string | undefined,
  failure: string | undefined,
): ResendAnswer {
  const isAccepted = status >= 200 && status < 300
  if (text === undefined) {
    // Somebody answered, whatever became of the words: the status stands.
    return isAccepted || failure === undefined ? NO_ANSWER : { data: null, error: unreadable(status, failure), headers }
  }
  try {
    const said: unknown = JSON.parse(text)
    return isAccepted ? { data: said, error: null, headers } : { data: null, error: said, headers }
  } catch {
    return isAccepted ? NO_ANSWER : { data: null, error: unreadable(status, UNREADABLE), headers }
  }
}

function unreadable(statusCode: number, message: string) {
  return { name: 'application_error', statusCode, message }
}
