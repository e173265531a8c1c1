// MJML as the tests load it (vitest.config.ts): what this version made of the same text before is
// kept beside the packages. Loading it and compiling the templates would be half a second of every
// worker.
import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type original from 'mjml'
import lock from '../../package-lock.json' with { type: 'json' }

const { version } = lock.packages['node_modules/mjml']
const KEPT = fileURLToPath(new URL(`../../node_modules/.cache/paper-round/mjml-${version}/`, import.meta.url))

/** As MJML's own; what it refuses, it is asked again. */
export default async function mjml2html(text: string, options: object): Promise<{ html: string }> {
  const file = join(
    KEPT,
    createHash('sha1')
      .update(JSON.stringify([text, options]))
      .digest('hex'),
  )
  const kept = await readFile(file, 'utf8').catch(() => undefined)
  if (kept !== undefined) return { html: kept }
  // Required, since an import would lead back here.
  const compile: typeof original = createRequire(import.meta.url)('mjml')
  const { html } = await compile(text, options)
  await mkdir(KEPT, { recursive: true })
  // Whole or not at all: another worker may be reading it.
  await writeFile(`${file}.${process.pid}`, html)
  await rename(`${file}.${process.pid}`, file)
  return { html }
}
