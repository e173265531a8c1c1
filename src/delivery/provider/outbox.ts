// The outbox provider: every mail becomes one file that any mail program opens. It never reaches
// anybody, and a repeat of a delivery writes the same bytes over itself.
import { randomBytes } from 'node:crypto'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describeError } from '../../errors.ts'
import { composeBytes } from './message.ts'
import {
  type BatchOutcome,
  type BatchRequest,
  type Checkup,
  type Mail,
  type MailOutcome,
  NO_QUOTA,
  type Provider,
  type Quota,
} from './provider.ts'
import { REPLAY_MS } from './replay.ts'

/** As large as Resend's, so that a round into the outbox takes the same batches. */
const BATCH_SIZE = 100
/**
 * Twice the threads that Node gives to files: enough to keep them busy, far from any limit of open
 * files.
 */
const WRITERS = 8

/** A full disk is looked at again after this: somebody has to make room first. */
const FULL_DISK_MS = 60_000
/** What the system says of a disk that is full, and of a share of it that is used up. */
const FULL_DISK = new Set(['ENOSPC', 'EDQUOT'])
/** Addresses of subscribers are in there. */
const FOLDER_MODE = 0o700
const FILE_MODE = 0o600

const NOTICES_FOLDER = 'notices'
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/**
 * Opens the folder `directory`, which is made with the first batch. Notices go to its `notices/`.
 */
export function openOutbox(settings: { directory: string; quota?: Quota }): Provider {
  async function send(request: BatchRequest): Promise<BatchOutcome> {
    const folder = folderOf(request.edition)
    if (folder === undefined) return { kind: 'refused', reason: 'the edition has no name that a folder could carry' }
    return writeInto(folder, request)
  }

  async function writeInto(folder: string, request: Pick<BatchRequest, 'mails' | 'signal'>): Promise<BatchOutcome> {
    const path = join(settings.directory, folder)
    try {
      const names = await writeAll(path, request)
      return { kind: 'answered', outcomes: await publish(path, request.mails, names) }
    } catch (error) {
      if (error instanceof FullDiskError) {
        return { kind: 'throttled', reason: error.message, retryAfterMs: FULL_DISK_MS }
      }
      // Some files may stand already. They are the same bytes in the repeat, which the port allows
      // here for ever.
      const reason = request.signal?.aborted
        ? 'stopped while writing'
        : `the outbox could not be written: ${codeOf(error)}`
      return { kind: 'unknown', reason }
    }
  }

  return {
    name: 'outbox',
    batchSize: BATCH_SIZE,
    requestsPerSecond: null,
    quota: settings.quota ?? NO_QUOTA,
    replayMs: REPLAY_MS.outbox,
    encoding: 'quoted-printable',
    reachesRealWorld: false,
    send,
    sendNotice: ({ notice, signal }) =>
      writeInto(NOTICES_FOLDER, { mails: [notice], ...(signal === undefined ? {} : { signal }) }),
    check: () => checkFolder(settings.directory),
  }
}

async function checkFolder(directory: string): Promise<Checkup> {
  const trial = join(directory, `.${randomBytes(8).toString('hex')}.trial`)
  try {
    await mkdir(directory, { recursive: true, mode: FOLDER_MODE })
    await writeFile(trial, '', { mode: FILE_MODE })
    await rm(trial)
    return { findings: [{ state: 'ok', says: `the outbox can be written: ${directory}` }], at: null }
  } catch (error) {
    const says = `the outbox cannot be written: ${describeError(error)} (${directory})`
    return {
      findings: [{ state: 'error', says, remedy: 'give this account the folder, or name another as OUTBOX_DIR' }],
      at: null,
    }
  }
}

/** Nothing was accepted: what stood beside was taken away again. */
class FullDiskError extends Error {
  override name = 'FullDiskError'
  override message = 'the disk of OUTBOX_DIR is full: make room there; its emails wait'
}

/**
 * Writes each mail beside its place, in a folder that is made where it is missing, and returns the
 * names in the order of the mails; undefined for one that has no place. On a full disk none stays.
 */
async function writeAll(
  path: string,
  { mails, signal }: Pick<BatchRequest, 'mails' | 'signal'>,
): Promise<(string | undefined)[]> {
  const names = mails.map(({ publicId }) =>
    UUID.test(publicId) ? join(path, `.${publicId}.${randomBytes(4).toString('hex')}.tmp`) : undefined,
  )
  try {
    await mkdir(path, { recursive: true, mode: FOLDER_MODE })
    await byWriters(names, async (name, index) => {
      signal?.throwIfAborted()
      await writeFile(name, composeBytes(mails[index] as Mail), { mode: FILE_MODE })
    })
    return names
  } catch (error) {
    await byWriters(names, (name) => rm(name, { force: true })).catch(() => undefined)
    throw FULL_DISK.has(codeOf(error)) ? new FullDiskError() : error
  }
}

// Renamed into place, so that a reader meets whole mails only, and only once all are written, so
// that a full disk has accepted none. What a crash leaves behind starts with a dot and does not end
// in .eml. There is no fsync: a killed process loses nothing, and what a power cut could take from
// a folder on this machine does not justify one wait for the disk a mail.
async function publish(
  path: string,
  mails: readonly Mail[],
  names: readonly (string | undefined)[],
): Promise<MailOutcome[]> {
  try {
    await byWriters(names, (name, index) => rename(name, join(path, `${mails[index]?.publicId}.eml`)))
  } catch (error) {
    await byWriters(names, (name) => rm(name, { force: true })).catch(() => undefined)
    throw error
  }
  return names.map((name) =>
    name === undefined
      ? { state: 'rejected', reason: 'the public id is not a UUID' }
      : { state: 'submitted', providerId: null },
  )
}

/** Does something with every name there is, several at a time, and stops at the first failure. */
async function byWriters(
  names: readonly (string | undefined)[],
  act: (name: string, index: number) => Promise<void>,
): Promise<void> {
  const waiting = names.entries()
  let failed = false
  const work = async () => {
    // One iterator for all of them: each takes the next name.
    for (const [index, name] of waiting) {
      if (failed) return
      if (name !== undefined) await act(name, index)
    }
  }
  const writers = Array.from({ length: WRITERS }, () =>
    work().catch((error: unknown) => {
      failed = true
      throw error
    }),
  )
  // All of them, even after a failure: a repeat must not meet a writer of this attempt.
  const ends = await Promise.allSettled(writers)
  const broken = ends.find((end) => end.status === 'rejected')
  if (broken) throw broken.reason
}

function folderOf({ date, kind }: BatchRequest['edition']): string | undefined {
  return /^\d{4}-\d{2}-\d{2}$/.test(date) && /^[a-z]+$/.test(kind) ? `${date}-${kind}` : undefined
}

// The code alone: the message of a file system's error carries the path.
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'an unknown fault'
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name
}
