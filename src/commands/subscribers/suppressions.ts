// Suppresses an address by hand, and lifts a suppression, on the operator's word that it may be
// written to again.
import { readConfig } from '../../config.ts'
import { openConfiguredWishes } from '../../context.ts'
import { getNow } from '../../database/clock.ts'
import { getAddressKey } from '../../subscriber/store.ts'
import { hashAddress } from '../../subscriber/subscriber.ts'
import { ensureSuppression, pruneSuppression, type SuppressionReason } from '../../subscriber/suppression.ts'
import { parseAddress, parseAll, parseNote } from '../arguments.ts'
import { withStores } from '../session.ts'
import { openTerminal } from '../terminal.ts'

/** Reasons that a list of another program may give; any other words are a note of the operator. */
const KNOWN_REASONS = ['bounce', 'complaint', 'provider'] as const satisfies readonly SuppressionReason[]

export async function suppressCommand(email: string, options: { reason?: string; json?: boolean }): Promise<void> {
  const { address, words } = parseAll({
    address: () => parseAddress(email),
    words: () => parseNote('--reason', options.reason),
    settings: () => readConfig('stores'),
  })
  const reason = KNOWN_REASONS.find((name) => name === words) ?? 'operator'
  const note = reason === 'operator' ? words : null
  await withStores('stores', async (context) => {
    const { db } = context.stores
    const hash = hashAddress(await getAddressKey(db), address)
    const wishes = await openConfiguredWishes(context)
    await wishes.note({ kind: 'suppressed', addressHash: hash, reason })
    await ensureSuppression(db, hash, reason, await getNow(db), note)
  })
  openTerminal(options).print({ address, reason, note }, [
    `${address} is suppressed (${reason}${note === null ? '' : `: ${note}`}): nothing is written to it until you lift that.`,
  ])
}

export async function liftSuppressionCommand(email: string, options: { json?: boolean }): Promise<void> {
  const address = parseAddress(email)
  const lifted = await withStores('stores', async (context) => {
    const { db } = context.stores
    const wishes = await openConfiguredWishes(context)
    const at = await getNow(db)
    const lifted = await pruneSuppression(db, address, at)
    if (lifted) await wishes.note({ kind: 'lifted', addressHash: hashAddress(await getAddressKey(db), address), at })
    return lifted
  })
  openTerminal(options).print({ address, lifted: lifted ?? null }, [
    lifted === undefined
      ? `${address} is not suppressed.`
      : `${address} may be written to again; it was suppressed (${lifted}). Its consent stays as it was.`,
  ])
}
