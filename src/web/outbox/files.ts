// The outbox's folders and mails on disk, read only. A name that the outbox provider would not have
// written is never looked for, so no request can lead outside the directory.
import { constants } from 'node:fs'
import { open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Email } from 'postal-mime'

export interface OutboxFolder {
  name: string
  mails: number
}

export interface OutboxFile {
  folder: string
  file: string
  /** In bytes. */
  size: number
  writtenAt: Date
}

const FOLDER = /^(\d{4}-\d{2}-\d{2}-[a-z]+|notices)$/
const FILE = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.eml$/
const DATE_CHARACTERS = 10
/** A head is below 4 kB; what does not fit is not shown in a list. */
const HEAD_MAX_BYTES = 16 * 1024

/**
 * Lists the folders that hold mails, newest edition first, notices last. An outbox that does not
 * exist yet holds none.
 */
export async function listFolders(directory: string): Promise<OutboxFolder[]> {
  const names = (await entriesOf(directory)).filter((name) => FOLDER.test(name))
  names.sort(compareFolders)
  const folders = await Promise.all(
    names.map(async (name) => ({ name, mails: (await mailsIn(directory, name)).length })),
  )
  return folders.filter((folder) => folder.mails > 0)
}

/** Lists the mails of a folder, newest first; none for a folder that is not there. */
export async function listMails(directory: string, folder: string): Promise<OutboxFile[]> {
  if (!FOLDER.test(folder)) return []
  const found = await Promise.all(
    (await mailsIn(directory, folder)).map(async (file) => {
      // Undefined when it went away since the folder was read.
      const facts = await stat(join(directory, folder, file)).catch(() => undefined)
      return facts && { folder, file, size: facts.size, writtenAt: facts.mtime }
    }),
  )
  return found
    .filter((mail) => mail !== undefined)
    .sort((a, b) => b.writtenAt.getTime() - a.writtenAt.getTime() || (a.file < b.file ? -1 : 1))
}

/** Returns the bytes of a mail, or of its head alone; undefined when there is none of that name. */
export async function findMail(
  directory: string,
  folder: string,
  file: string,
  part: 'whole' | 'head' = 'whole',
): Promise<Buffer | undefined> {
  if (!FOLDER.test(folder) || !FILE.test(file)) return undefined
  try {
    // Not through a link: it could lead anywhere.
    const handle = await open(join(directory, folder, file), constants.O_RDONLY | constants.O_NOFOLLOW)
    try {
      if (part === 'whole') return await handle.readFile()
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD_MAX_BYTES), 0, HEAD_MAX_BYTES, 0)
      const end = buffer.indexOf('\r\n\r\n')
      return buffer.subarray(0, end < 0 ? bytesRead : end + 4)
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw error
  }
}

/** Returns a mail, or one with its head alone; undefined when there is none of that name. */
export async function findParsed(
  directory: string,
  folder: string,
  file: string,
  part: 'whole' | 'head' = 'whole',
): Promise<Email | undefined> {
  const bytes = await findMail(directory, folder, file, part)
  if (!bytes) return undefined
  // Loaded only here: nothing but the demo reads mails.
  const { default: PostalMime } = await import('postal-mime')
  return PostalMime.parse(bytes)
}

/** Returns the address of the first recipient, '' when there is none. */
export function recipientOf({ to }: Email): string {
  return to?.[0]?.address ?? ''
}

/** The newest date first, its daily edition before its weekly one; what has no date is last. */
function compareFolders(a: string, b: string): number {
  const [dateA, dateB] = [a, b].map((name) => (/^\d/.test(name) ? name.slice(0, DATE_CHARACTERS) : ''))
  if (dateA !== dateB) return (dateA ?? '') < (dateB ?? '') ? 1 : -1
  return a < b ? -1 : 1
}

async function mailsIn(directory: string, folder: string): Promise<string[]> {
  return (await entriesOf(join(directory, folder))).filter((name) => FILE.test(name))
}

async function entriesOf(directory: string): Promise<string[]> {
  try {
    return await readdir(directory)
  } catch (error) {
    if (isAbsent(error)) return []
    throw error
  }
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && ['ENOENT', 'ENOTDIR', 'ELOOP'].includes(String(error.code))
}
