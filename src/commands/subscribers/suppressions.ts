// Lifts a suppression by hand, on the operator's word that the address may be written to again.
import { pruneSuppression } from '../../subscriber/suppression.ts'
import { parseAddress } from '../arguments.ts'
import { withStores } from '../session.ts'
import { openTerminal } from '../terminal.ts'

export async function liftSuppressionCommand(email: string, options: { json?: boolean }): Promise<void> {
  const address = parseAddress(email)
  const lifted = await withStores('stores', ({ stores }) => pruneSuppression(stores.db, address))
  openTerminal(options).print({ address, lifted: lifted ?? null }, [
    lifted === undefined
      ? `${address} is not suppressed.`
      : `${address} may be written to again; it was suppressed (${lifted}). Its consent stays as it was.`,
  ])
}
