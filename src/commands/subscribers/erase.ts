// Erases a subscriber at the operator's word, as the reader's own link does.
import type { Kysely } from 'kysely'
import { readConfig } from '../../config.ts'
import { openConfiguredWishes } from '../../context.ts'
import type { Database } from '../../database/schema.ts'
import { eraseSubscriber } from '../../delivery/request/erasure.ts'
import { findSubscriberByAddress } from '../../subscriber/store.ts'
import { pruneSuppressionNote } from '../../subscriber/suppression.ts'
import { parseAddress, parseAll } from '../arguments.ts'
import { withStores } from '../session.ts'
import { openTerminal } from '../terminal.ts'

export async function eraseSubscriberCommand(text: string, options: { json?: boolean }): Promise<void> {
  const { address } = parseAll({ address: () => parseAddress(text), settings: () => readConfig('stores') })
  const { suppressed, words } = await withStores('stores', async (context) => {
    const { db } = context.stores
    const subscriber = await findSubscriberByAddress(db, address)
    if (!subscriber) return eraseNote(db, address)
    const { note } = await openConfiguredWishes(context)
    const suppressed = await db.transaction().execute((trx) => eraseSubscriber(trx, subscriber.id, { note }))
    return { suppressed: suppressed ?? 'erased', words: '' }
  })
  const after =
    suppressed === 'erased'
      ? 'it is neither written to nor imported again, and may come back by signing up'
      : `it stays suppressed (${suppressed}), so it is neither written to nor imported, and cannot sign up, until you lift that`
  openTerminal(options).print({ address, result: 'erased', suppressed }, [`Erased ${words}${address}: ${after}.`])
}

/** Of who is no subscriber, only what was said of the suppression is personal. */
async function eraseNote(db: Kysely<Database>, address: string): Promise<{ suppressed: string; words: string }> {
  const suppressed = await pruneSuppressionNote(db, address)
  if (suppressed === undefined) throw new Error(`${address} is not known: there is nothing to erase`)
  return { suppressed, words: 'the words kept about ' }
}
