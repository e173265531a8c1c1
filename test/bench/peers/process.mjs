// Sends as many emails as asked in one of the ways that people write today, each as the page that
// it names shows. `node process.mjs WAY SETTINGS`, where SETTINGS is JSON (see sending.ts).
import { readFileSync } from 'node:fs'
import { BATCH } from './readers.mjs'

const [way, settings] = process.argv.slice(2)
const given = JSON.parse(settings)
const { open } = await import(`./${way}.mjs`)
const { send, close } = await open({
  ...given,
  body: readFileSync(given.bodyFile),
  papers: JSON.parse(readFileSync(given.papersFile, 'utf8')),
})
const batches = given.emails / BATCH
let next = 0
// Four requests at a time, as ours.
await Promise.all(
  Array.from({ length: 4 }, async () => {
    while (next < batches) await send(next++)
  }),
)
await close?.()
