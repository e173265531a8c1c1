// Takes what the provider reports. Only a verified report reaches the database; a bad one is
// answered by a plain line and never by a fault of ours. A fault of ours is a 500 or 503, so that
// the provider comes again.
import type { Context, MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { Kysely } from 'kysely'
import type { Database } from '../../database/schema.ts'
import { markReported } from '../../delivery/feedback/feedback.ts'
import type { WebhookReader } from '../../delivery/provider/resend/webhook.ts'
import type { Logger } from '../../logger.ts'
import type { NoteWish } from '../../subscriber/journal/wish.ts'

export const WEBHOOK_PATH = '/webhooks/resend'

/** A report has 1 to 2 kB; a bounce may quote the other server at length. */
const REPORT_MAX_BYTES = 128 * 1024

/** Refuses a body above the limit of reports, whether its length is declared or not. */
export const limitReport: MiddlewareHandler = bodyLimit({
  maxSize: REPORT_MAX_BYTES,
  onError: (c) => c.text('too large for a report\n', 413),
})

/**
 * Answers 200 for whatever is signed, also when it is known or names nothing of ours: a repeat
 * would change nothing.
 */
export function takeReport(parts: {
  db: Kysely<Database>
  read: WebhookReader
  logger: Logger
  /** Hears of whom a report bars. */
  note: NoteWish
}) {
  const { db, read, logger, note } = parts
  return async (c: Context): Promise<Response> => {
    // The bytes as they came, byte order mark included: they are what was signed.
    const payload = Buffer.from(await c.req.arrayBuffer()).toString('utf8')
    const reading = read(payload, {
      id: c.req.header('svix-id'),
      timestamp: c.req.header('svix-timestamp'),
      signature: c.req.header('svix-signature'),
    })
    if (reading.kind !== 'report') {
      logger.warn({ event: 'webhook.refused', kind: reading.kind, reason: reading.reason }, 'a report was refused')
      return c.text(`${reading.reason}\n`, reading.kind === 'forged' ? 401 : 400)
    }
    const { result, editionId, braked } = await markReported(db, reading.report, note)
    logger.debug({ event: 'webhook.taken', type: reading.report.type, result }, 'a report was taken')
    if (braked !== null) {
      logger.error({ event: 'edition.stopped', editionId, reason: braked }, 'an edition was stopped by the brake')
    }
    return c.text(`${result}\n`)
  }
}
