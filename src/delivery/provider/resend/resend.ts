// The Resend provider: one batch request, then its answer put into the port's words. Where an
// answer leaves any doubt about a single mail the outcome is `unknown`. It never repeats a request
// by itself. Batches go out as prebuilt bytes; single mails and questions through the official
// client, which is loaded for the first of them.
import type { Resend } from 'resend'
import { openSlabs } from '../../../digest/piece/image.ts'
import { SECOND_MS } from '../../../time.ts'
import { isLoopback } from '../outside.ts'
import {
  type BatchOutcome,
  type BatchRequest,
  type Heard,
  NO_QUOTA,
  type NoticeRequest,
  type Provider,
  type Quota,
} from '../provider.ts'
import { REPLAY_MS } from '../replay.ts'
import { readAnswer, readLimits, readNoticeAnswer } from './answer.ts'
import { toResendMail, writeBody } from './batch-body.ts'
import { checkResend } from './checking.ts'
import { fetchResend, listResend, lookUpResend } from './look-up.ts'
import { openPosting } from './posting.ts'
import { openWait } from './wait.ts'

export interface ResendSettings {
  apiKey: string
  baseUrl?: string
  requestsPerSecond: number
  quota?: Quota
  /** How long to wait for the whole answer, in milliseconds. */
  deadlineMs?: number
}

const HOME = 'https://api.resend.com'
/** Resend documents 100 mails a batch request. */
const BATCH_SIZE = 100
/** A slow answer to 100 mails takes a few seconds; far beyond it none is coming. */
const DEADLINE_MS = 30 * SECOND_MS
/** Opens Resend. Nothing is sent before the first `send`. */
export function openResend(settings: ResendSettings): Provider {
  // Always passed on, because the client would otherwise read the environment behind the
  // configuration's back.
  const baseUrl = (settings.baseUrl ?? HOME).replace(/\/+$/, '')
  const deadlineMs = settings.deadlineMs ?? DEADLINE_MS
  const posting = openPosting({ baseUrl, apiKey: settings.apiKey })
  const slabs = openSlabs()
  let client: Promise<Resend> | undefined
  const openClient = () => {
    if (settings.apiKey === '') throw new Error('RESEND_API_KEY is missing here: a worker has it, and asks Resend')
    client ??= import('resend').then((sdk) => new sdk.Resend(settings.apiKey, { baseUrl }))
    return client
  }

  async function send(request: BatchRequest): Promise<BatchOutcome> {
    if (request.mails.length === 0) return { kind: 'answered', outcomes: [] }
    const { slab, bytes } = writeBody(request.mails, `${request.edition.date}-${request.edition.kind}`, slabs)
    const headers = { 'x-batch-validation': 'permissive', 'idempotency-key': request.idempotencyKey }
    const wait = openWait(deadlineMs, request.signal)
    try {
      const answer = await posting.post('/emails/batch', bytes, headers, wait, request.turn?.leaves)
      hearLimits(answer.headers, request.turn)
      if (answer.hasLeft) slabs.give(slab)
      const outcome = readAnswer(answer, request.mails, Date.now())
      return outcome.kind === 'unknown' ? { kind: 'unknown', reason: wait.reason() ?? outcome.reason } : outcome
    } finally {
      wait.close()
    }
  }

  async function sendNotice(request: NoticeRequest): Promise<BatchOutcome> {
    const { notice, kind } = request
    const sdk = await openClient()
    const wait = openWait(deadlineMs, request.signal)
    const controller = new AbortController()
    wait.whenOver(() => controller.abort())
    try {
      const answer = await sdk.emails.send(
        toResendMail(notice, [
          { name: 'notice', value: notice.publicId },
          { name: 'kind', value: kind },
        ]),
        { idempotencyKey: request.idempotencyKey, signal: controller.signal },
      )
      hearLimits(answer.headers, request.turn)
      const outcome = readNoticeAnswer(answer, notice, Date.now())
      return outcome.kind === 'unknown' ? { kind: 'unknown', reason: wait.reason() ?? outcome.reason } : outcome
    } finally {
      wait.close()
    }
  }

  return {
    name: 'resend',
    batchSize: BATCH_SIZE,
    requestsPerSecond: settings.requestsPerSecond,
    quota: settings.quota ?? NO_QUOTA,
    replayMs: REPLAY_MS.resend,
    encoding: 'utf8',
    reachesRealWorld: !isLoopback(new URL(baseUrl).hostname),
    connect: posting.connect,
    send,
    sendNotice,
    listAccepted: async (since) => listResend(await openClient(), since, settings.requestsPerSecond),
    fetchAccepted: async (id) => fetchResend(await openClient(), id, settings.requestsPerSecond),
    findAccepted: async (ask) => lookUpResend(await openClient(), ask, settings.requestsPerSecond),
    check: async (from) => checkResend(await openClient(), from),
    close: async () => posting.close(),
  }
}

function hearLimits(headers: Record<string, string> | null, turn: Heard | undefined): void {
  const limits = readLimits(headers)
  if (limits !== null) turn?.limits(limits)
}
