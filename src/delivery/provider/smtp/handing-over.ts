// One mail into the pool, and the one fact that decides about it afterwards: whether its last byte
// may have left. A mail of which anything was read is never offered a second time, whatever the
// pool has in mind.
import { Readable } from 'node:stream'
import type SMTPPool from 'nodemailer/lib/smtp-pool'

export interface Handover {
  from: string
  to: string
  messageId: string
  message: Buffer
  signal: AbortSignal
}

/**
 * What became of it. `wasRead`: the message was read to its end, so that the final dot may have
 * reached the server (RFC 1047).
 */
export interface HandedOver {
  error?: SmtpError
  wasRead: boolean
}

/**
 * What the library says of a failure; `response` and `responseCode` are the server's words where it
 * spoke.
 */
export interface SmtpError extends Error {
  code?: string
  originalCode?: string
  command?: string
  response?: string
  responseCode?: number
}

/** Small enough that a server that stops reading holds the end back. */
const CHUNK_BYTES = 16_384

/** Hands a message to the pool and waits for the end, good or bad. Never throws. */
export function handOver(pool: SMTPPool, mail: Handover): Promise<HandedOver> {
  let begun = false
  let wasRead = false
  const openMessage = (): Readable => {
    if (begun) return refuse()
    const stream = Readable.from(chunksOf(), { objectMode: false })
    // Before the library's own listener, which writes the final dot.
    stream.once('end', () => {
      wasRead = true
    })
    return stream
  }
  function* chunksOf(): Generator<Buffer> {
    begun = true
    for (let at = 0; at < mail.message.length; at += CHUNK_BYTES) yield mail.message.subarray(at, at + CHUNK_BYTES)
  }
  // What the pool asks of a composed mail, without composing it: the message is read only once the
  // server wants it.
  const composed = {
    data: { signal: mail.signal },
    message: {
      getEnvelope: () => ({ from: mail.from, to: [mail.to] }),
      messageId: () => mail.messageId,
      getHeader: () => mail.messageId,
      createReadStream: openMessage,
    },
  }
  return new Promise((resolve) => {
    pool.send(composed as unknown as Parameters<SMTPPool['send']>[0], (error) =>
      resolve(error ? { error: error as SmtpError, wasRead } : { wasRead }),
    )
  })
}

function refuse(): Readable {
  return new Readable({
    read() {
      this.destroy(new Error('a mail is never handed over twice'))
    },
  })
}
