// Sends one digest to look at, marked as a test. It is a notice: its intent is committed before the
// request and it counts in the quota, but it touches neither the list nor what anybody had.
import { setTimeout as sleep } from 'node:timers/promises'
import { readConfig } from '../config.ts'
import { type Context, openRound } from '../context.ts'
import { getNow } from '../database/clock.ts'
import type { EditionKind } from '../database/states.ts'
import { withheldSilence } from '../delivery/account/silence.ts'
import { insertNotice } from '../delivery/notice/asking.ts'
import { listOutProviders } from '../delivery/provider/out.ts'
import { makeTestDigest } from '../digest/test-digest.ts'
import { dateOf } from '../edition/edition.ts'
import { type Outlook, outlookFromStore } from '../edition/outlook.ts'
import { findNewestEdition } from '../edition/store.ts'
import { LaterError } from '../errors.ts'
import { notify } from '../jobs/notify.ts'
import type { Round } from '../jobs/round.ts'
import { SAMPLE_DATES } from '../source/sample.ts'
import { parseChoices } from '../subscriber/preferences.ts'
import { findSubscriberByAddress } from '../subscriber/store.ts'
import { MINUTE_MS } from '../time.ts'
import { outlookFromSample } from '../web/preview/editions.ts'
import { editionName } from './accounts.ts'
import { parseAddress, parseAll } from './arguments.ts'
import { withStores } from './session.ts'
import { openTerminal } from './terminal.ts'

interface TestMailOptions {
  as?: string
  json?: boolean
}

/** A worker that took it meanwhile is given so long, in looks of a quarter of a second. */
const LOOKS = 120
const LOOK_EVERY_MS = 250

export async function testMailCommand(email: string, options: TestMailOptions): Promise<void> {
  const { to, as } = parseAll({
    to: () => parseAddress(email),
    as: () => (options.as === undefined ? undefined : parseAddress(options.as)),
    settings: () => readConfig('mail'),
  })
  const sent = await sendTestMail(to, as)
  const { date, kind, sample, subject, provider, providerId } = sent
  openTerminal(options).print({ to, as: as ?? null, date, kind, sample, subject, provider, providerId }, [
    `Sent to ${to} through ${provider}${providerId === null ? '' : ` (${providerId})`}: ${subject}`,
    `It is ${sample ? 'a sample day, as nothing is collected yet' : editionName(sent)}, as ${as ?? 'a new reader'} would get it.`,
  ])
}

interface SentTest {
  date: string
  kind: EditionKind
  /** Nothing is collected yet. */
  sample: boolean
  subject: string
  provider: string
  providerId: string | null
}

/**
 * Sends a test digest to an address, as `as` would get it or a new reader, and waits until a
 * provider has accepted it. Throws, in one line, why it was not sent.
 */
export async function sendTestMail(to: string, as?: string): Promise<SentTest> {
  return withStores('mail', async (context) => {
    const round = await openRound(context)
    const reader = as === undefined ? undefined : await findSubscriberByAddress(round.db, as)
    if (as !== undefined && !reader) throw new Error(`${as} is not a subscriber`)
    const { outlook, isSample } = await findOutlook(context, reader?.cadence === 'weekly' ? 'weekly' : 'daily')
    const digest = await makeTestDigest(
      outlook,
      reader?.choices ?? parseChoices({}),
      round.host,
      await round.templates(),
    )
    if (!digest)
      throw new Error(`${editionName(outlook)} has nothing for ${as ?? 'default settings'}: nothing was sent`)
    const id = await insertNotice(round.db, round.linkKeys, {
      kind: 'test',
      subscriberId: null,
      address: to,
      ...digest,
    })
    const { date, kind } = outlook
    return { date, kind, sample: isSample, subject: digest.subject, ...(await sendNow(round, id)) }
  })
}

/**
 * The newest edition that is frozen, else the open one, else a sample day: there is always a look.
 */
async function findOutlook(
  { config, stores: { db } }: Context,
  kind: 'daily' | 'weekly',
): Promise<{ outlook: Outlook; isSample: boolean }> {
  const open = dateOf(new Date((await getNow(db)).getTime() - config.cutoffMinutes * MINUTE_MS))
  const date = (await findNewestEdition(db, kind))?.date ?? open
  const stored = await outlookFromStore(db, date, kind)
  if (stored && stored.places.length > 0) return { outlook: stored, isSample: false }
  return { outlook: await outlookFromSample(SAMPLE_DATES[1], kind), isSample: true }
}

/** Follows the notice until it is settled. Throws, in one line, why it was not sent. */
async function sendNow(round: Round, id: number): Promise<{ provider: string; providerId: string | null }> {
  await notify(round, id).catch((error: unknown) => {
    // What has to wait says so on its row.
    if (!(error instanceof LaterError)) throw error
  })
  for (let looks = 0; looks < LOOKS; looks++) {
    const { state, reason, provider, provider_id } = await round.db
      .selectFrom('notices')
      .select(['state', 'reason', 'provider', 'provider_id'])
      .where('id', '=', id)
      .executeTakeFirstOrThrow()
    if (state === 'submitted') return { provider: provider as string, providerId: provider_id }
    if (state === 'rejected') throw new Error(`${provider} refused it: ${reason}`)
    if (state === 'withheld') throw new Error(`it was not sent: ${withheldSilence(reason).sentence}`)
    if (state === 'deferred') throw new Error(await waitInWords(round, reason))
    if (state === 'unknown') throw new Error(`${provider} may or may not have accepted it: ${reason}`)
    await sleep(LOOK_EVERY_MS)
  }
  throw new Error('it is still being sent by a worker: look into the inbox')
}

/** What went out for a wrong key stays out, also once it is right: that takes the operator. */
async function waitInWords({ db, providers }: Round, reason: string | null): Promise<string> {
  const out = await listOutProviders(db)
  const toResume = providers.every(({ name }) => out.get(name)?.waitMs === null)
  const until = toResume ? 'until you say "resume", once the cause is gone' : 'and a worker sends it within the hour'
  return `it waits${toResume ? '' : ','} ${until}: ${reason}`
}
