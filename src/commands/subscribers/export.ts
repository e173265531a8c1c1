// Writes every subscriber out as a table that importing reads back, a page at a time; or all that
// is kept of one.
import { once } from 'node:events'
import { stringify } from 'csv-stringify/sync'
import { readConfig } from '../../config.ts'
import { getOwnData } from '../../delivery/request/own-data.ts'
import { LIST_COLUMNS, listCells } from '../../subscriber/list/file.ts'
import { listListed } from '../../subscriber/list/importing.ts'
import { findSubscriberByAddress } from '../../subscriber/store.ts'
import { parseAddress, parseAll } from '../arguments.ts'
import { withStores } from '../session.ts'
import { openTerminal } from '../terminal.ts'

const PAGE = 2_000

export async function exportSubscribersCommand(email: string | undefined, options: { json?: boolean }): Promise<void> {
  await (email === undefined ? exportAll(options) : exportOne(email))
}

/** All that is kept of one reader, as their own link gives it. */
async function exportOne(email: string): Promise<void> {
  const { address } = parseAll({ address: () => parseAddress(email), settings: () => readConfig('stores') })
  const data = await withStores('stores', async ({ stores: { db } }) => {
    const subscriber = await findSubscriberByAddress(db, address)
    if (!subscriber) throw new Error(`${address} is not known: nothing is kept of it`)
    return getOwnData(db, subscriber.id)
  })
  openTerminal({ json: true }).print(data, [])
}

async function exportAll(options: { json?: boolean }): Promise<void> {
  await withStores('stores', async ({ stores: { db } }) => {
    await write(options.json ? '{"subscribers":[' : stringify([[...LIST_COLUMNS]]))
    let first = true
    for (let page = await listListed(db, 0, PAGE); page.length > 0; ) {
      const rows = page.map(({ id: _, ...subscriber }) => subscriber)
      const json = rows.map((row) => JSON.stringify(row)).join(',')
      await write(options.json ? `${first ? '' : ','}${json}` : stringify(rows.map(listCells)))
      first = false
      page = await listListed(db, page.at(-1)?.id ?? 0, PAGE)
    }
    if (options.json) await write(']}\n')
  })
}

/** Waits for whoever reads: a slow pipe must not fill our memory. */
async function write(text: string): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, 'drain')
}
