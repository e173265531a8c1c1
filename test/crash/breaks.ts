// Builds that are broken on purpose, each by the one mistake that the field knows. A harness that
// lets one of them pass proves nothing. Every break is a rewritten statement or a wrapped provider;
// the rest of the build is the real one.
import { randomUUID } from 'node:crypto'
import { type Kysely, sql } from 'kysely'
import type { Database } from '../../src/database/schema.ts'
import type { Provider } from '../../src/delivery/provider/provider.ts'
import { setIdSql } from '../../src/delivery/sending/provider-id.ts'

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
          await sql`update deliveries d set ${setIdSql(sql`g.id`)} from unnest(${ids}::uuid[], ${given}::text[]) g(public_id, id)
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
            /round_clock\(\) \+ make_interval\(secs => (\$\d+)\)/,
            (_, lease) => `case when ${lease}::float8 > 0 then 'infinity'::timestamptz end`,
          )
        : text,
  },
  /**
   * No write asks whether the lease is still its own: a worker that slept through it goes on where
   * it was.
   */
  'no-fence': {
    rewrite: (text) => text.replace(/((?:"?\w+"?\.)?"?lease_epoch"?) = (\$\d+)/g, '($1 = $2 or true)'),
  },
  /**
   * A transition out of order: a claim plans what was attempted once more, which only the operator
   * may. With other bytes comes another key.
   */
  'planned-again': {
    rewrite: (text) => {
      const claim =
        /with taken as \(\s*update "batches" u set lease_epoch = u\.lease_epoch \+ 1[\s\S]*? where "u"\."id" = (\$\d+)/
      const id = claim.exec(text)?.[1]
      if (id === undefined) return text
      // Its members are read in the same statement, as they were before it.
      const isAttempted = `exists (select from batches b where b.id = ${id} and b.state in ('attempting', 'unknown'))`
      const again = `again as (
        update deliveries d set issued_at = date_trunc('second', round_now()) from batches b
        where b.id = ${id} and b.state in ('attempting', 'unknown') and d.edition_id = b.edition_id and d.batch_id = b.id
      )`
      const forgotten = `state = case when state = 'deferred' then state else 'planned' end, recipe_sha256 = null,
        join_version = null, idempotency_key = null, provider = null, first_attempt_at = null`
      const issued = 'extract(epoch from d.issued_at)'
      return [
        ['with taken as (', `with ${again}, taken as (`],
        ['set lease_epoch', `set ${forgotten}, lease_epoch`],
        [
          issued,
          `extract(epoch from case when ${isAttempted} then date_trunc('second', round_now()) else d.issued_at end)`,
        ],
      ].reduce((broken, [part = '', other = '']) => {
        // Broken by half it would be as good as whole, and be let pass.
        if (!broken.includes(part)) throw new Error(`the claim says "${part}" no more: break it where it does now`)
        return broken.replace(part, other)
      }, text)
    },
  },
} as const satisfies Record<string, Break>

export type BreakName = keyof typeof BREAKS

/**
 * Returns how a build is broken; not at all without a name. `onBroken` is told of each statement or
 * request that really became another one: a break that finds nothing to break proves nothing.
 */
export function breakOf(name: BreakName | null, onBroken: () => void): Required<Break> {
  const chosen: Break = name === null ? {} : BREAKS[name]
  return {
    rewrite(text) {
      const rewritten = chosen.rewrite?.(text) ?? text
      if (rewritten !== text) onBroken()
      return rewritten
    },
    provider(provider, db) {
      const broken = chosen.provider?.(provider, db)
      if (!broken) return provider
      return {
        ...broken,
        send(request) {
          onBroken()
          return broken.send(request)
        },
      }
    },
  }
}
