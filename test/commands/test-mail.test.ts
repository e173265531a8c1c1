// A test mail: one marked digest through the provider, with a committed intent, that leaves list,
// history and accounts as they are.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { simpleParser } from 'mailparser'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { testMailCommand } from '../../src/commands/test-mail.ts'
import { markOut } from '../../src/delivery/provider/out.ts'
import { getAllowance } from '../../src/delivery/provider/quota.ts'
import { planAll } from '../../src/jobs/plan.ts'
import { ensureSuppression } from '../../src/subscriber/suppression.ts'
import { callOn, readJson } from '../support/command.ts'
import { keepRound } from '../support/kept-round.ts'
import { addReader, freezeEdition, type TestRound } from '../support/round.ts'

let round: TestRound
let folder: string
keepRound((kept) => {
  round = kept
})
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'paper-round-test-mail-'))
})
afterAll(() => rm(folder, { recursive: true }))

const env = () => ({ OUTBOX_DIR: folder, PUBLIC_URL: 'https://papers.example', SEND_QUOTA: '2/day' })
const call = (as?: string) =>
  readJson(round.databaseUrl, () => testMailCommand('me@host.example', { json: true, ...(as && { as }) }), env())

it('is one marked digest, as the reader would get it, and leaves no trace but its notice', async () => {
  const edition = await freezeEdition(round, '2026-03-05')
  await addReader(round.db, 'ada', { choices: { papers: 2, length: 'titles' } })
  const sent = await call('ada@example.org')
  expect(sent).toMatchObject({ to: 'me@host.example', as: 'ada@example.org', date: '2026-03-05', sample: false })
  const [file = ''] = await readdir(join(folder, 'notices'))
  const mail = await simpleParser(await readFile(join(folder, 'notices', file)))
  expect(mail.subject).toBe(sent.subject)
  expect(mail.subject).toMatch(/^\[Test\] .* and 1 more · Thu 5 Mar$/)
  expect(mail.headers.has('list-unsubscribe')).toBe(false)
  const both = `${mail.html}${mail.text}`
  expect(both).not.toMatch(/test-mail-|ada@|unsubscribe\/|preferences\//)
  expect(both).toContain('https://papers.example/editions/2026-03-05')
  expect(mail.text).toMatch(/^This is a test, sent by the operator/)
  expect(mail.html).toMatch(/<body[^>]*><div[^>]*>This is a test/)
  const { rows } = await sql<{ marked: number; personal: number }>`
    select count(first_attempt_at) as marked, count(coalesce(address, sealed::text)) as personal from notices`.execute(
    round.db,
  )
  expect(rows).toEqual([{ marked: 1, personal: 0 }])
  const used = await getAllowance(round.db, { name: 'outbox', quota: { day: 2, month: null } })
  expect(used.mails).toBe(1)

  // Its papers are as new to the reader as before.
  expect(await round.db.selectFrom('deliveries').selectAll().execute()).toEqual([])
  expect(await planAll(round, edition, null)).toBe(1)
})

it('shows a sample day where nothing is collected, and says why it cannot be sent', { tags: 'long' }, async () => {
  expect(await call()).toMatchObject({ as: null, sample: true })
  const { stdout } = await callOn(round.databaseUrl, () => testMailCommand('me@host.example', {}), env())
  expect(stdout).toMatch(/^Sent to me@host.example through outbox.*: \[Test\] .*\nIt is a sample day/)
  await expect(call()).rejects.toThrow('it waits, and a worker sends it within the hour: quota: tomorrow')
  await markOut(round.db, 'outbox', { reason: 'the key was refused', waitMs: null })
  await expect(call()).rejects.toThrow('it waits until you say "resume", once the cause is gone: the key was refused')
  await round.db.deleteFrom('providers').execute()
  await expect(call('eve@example.org')).rejects.toThrow('eve@example.org is not a subscriber')
  const hash = await round.db.selectFrom('notices').select('address_hash').executeTakeFirstOrThrow()
  await ensureSuppression(round.db, hash.address_hash, 'bounce', new Date())
  await sql`delete from notices`.execute(round.db)
  await expect(call()).rejects.toThrow(/^it was not sent: This address gets no email/)
})
