// How many connections of a pool its mail server takes at a time, learned from those that it
// refuses. A mail whose connection was refused waits for one that was not: nothing of it has left.
import type SMTPPool from 'nodemailer/lib/smtp-pool'
import { isOneTooMany } from './answer.ts'
import { type HandedOver, type Handover, handOver } from './handing-over.ts'

/** After so long all of them are tried again: another worker may have left. */
const FEWER_MS = 60_000

/**
 * Returns what hands mails over by `most` connections at a time, and by fewer while the server
 * takes no more. Where it takes none, that is what became of the mail.
 */
export function openConnections(pool: SMTPPool, most: number): (mail: Handover) => Promise<HandedOver> {
  let underWay = 0
  let refusedAt = Number.NEGATIVE_INFINITY

  async function handOverOnce(mail: Handover): Promise<HandedOver> {
    if (performance.now() - refusedAt > FEWER_MS) pool.options.maxConnections = most
    const handed = await handOver(pool, mail)
    const isLast = underWay === 1 || pool.options.maxConnections === 1
    if (!handed.error || !isOneTooMany(handed.error) || isLast) return handed
    pool.options.maxConnections -= 1
    refusedAt = performance.now()
    return handOverOnce(mail)
  }

  return async (mail) => {
    underWay += 1
    try {
      return await handOverOnce(mail)
    } finally {
      underWay -= 1
    }
  }
}
