// A token in a request. It is compared in constant time, by hash, so that neither its length nor a
// part of it leaks.
import { createHash, timingSafeEqual } from 'node:crypto'
import type { MiddlewareHandler } from 'hono'

/**
 * Lets a request through that carries `Authorization: Bearer TOKEN` with one of the tokens; any
 * other is answered 401.
 */
export function demandBearer(tokens: readonly string[]): MiddlewareHandler {
  const expected = tokens.map(hash)
  return async (c, next) => {
    const given = /^Bearer +(\S+) *$/i.exec(c.req.header('authorization') ?? '')?.[1]
    if (given !== undefined && expected.some((each) => timingSafeEqual(hash(given), each))) return next()
    c.header('WWW-Authenticate', 'Bearer')
    return c.text('a token is needed\n', 401)
  }
}

function hash(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
