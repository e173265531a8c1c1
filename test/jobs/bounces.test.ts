// The reader of the mailbox: with a mailbox that the test scripts, and with real servers, where a
// mail is refused, comes back, and bars its reader.
import { createTransport } from 'nodemailer'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { readConfig } from '../../src/config.ts'
import type { BounceMessage } from '../../src/delivery/bounce/applying.ts'
import { type Mailbox, type MailboxSettings, openMailbox } from '../../src/delivery/bounce/mailbox.ts'
import { claimMailbox, findMailbox } from '../../src/delivery/bounce/store.ts'
import type { Provider } from '../../src/delivery/provider/provider.ts'
import { openProviders } from '../../src/delivery/providers.ts'
import { openBounceReader, readBounces } from '../../src/jobs/bounces.ts'
import { dispatch } from '../../src/jobs/dispatch.ts'
import { writeBounceAddress } from '../../src/subscriber/bounce-address.ts'
import { notification, statusPart } from '../delivery/bounce/own-reports.ts'
import { moveClock } from '../support/clock.ts'
import { isFull } from '../support/full.ts'
import { keepRound } from '../support/kept-round.ts'
import { openMailServers, whyNoMailServers } from '../support/mail-servers.ts'
import { planFor, readDeliveries, TEST_SECRET, type TestRound } from '../support/round.ts'

let round: TestRound
keepRound((kept) => {
  round = kept
})

const closing: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of closing.splice(0).reverse()) await each.close()
  await moveClock(round.databaseUrl, '0 minutes')
})
const keep = <T extends { close(): Promise<void> }>(thing: T): T => {
  closing.push(thing)
  return thing
}

const HOME = { local: 'bounces', domain: 'papers.example' }
const NOWHERE: MailboxSettings = {
  ...{ host: '127.0.0.1', port: 1, secure: true, login: { user: 'a', password: 'b' } },
  ...{ inbox: 'INBOX', applied: 'Applied', others: 'Others' },
}
const parts = () => ({ db: round.db, linkKeys: round.linkKeys, home: HOME, logger: round.logger })

/** A mailbox in memory. Waiting ends when a message comes in, or at the end. */
function openScriptedMailbox() {
  let wake = () => {}
  const box = {
    inbox: [] as BounceMessage[],
    moved: { applied: [] as string[], others: [] as string[] },
    /** While it cannot be opened. */
    fault: undefined as Error | undefined,
    opened: 0,
    put(source: string) {
      box.inbox.push({ source: Buffer.from(source), arrivedAt: new Date() })
      wake()
    },
    async open(): Promise<Mailbox> {
      box.opened += 1
      if (box.fault) throw box.fault
      return {
        async readAll(take) {
          for (const message of box.inbox.splice(0)) box.moved[await take(message)].push(message.source.toString())
        },
        wait: (_, signal) =>
          new Promise((resolve) => {
            wake = resolve
            signal.addEventListener('abort', () => resolve(), { once: true })
            if (signal.aborted || box.inbox.length > 0) resolve()
          }),
        count: () => box.inbox.length,
        close: async () => {},
      }
    },
  }
  return box
}

const start = (box: { open(): Promise<Mailbox> }) =>
  keep(openBounceReader({ ...parts(), mailbox: NOWHERE, open: () => box.open(), retryMs: 10 }))
const until = (look: () => Promise<void>) => vi.waitFor(look, { timeout: 90_000, interval: 20 })

/** A report about a reader's mail of the edition that `planFor` made. */
async function reportAbout(name: string): Promise<string> {
  const { edition, batchIds } = await planFor(round, [name])
  for (const id of batchIds) await dispatch(round, id)
  const publicId = (await readDeliveries(round.db, edition.id))[name]?.public_id as string
  const to = `${name}@example.org`
  const address = writeBounceAddress(round.linkKeys, HOME, { publicId, to }, new Date())
  return `Delivered-To: ${address}\n${notification(statusPart({ action: 'failed', status: '5.1.1', recipient: to }))}`
}

describe('readBounces', () => {
  it('applies what it can, passes over the rest, and counts both', async () => {
    const box = openScriptedMailbox()
    const report = await reportAbout('ada')
    for (const source of [report, 'Subject: hello\n\nhello', `Received: again\n${report}`]) box.put(source)
    await claimMailbox(round.db, '00000000-0000-4000-8000-000000000000')
    expect(await readBounces(parts(), await box.open())).toEqual({
      applied: { 'hard-bounce': 1 },
      known: 1,
      passedOver: { 'no-report': 1 },
    })
    expect([box.moved.applied.length, box.moved.others.length]).toEqual([2, 1])
    expect(await findMailbox(round.db)).toMatchObject({ applied: 1, passedOver: 1, failure: null, failedSince: null })
  })
})

describe('openBounceReader', () => {
  it('reads what is there and what comes', async () => {
    const box = openScriptedMailbox()
    box.put('Subject: first\n\nhello')
    start(box)
    await until(async () => expect(box.moved.others).toHaveLength(1))
    box.put('Subject: second\n\nhello')
    await until(async () => expect(box.moved.others).toHaveLength(2))
    expect(box.opened).toBe(1)
    expect((await findMailbox(round.db))?.readAt).not.toBeNull()
  })

  it('is the only one that reads, over all schedulers, until it ends', async () => {
    const [first, second] = [openScriptedMailbox(), openScriptedMailbox()]
    const reader = openBounceReader({ ...parts(), mailbox: NOWHERE, open: () => first.open() })
    await until(async () => expect((await findMailbox(round.db))?.readAt).toBeTruthy())
    await keep(openBounceReader({ ...parts(), mailbox: NOWHERE, open: () => second.open() })).close()
    expect([first.opened, second.opened]).toEqual([1, 0])
    await reader.close()
    start(second)
    await until(async () => expect(second.opened).toBe(1))
  })

  it('leaves the mailbox to another when it has said nothing for three minutes', async () => {
    await claimMailbox(round.db, '00000000-0000-4000-8000-000000000000')
    expect(await claimMailbox(round.db, '00000000-0000-4000-8000-000000000001')).toBe(false)
    await moveClock(round.databaseUrl, '4 minutes')
    expect(await claimMailbox(round.db, '00000000-0000-4000-8000-000000000001')).toBe(true)
  })

  it('notes since when it cannot read and why, and forgets it once it can', async () => {
    const box = openScriptedMailbox()
    box.fault = new Error('nobody answers for bounces@papers.example')
    start(box)
    await until(async () => expect((await findMailbox(round.db))?.failure).toBe('nobody answers for [address]'))
    expect((await findMailbox(round.db))?.failedSince).toBeInstanceOf(Date)
    box.fault = undefined
    await until(async () => expect(await findMailbox(round.db)).toMatchObject({ failure: null, failedSince: null }))
    expect(box.opened).toBeGreaterThan(1)
  })

  it('ends at once, also while it waits', async () => {
    const box = openScriptedMailbox()
    const reader = openBounceReader({ ...parts(), mailbox: NOWHERE, open: () => box.open() })
    await until(async () => expect(box.opened).toBe(1))
    await reader.close()
    box.put('Subject: too late\n\nhello')
    expect(box.moved.others).toEqual([])
  })
})

const missing = await whyNoMailServers()
describe.skipIf(missing !== undefined)(`with postfix and dovecot (${missing ?? 'installed'})`, () => {
  it('a mail that a mailbox refuses comes back and bars its reader', { tags: 'long', timeout: 180_000 }, async () => {
    const servers = keep(
      await openMailServers({
        bounceDomain: HOME.domain,
        refusals: {
          'gone@example.org': '550 5.1.1 User unknown',
          'full@example.org': '552 5.2.2 Mailbox full',
          'late@example.org': '550 5.1.1 User unknown',
        },
      }),
    )
    const { login, host, port } = servers.imaps
    const config = readConfig(
      'mail',
      {},
      {
        ...{ LINK_SECRET: TEST_SECRET, PUBLIC_URL: 'https://papers.example', MAIL_PROVIDER: 'smtp' },
        MAIL_FROM: 'Papers <papers@papers.example>',
        SMTP_URL: `smtp://127.0.0.1:${servers.smtpPort}?pool=3`,
        BOUNCE_ADDRESS: 'bounces@papers.example',
        BOUNCE_IMAP_URL: `imaps://${login.user}:${encodeURIComponent(login.password)}@${host}:${port}/INBOX`,
      },
    )
    const bounces = config.bounces as NonNullable<typeof config.bounces>
    const [smtp] = (await openProviders(config)) as [Provider]
    keep({ close: async () => smtp.close?.() })
    const sending = { ...round, providers: [smtp] as const }

    const { edition, batchIds } = await planFor({ ...round, ...sending }, ['gone', 'full', 'kept'])
    for (const id of batchIds) await dispatch(sending, id)
    const fates = async () => {
      const deliveries = await readDeliveries(round.db, edition.id)
      return ['gone', 'full', 'kept'].map((name) => `${deliveries[name]?.state} ${deliveries[name]?.fate}`)
    }
    expect((await fates()).map((each) => each.split(' ')[0])).toEqual(['submitted', 'submitted', 'submitted'])

    const reader = keep(openBounceReader({ ...parts(), ...bounces, retryMs: 100 }))
    await until(async () => expect(await fates()).toEqual(['submitted bounced', 'submitted bounced', 'submitted none']))
    const suppressed = await round.db
      .selectFrom('suppressions as x')
      .innerJoin('subscribers as s', 's.address_hash', 'x.address_hash')
      .select(['s.address', 'x.reason'])
      .execute()
    expect(suppressed).toEqual([{ address: 'gone@example.org', reason: 'bounce' }])

    // By IDLE: the next look of its own is a minute away. One is a report, one a machine's answer.
    const late = { publicId: crypto.randomUUID(), to: 'late@example.org' }
    const answered = writeBounceAddress(round.linkKeys, HOME, late, new Date())
    const transport = createTransport({ host: '127.0.0.1', port: servers.smtpPort, ignoreTLS: true })
    await transport.sendMail({
      envelope: { from: 'late@example.org', to: [answered] },
      raw: `From: late@example.org\nTo: ${answered}\nAuto-Submitted: auto-replied\nSubject: away\n\nI am away.\n`,
    })
    transport.close()
    await until(async () => expect(await findMailbox(round.db)).toMatchObject({ applied: 2, passedOver: 1 }))

    // Its server ends and comes back, which takes seconds.
    if (isFull) {
      await servers.stopMailbox()
      await until(async () => expect((await findMailbox(round.db))?.failure).toBeTruthy())
      await servers.startMailbox()
      await until(async () => expect((await findMailbox(round.db))?.failure).toBeNull())
    }
    await reader.close()

    for (const [inbox, count] of [
      ['INBOX', 0],
      ['Applied', 2],
      ['Others', 1],
    ] as const) {
      const mailbox = keep(await openMailbox({ ...bounces.mailbox, inbox }))
      expect([inbox, mailbox.count()]).toEqual([inbox, count])
    }
    const log = (await servers.readLog()).join('\n')
    expect(log).toMatch(/from=<bounces\+[a-z2-7]{48}@papers\.example> to=<gone@example\.org>/)
    expect(log).toMatch(
      /to=<bounces\+[a-z2-7]{48}@papers\.example>, relay=virtual, .*status=sent \(delivered to maildir\)/,
    )
    if (process.env.PRINT_MAIL_LOG) process.stderr.write(`${log}\n`)
  })
})
