// Opens the embedded database of the folder of its first argument, tells its parent how, and keeps
// it until it is told `close`. Told `transaction`, it begins one, adds a note and leaves it at
// that.
import pg from 'pg'
import { openEmbedded } from '../../../src/database/embedded/embedded.ts'
import { openLogger } from '../../../src/logger.ts'

const embedded = await openEmbedded(process.argv[2] as string, { logger: openLogger('silent') })
process.on('message', async (order) => {
  if (order === 'transaction') {
    const client = new pg.Client(embedded.url)
    await client.connect()
    await client.query(`begin; insert into notes values (1000)`)
    process.send?.({ began: true })
  } else {
    await embedded.close()
    process.exit()
  }
})
process.on('SIGINT', () => {})
process.send?.({ url: embedded.url, owned: embedded.owned })
