// Makes a database in memory and packs it: the last step of `npm run build`.
import { PGlite } from '@electric-sql/pglite'
import { writePacked } from './packed.ts'

const database = new PGlite()
await database.waitReady
await writePacked(database)
await database.close()
