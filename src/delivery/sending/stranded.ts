// After MAIL_PROVIDER has changed: what was attempted through a provider that is not here may only
// be repeated there, as long as it knows the key. Says how much that is, and until when.
import { type Kysely, sql } from 'kysely'
import type { Database } from '../../database/schema.ts'
import { counted } from '../../digest/text/words.ts'
import type { Logger } from '../../logger.ts'
import type { Provider } from '../provider/provider.ts'
import { leftToOthersMs } from '../provider/replay.ts'
import { isForGoodSql, isUnsettledSql } from './transitions.ts'

export interface Stranded {
  provider: string
  emails: number
  /** Afterwards they stay unknown. */
  until: Date
}

/** What such emails need, for whoever is told of them. */
export const STRANDED_REMEDY =
  'name it behind the others in MAIL_PROVIDER, with its key, until then; afterwards they stay unknown'

/** Says how many emails only another provider can repeat. */
export function sayStranded({ provider, emails, until }: Stranded): string {
  const minute = until.toISOString().slice(0, 16).replace('T', ' ')
  return `whether ${provider} took ${counted(emails, 'email')} is not known, and MAIL_PROVIDER does not name it: only there can they be repeated, until ${minute} UTC`
}

/** Lists, by provider, what may still be repeated through none of `providers`. */
export async function listStranded(db: Kysely<Database>, providers: readonly string[]): Promise<Stranded[]> {
  const { rows } = await sql<{ provider: string | null; emails: number | null; lastAt: Date | null; now: Date }>`
    select a.provider, sum(a.emails) as emails, max(a.at) as "lastAt", round_clock() as now
    from (
      select b.provider, b.first_attempt_at as at, cardinality(b.members) as emails from batches b
      where ${isUnsettledSql('b')} and not ${isForGoodSql('b')}
      union all
      select n.provider, n.first_attempt_at, 1 from notices n where ${isUnsettledSql('n')} and not ${isForGoodSql('n')}
    ) a
    where a.at is not null and not a.provider = any(${[...providers]}::text[])
    group by a.provider order by a.provider`.execute(db)
  return rows.flatMap(({ provider, emails, lastAt, now }) => {
    if (provider === null || emails === null || lastAt === null) return []
    const until = new Date(lastAt.getTime() + leftToOthersMs(provider))
    return until > now ? [{ provider, emails, until }] : []
  })
}

/** Warns whoever is about to send without a provider that is still needed. */
export async function tellStranded({
  db,
  providers,
  logger,
}: {
  db: Kysely<Database>
  providers: readonly Pick<Provider, 'name'>[]
  logger: Logger
}): Promise<void> {
  const names = providers.map(({ name }) => name)
  for (const stranded of await listStranded(db, names)) {
    logger.warn({ event: 'provider.missing', ...stranded }, `${sayStranded(stranded)}: ${STRANDED_REMEDY}`)
  }
}
