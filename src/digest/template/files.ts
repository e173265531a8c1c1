// Where templates are read from: a host's directory first, the project's own for every file that is
// not in it.
import { isUtf8 } from 'node:buffer'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PermanentError } from '../../errors.ts'

/** Beside src/ and beside dist/ alike. */
export const TEMPLATES_DIR = fileURLToPath(new URL('../../../templates', import.meta.url))

/**
 * Reads a template of the host's `directory` (none by default), else the project's own, `own` where
 * that has another name. Throws a PermanentError that names the file that cannot be read, and the
 * setting when the directory itself is not there.
 */
export function readTemplate(file: string, directory?: string, own = file): string {
  return (directory === undefined ? undefined : readHostFile(file, directory)) ?? readFrom(TEMPLATES_DIR, own)
}

/** Reads a file of the host's directory only; undefined when it has none of that name. */
export function readHostFile(file: string, directory: string): string | undefined {
  // A mistyped directory would otherwise pass for one that changes nothing.
  if (!statSync(directory, { throwIfNoEntry: false })?.isDirectory()) {
    throw new PermanentError(`TEMPLATES_DIR is not a directory: ${directory}`)
  }
  if (statSync(join(directory, file), { throwIfNoEntry: false }) === undefined) return undefined
  return readFrom(directory, file)
}

function readFrom(directory: string, file: string): string {
  let bytes: Buffer
  try {
    bytes = readFileSync(join(directory, file))
  } catch (cause) {
    throw new PermanentError(`the template ${file} cannot be read`, { cause })
  }
  if (!isUtf8(bytes)) throw new PermanentError(`the template ${file} is not UTF-8: save it as UTF-8`)
  // Some editors write a byte order mark, which is nothing of the template.
  return bytes.toString('utf8').replace(/^\ufeff/, '')
}
