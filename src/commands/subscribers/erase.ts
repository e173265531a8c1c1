// Erases a subscriber at the operator's word, as the reader's own link does.
import { readConfig } from '../../config.ts'
import { openConfiguredWishes } from '../../context.ts'
import { eraseSubscriber } from '../../delivery/request/erasure.ts'
import { findSubscriberByAddress } from '../../subscriber/store.ts'
import { parseAddress, parseAll } from '../arguments.ts'
import { withStores } from '../session.ts'
import { openTerminal } from '../terminal.ts'

export async function eraseSubscriberCommand(text: string, options: { json?: boolean }): Promise<void> {
  const { address } = parseAll({ address: () => parseAddress(text), settings: () => readConfig('stores') })
  await withStores('stores', async (context) => {
    const { db } = context.stores
    const subscriber = await findSubscriberByAddress(db, address)
    if (!subscriber) throw new Error(`${address} is not known: there is nothing to erase`)
    const { note } = await openConfiguredWishes(context)
    await db.transaction().execute((trx) => eraseSubscriber(trx, subscriber.id, note))
  })
  openTerminal(options).print({ address, result: 'erased' }, [
    `Erased ${address}: it is neither written to nor imported again, and may come back by signing up.`,
  ])
}
