// Writes the golden files anew: only together with a new JOIN_VERSION, once those of the version
// before stand in a folder of their own. `npx tsx test/digest/golden/write.ts`
import { writeFileSync } from 'node:fs'
import { joinDigest, preparePieces, recipeOf } from '../../../src/digest/joining/joining.ts'
import { loadTemplates, renderEdition } from '../../../src/digest/rendering.ts'
import { HOST, OPENING, PLACES, SELECTION, SLOTS } from './places.ts'

const sheet = { date: '2026-03-05', kind: 'daily', incomplete: true, places: PLACES } as const
const pieces = await renderEdition(sheet, 'short', HOST, await loadTemplates())
const selection = { ...SELECTION, opening: OPENING }
write('pieces.json', `${JSON.stringify(bodiesOf(), null, 2)}\n`)
for (const encoding of ['utf8', 'quoted-printable'] as const) {
  const prepared = preparePieces(pieces, encoding)
  const { html, text, ...outside } = joinDigest(prepared, selection, SLOTS)
  write(`${encoding}.html.golden`, html)
  write(`${encoding}.txt.golden`, text)
  write(`${encoding}.recipe.golden`, recipeOf(prepared, selection))
  write('headers.json', `${JSON.stringify(outside, null, 2)}\n`)
}

function bodiesOf() {
  return pieces.filter(({ name }) => !name.endsWith('-view')).map(({ name, body }) => ({ name, body }))
}

function write(file: string, content: string): void {
  writeFileSync(new URL(`version-3/${file}`, import.meta.url), content)
}
