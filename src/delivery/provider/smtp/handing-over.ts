// One mail into the pool, and the one fact that decides about it afterwards: whether its end may
// have left. A mail of which anything has left is never offered a second time, whatever the pool
// has in mind.
import { type Duplex, Readable } from 'node:stream'
import type SMTPPool from 'nodemailer/lib/smtp-pool'
import { END_OF_DATA } from './wire.ts'

export interface Handover {
  from: string
  to: string
  messageId: string
  /** As it travels, without END_OF_DATA. */
  bytes: Buffer
  signal: AbortSignal
}

/** What became of it. `hasEnded`: its end may have reached the server (RFC 1047). */
export interface HandedOver {
  error?: SmtpError
  hasEnded: boolean
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

/** Hands a message to the pool and waits for the end, good or bad. Never throws. */
export function handOver(pool: SMTPPool, mail: Handover): Promise<HandedOver> {
  let hasEnded = false
  // What the library asks of a stream. It pipes it once the server wants the message, into one of
  // its own that goes through every byte, and this one into the connection.
  const message = {
    /** While it is false, the library may take another connection. */
    readableDidRead: false,
    // Past that reading, since all is as it travels: the library still waits for the connection and
    // lets go of it. A server that stops reading holds the end back.
    pipe(stream: Duplex) {
      message.readableDidRead = true
      stream.once('end', () => {
        hasEnded = true
      })
      for (const part of [mail.bytes, END_OF_DATA, null]) stream.push(part)
    },
  }
  // What the pool asks of a composed mail.
  const composed = {
    data: { signal: mail.signal },
    message: {
      getEnvelope: () => ({ from: mail.from, to: [mail.to] }),
      messageId: () => mail.messageId,
      getHeader: () => mail.messageId,
      createReadStream: () => (message.readableDidRead ? refuse() : message),
    },
  }
  return new Promise((resolve) => {
    pool.send(composed as unknown as Parameters<SMTPPool['send']>[0], (error) =>
      resolve(error ? { error: error as SmtpError, hasEnded } : { hasEnded }),
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
