// Builds that are broken on purpose, each by the one mistake that the field knows. A harness that
// lets one of them pass proves nothing. Every break is a rewritten statement or a wrapped provider;
// the rest of the build is the real one.
import { randomUUID } from 'node:crypto'
import { type Kysely, sql } from 'kysely'
import type { Database } from '../../src/database/schema.ts'
import type { Provider } from '../../src/delivery/provider/provider.ts'

interface Break {
  rewrite?: (text: string) => string
  provider?: (provider: Provider, db: Kysely<Database>) => Provider
}

export const BREAKS = {
  /** A new key for every attempt: what was accepted without an answer is accepted again. */
  'random-key': {
    provider: (provider) => ({
      ...provider,
      send: (request) => provider.send({ ...request, idempotencyKey: randomUUID() }),
    }),
  },
  /**
   * The ledger says submitted before the request, and is believed: whoever dies in between loses
   * the batch.
   */
  'ledger-first': {
    provider: (provider, db) => ({
      ...provider,
      async send(request) {
        const ids = request.mails.map((mail) => mail.publicId)
        await db.transaction().execute(async (trx) => {
          await sql`update batches set state = 'settled' where id in (select batch_id from deliveries where public_id = any(${ids}::uuid[]))`.execute(
            trx,
          )
          await sql`update deliveries set state = 'submitted' where public_id = any(${ids}::uuid[])`.execute(trx)
        })
        const outcome = await provider.send(request)
        if (outcome.kind === 'answered') {
          const given = outcome.outcomes.map((mail) => (mail.state === 'submitted' ? mail.providerId : null))
          await sql`update deliveries d set provider_id = g.id from unnest(${ids}::uuid[], ${given}::text[]) g(public_id, id)
            where d.public_id = g.public_id`.execute(db)
        }
        return outcome
      },
    }),
  },
  /** A batch counts as done once it is fetched: nobody ever looks at it again. */
  'checkpoint-at-fetch': {
    rewrite: (text) =>
      /\blease_epoch\s*=\s*(\w+\.)?lease_epoch\s*\+\s*1/.test(text)
        ? text.replace(
            /clock_timestamp\(\) \+ make_interval\(secs => (\$\d+)\)/,
            (_, lease) => `case when ${lease}::float8 > 0 then 'infinity'::timestamptz end`,
          )
        : text,
  },
  /**
   * No write asks whether the lease is still its own: a worker that slept through it goes on where
   * it was.
   */
  'no-fence': {
    rewrite: (text) => text.replace(/((?:\w+\.)?"?lease_epoch"?) = (\$\d+)/g, '($1 = $2 or true)'),
  },
} as const satisfies Record<string, Break>

export type BreakName = keyof typeof BREAKS

/** Returns how a build is broken; not at all without a name. */
export function breakOf(name: BreakName | null): Required<Break> {
  const chosen: Break = name === null ? {} : BREAKS[name]
  return { rewrite: chosen.rewrite ?? ((text) => text), provider: chosen.provider ?? ((provider) => provider) }
}
