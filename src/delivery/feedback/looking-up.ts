// Asks providers what became of mails whose answer never came. What they tell counts like a report
// of theirs: kept once, applied whatever else is known. It says only that a mail was accepted; that
// none is found proves nothing.
import { type Kysely, sql } from 'kysely'
import type { Database } from '../../database/schema.ts'
import { describeError } from '../../errors.ts'
import type { Provider } from '../provider/provider.ts'
import { isForGoodSql, isUnaccountedSql } from '../sending/transitions.ts'
import { markReported } from './feedback.ts'

export interface LookedUp {
  /** Deliveries that turned out to be submitted. */
  found: number
  /** Why a provider could not be asked, one line each. */
  failures: string[]
}

/** What one provider is asked. It is all there of what was attempted. */
interface Ask {
  provider: string | null
  since: Date | null
  recipients: string[] | null
  publicIds: string[] | null
}

/** Two clocks may differ by so much, in minutes. */
const CLOCKS_DIFFER_MINUTES = 5

/**
 * Asks for every delivery of an edition that is unknown for good, where its provider can be asked.
 */
export async function markLookedUp(
  db: Kysely<Database>,
  editionId: number,
  providers: readonly Provider[],
): Promise<LookedUp> {
  const { rows: asks } = await sql<Ask>`
    select b.provider, min(b.first_attempt_at) - make_interval(mins => ${CLOCKS_DIFFER_MINUTES}) as since,
      array_agg(d.address) as recipients, array_agg(d.public_id) as "publicIds"
    from batches b
    join deliveries d on d.edition_id = b.edition_id and d.subscriber_id = any(b.members) and ${isUnaccountedSql('d')}
    where b.edition_id = ${editionId} and ${isForGoodSql('b')} and d.address is not null
    group by 1`.execute(db)
  const lookedUp: LookedUp = { found: 0, failures: [] }
  for (const { provider: name, since, recipients, publicIds } of asks) {
    const provider = providers.find((each) => each.name === name)
    if (!provider?.findAccepted || !since || !recipients || !publicIds) continue
    const missing = new Set(publicIds)
    const mails = await provider.findAccepted({ since, recipients: new Set(recipients) }).catch((error: unknown) => {
      lookedUp.failures.push(`${name}: ${describeError(error)}`)
      return []
    })
    for (const { publicId, providerId, at } of mails) {
      if (!missing.delete(publicId)) continue
      const id = `look-up ${providerId}`
      await markReported(db, { id, type: 'sent', delivery: publicId, notice: null, providerId, address: null, at })
      lookedUp.found += 1
    }
  }
  return lookedUp
}
