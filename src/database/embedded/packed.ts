// A database that was just made, packed into one file: unpacking it takes a quarter of the time and
// half of the memory that making one does. The build packs one beside the program; from sources the
// first start does, beside the packages. The npm package goes without, for its size, and makes its
// database as before. What is packed holds no table of ours and no secret.
import { randomBytes } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { brotliCompress, brotliDecompress, constants } from 'node:zlib'

/** The part of PGlite that is used here. */
export interface Packable {
  dumpDataDir(compression: 'none'): Promise<Blob>
}

export const IS_FROM_SOURCES = extname(import.meta.url) === '.ts'

/**
 * 1.6 MB in half a second: the window holds a whole segment of PostgreSQL's log. A higher quality
 * takes three times as long for a tenth less.
 */
const QUALITY = { params: { [constants.BROTLI_PARAM_QUALITY]: 5, [constants.BROTLI_PARAM_LGWIN]: 24 } }

/** Returns the files as PGlite loads them; undefined where none were packed for its version. */
export async function readPacked(): Promise<Blob | undefined> {
  const packed = await readFile(await packedPath()).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  return packed && new Blob([new Uint8Array(await promisify(brotliDecompress)(packed))])
}

/**
 * Packs the files of a database that nobody has used yet. The database may go on as soon as `taken`
 * is called; writing the file takes longer.
 */
export async function writePacked(database: Packable, taken: () => void = () => {}): Promise<void> {
  const files = await database.dumpDataDir('none')
  taken()
  const path = await packedPath()
  await mkdir(dirname(path), { recursive: true })
  // Whole or not at all: another start may be reading it.
  const beside = `${path}.${randomBytes(4).toString('hex')}`
  await writeFile(beside, await promisify(brotliCompress)(Buffer.from(await files.arrayBuffer()), QUALITY))
  await rename(beside, path)
}

/** Files of one version are not another's. */
async function packedPath(): Promise<string> {
  const main = createRequire(import.meta.url).resolve('@electric-sql/pglite')
  const manifest = await readFile(join(dirname(main), '..', 'package.json'), 'utf8')
  const { version } = JSON.parse(manifest) as { version: string }
  const folder = IS_FROM_SOURCES ? '../../../node_modules/.cache/paper-round/' : '../'
  return fileURLToPath(new URL(`${folder}embedded-${version}.tar.br`, import.meta.url))
}
