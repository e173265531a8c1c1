// The outbox provider: every mail becomes one file that any mail program opens. It never reaches
// anybody, and a repeat of a delivery writes the same bytes over itself.
import { randomBytes } from 'node:crypto'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { composeMessage } from './message.ts'
import {
  type BatchOutcome,
  type BatchRequest,
  type Mail,
  type MailOutcome,
  NO_QUOTA,
  type Provider,
  type Quota,
} from './provider.ts'

/** As large as Resend's, so that a round into the outbox takes the same batches. */
const BATCH_SIZE = 100
/**
 * Twice the threads that Node gives to files: enough to keep them busy, far from any limit of open
 * files.
 */
const WRITERS = 8

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
      await mkdir(path, { recursive: true })
      return { kind: 'answered', outcomes: await writeAll(path, request) }
    } catch (error) {
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
    replayMs: Number.POSITIVE_INFINITY,
    encoding: 'quoted-printable',
    reachesRealWorld: false,
    send,
    sendNotice: ({ notice, signal }) =>
      writeInto(NOTICES_FOLDER, { mails: [notice], ...(signal === undefined ? {} : { signal }) }),
  }
}

async function writeAll(path: string, request: Pick<BatchRequest, 'mails' | 'signal'>): Promise<MailOutcome[]> {
  const outcomes: MailOutcome[] = []
  const waiting = request.mails.entries()
  let failed = false
  const write = async () => {
    // One iterator for all writers: each takes the next mail.
    for (const [index, mail] of waiting) {
      if (failed) return
      request.signal?.throwIfAborted()
      outcomes[index] = await writeMail(path, mail)
    }
  }
  const writers = Array.from({ length: WRITERS }, () =>
    write().catch((error: unknown) => {
      failed = true
      throw error
    }),
  )
  // All of them, even after a failure: a repeat must not meet a writer of this attempt.
  const ends = await Promise.allSettled(writers)
  const broken = ends.find((end) => end.status === 'rejected')
  if (broken) throw broken.reason
  return outcomes
}

// Beside the target and renamed, so that a reader meets whole mails only. What a crash leaves
// behind starts with a dot and does not end in .eml. There is no fsync: a killed process loses
// nothing, and what a power cut could take from a folder on this machine does not justify one wait
// for the disk a mail.
async function writeMail(path: string, mail: Mail): Promise<MailOutcome> {
  if (!UUID.test(mail.publicId)) return { state: 'rejected', reason: 'the public id is not a UUID' }
  const beside = join(path, `.${mail.publicId}.${randomBytes(4).toString('hex')}.tmp`)
  try {
    await writeFile(beside, composeMessage(mail))
    await rename(beside, join(path, `${mail.publicId}.eml`))
  } catch (error) {
    await rm(beside, { force: true }).catch(() => undefined)
    throw error
  }
  return { state: 'submitted', providerId: null }
}

function folderOf({ date, kind }: BatchRequest['edition']): string | undefined {
  return /^\d{4}-\d{2}-\d{2}$/.test(date) && /^[a-z]+$/.test(kind) ? `${date}-${kind}` : undefined
}

// The code alone: the message of a file system's error carries the path.
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'an unknown fault'
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name
}
