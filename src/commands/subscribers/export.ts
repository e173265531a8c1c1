// Writes every subscriber out as a table that importing reads back, a page at a time.
import { once } from 'node:events'
import { stringify } from 'csv-stringify/sync'
import { LIST_COLUMNS, listCells } from '../../subscriber/list/file.ts'
import { listListed } from '../../subscriber/list/importing.ts'
import { withStores } from '../session.ts'

const PAGE = 2_000

export async function exportSubscribersCommand(options: { json?: boolean }): Promise<void> {
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
