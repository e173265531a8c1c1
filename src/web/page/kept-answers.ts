// Answers that are the same for everybody, made once a change and then served from memory:
// compressed already, with the headers that they had. Whether something changed is asked at most
// once a second. While that cannot be asked, nothing is kept. One request at a time makes an
// answer, and whoever asks meanwhile gets what comes of it, a failure too: all of them at once
// would keep a database that was late for one from being in time for anybody.
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import type { Context, MiddlewareHandler, Next } from 'hono'
import { headerOf, isKnown, WHOLE } from './caching.ts'

/** What an answer is kept for. */
export interface KeepOptions {
  /** Returns another text once anything that an answer tells may have changed. */
  readVersion: () => Promise<string>
  /** In milliseconds, never going back. */
  now?: () => number
}

interface Answer {
  status: number
  bodies: Record<Encoding, Uint8Array<ArrayBuffer>>
  headers: Record<string, string>
  bytes: number
}

interface Kept extends Answer {
  version: string
  keptAt: number
}

interface Making {
  /** Undefined while changes cannot be seen. */
  version: string | undefined
  answer: Promise<Answer>
}

type Encoding = 'br' | 'gzip' | 'identity'

/** What is not in the version (an old date collected anew) and what passes are as old at most. */
const KEEP_MS = 60_000
/** While it is made anew, or making it fails, one that no change is known of may be so old. */
const SPARE_MS = 5 * KEEP_MS
const ASK_EVERY_MS = 1_000
/** A thousand editions fit; what was not asked for the longest goes first. */
const MOST_BYTES = 64 * 1024 * 1024
/** Below it there is nothing to win. */
const LEAST_COMPRESSED = 512
/** Nearly as small as the best, in a tenth of the time. */
const BROTLI_QUALITY = 6

const shrinkGzip = promisify(gzip)
const shrinkBrotli = promisify(brotliCompress)

/**
 * Serves what `isShared` says of an address (path and query) from memory. Whatever else comes goes
 * on as if nothing were kept, and only what is answered with 200 is kept.
 */
export function keepAnswers(
  isShared: (address: string) => boolean,
  { readVersion, now = () => performance.now() }: KeepOptions,
): MiddlewareHandler {
  const kept = new Map<string, Kept>()
  const making = new Map<string, Making>()
  const findVersion = askSeldom(readVersion, now)
  let bytes = 0

  function forget(address: string): void {
    bytes -= kept.get(address)?.bytes ?? 0
    kept.delete(address)
  }

  /** The one kept last stands last. */
  function keep(address: string, answer: Kept): void {
    forget(address)
    kept.set(address, answer)
    bytes += answer.bytes
    for (const oldest of kept.keys()) {
      if (bytes <= MOST_BYTES) return
      forget(oldest)
    }
  }

  /** Lets this request make the answer, and keeps it if it is one to keep. */
  async function make(c: Context, next: Next, address: string, version: string | undefined): Promise<Answer> {
    try {
      c.set(WHOLE, true)
      await next()
      const answer = await answerOf(c.res)
      if (answer.status === 200 && version !== undefined) keep(address, { ...answer, version, keptAt: now() })
      return answer
    } finally {
      making.delete(address)
    }
  }

  async function serve(c: Context, next: Next, address: string): Promise<Response> {
    const version = await findVersion()
    const found = kept.get(address)
    const isYoung = (ms: number) => found !== undefined && found.version === version && now() - found.keptAt < ms
    const spare = isYoung(SPARE_MS) ? found : undefined
    const other = making.get(address)
    if (spare && (other || isYoung(KEEP_MS))) return answerFrom(c, spare)
    if (other) {
      const answer = await other.answer
      // Another version: once more from the start, where one of those who waited makes it.
      return other.version === version ? answerFrom(c, answer) : serve(c, next, address)
    }
    const made = make(c, next, address, version)
    making.set(address, { version, answer: made })
    const answer = await made
    // What is put in its place would take over its headers.
    c.res = undefined
    c.res = answerFrom(c, answer.status >= 500 && spare ? spare : answer)
    return c.res
  }

  return (c, next) => {
    const address = addressOf(c)
    const isKept = (c.req.method === 'GET' || c.req.method === 'HEAD') && isShared(address)
    return isKept ? serve(c, next, address) : next()
  }
}

/** Returns what asks once a second at most, however many wait for it; undefined where it fails. */
function askSeldom(ask: () => Promise<string>, now: () => number): () => Promise<string | undefined> {
  let answer: Promise<string | undefined> | undefined
  let askedAt = 0
  return () => {
    if (answer === undefined || now() - askedAt >= ASK_EVERY_MS) {
      askedAt = now()
      answer = ask().catch(() => undefined)
    }
    return answer
  }
}

async function answerOf(made: Response): Promise<Answer> {
  const identity = new Uint8Array(await made.arrayBuffer())
  const isWorth = identity.byteLength >= LEAST_COMPRESSED
  const [gzipped, brotlied] = isWorth
    ? await Promise.all([
        shrinkGzip(identity),
        shrinkBrotli(identity, { params: { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY } }),
      ])
    : [identity, identity]
  const bodies = { identity, gzip: new Uint8Array(gzipped), br: new Uint8Array(brotlied) }
  const headers = { ...Object.fromEntries(made.headers), ...(isWorth && { vary: 'Accept-Encoding' }) }
  const bytes = Object.values(bodies).reduce((sum, body) => sum + body.byteLength, 0)
  return { status: made.status, bodies, headers, bytes }
}

function answerFrom(c: Context, { status, bodies, headers }: Answer): Response {
  if (status === 200 && isKnown(c, headers.etag, headers['last-modified'])) {
    const { 'content-type': _, ...rest } = headers
    return new Response(null, { status: 304, headers: rest })
  }
  const encoding = headers.vary === undefined ? 'identity' : encodingOf(headerOf(c, 'accept-encoding') ?? '')
  const own = encoding === 'identity' ? headers : { ...headers, 'content-encoding': encoding }
  return new Response(bodies[encoding], { status, headers: own })
}

/** The path that routes see, with the query as it was sent. */
function addressOf({ req: { path, url } }: Context): string {
  const end = url.search(/[?#]/)
  return end < 0 ? path : path + url.slice(end)
}

/** The smallest that the asker takes. */
function encodingOf(accepted: string): Encoding {
  const takes = (name: string) =>
    accepted.split(',').some((each) => {
      const [coding = '', ...parameters] = each.toLowerCase().split(';')
      return coding.trim() === name && !parameters.some((parameter) => /^\s*q=0(\.0*)?\s*$/.test(parameter))
    })
  if (takes('br')) return 'br'
  return takes('gzip') ? 'gzip' : 'identity'
}
