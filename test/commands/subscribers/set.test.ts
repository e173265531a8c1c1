// One reader at the operator's hand: preferences, pauses and suppressions, as their own page has
// them, and what the reader's file says of it.
import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { explainCommand } from '../../../src/commands/explain.ts'
import { eraseSubscriberCommand } from '../../../src/commands/subscribers/erase.ts'
import { exportSubscribersCommand } from '../../../src/commands/subscribers/export.ts'
import { pauseSubscriberCommand, setSubscriberCommand } from '../../../src/commands/subscribers/set.ts'
import { showSubscriberCommand } from '../../../src/commands/subscribers/show.ts'
import { addSubscriberCommand } from '../../../src/commands/subscribers/subscribers.ts'
import { liftSuppressionCommand, suppressCommand } from '../../../src/commands/subscribers/suppressions.ts'
import { dateOf, shiftDate } from '../../../src/edition/edition.ts'
import { dispatch } from '../../../src/jobs/dispatch.ts'
import { planAll } from '../../../src/jobs/plan.ts'
import { findSubscriberByAddress } from '../../../src/subscriber/store.ts'
import { callOn, readJson } from '../../support/command.ts'
import { keepRound } from '../../support/kept-round.ts'
import { addReader, freezeEdition, type TestRound } from '../../support/round.ts'

const ADA = 'ada@example.org'
let round: TestRound
keepRound((kept) => {
  round = kept
})
const call = async (command: () => Promise<void>) => (await callOn(round.databaseUrl, command)).stdout.trimEnd()
const show = () => call(() => showSubscriberCommand(ADA, {}))

describe('set', () => {
  it('changes what is named and leaves the rest, by the names of the preferences', async () => {
    await addReader(round.db, 'ada', { choices: { mute: ['GAN'], include: ['LLM'], papers: 5 } })
    const set = { cadence: 'weekly:fri', hour: '8', zone: 'Europe/London', minVotes: '12', onlyWithCode: 'yes' }
    const lists = { author: ['Ada Lovelace'], organisation: ['Home'], clear: ['mute'], includeMeans: 'only' }
    expect(await call(() => setSubscriberCommand(ADA, { ...set, ...lists, silence: 'note', length: 'full' }))).toMatch(
      /^ada@example.org: weekly:fri 08:00 Europe\/London, 5 papers, full, .*a note on days without a digest.$/,
    )
    expect(await findSubscriberByAddress(round.db, ADA)).toMatchObject({
      ...{ cadence: 'weekly', weekday: 5, hour: 8, zone: 'Europe/London', silence: 'note' },
      choices: {
        ...{ papers: 5, length: 'full', minimumVotes: 12, onlyWithCode: true, includeMeans: 'only' },
        ...{ include: ['LLM'], mute: [], authors: ['Ada Lovelace'], organisations: ['Home'] },
      },
    })
    await call(() => setSubscriberCommand(ADA, { hour: '0' }))
    expect(await findSubscriberByAddress(round.db, ADA)).toMatchObject({ cadence: 'weekly', hour: 0, silence: 'note' })
  })

  it('says everything that is wrong with a call at once', async () => {
    const wrong = { cadence: 'hourly', hour: '25', zone: 'Mars', papers: '0', length: 'long', silence: 'loud' }
    const refusal = await setSubscriberCommand('nobody', { ...wrong, clear: ['zone'] }).catch((error) => error)
    expect(refusal.problems).toEqual([
      expect.stringMatching(/^nobody is not an address/),
      expect.stringMatching(/^--cadence hourly is not/),
      expect.stringMatching(/^--hour 25/),
      expect.stringMatching(/^--zone Mars is no known time zone/),
      expect.stringMatching(/^--papers 0/),
      expect.stringMatching(/^--clear zone is none of include/),
      '--length long is not titles, short or full',
      '--silence loud is none of silent, note',
    ])
    await expect(setSubscriberCommand(ADA, {})).rejects.toThrow('nothing is to be set')
    await addReader(round.db, 'ada')
    await expect(call(() => setSubscriberCommand(ADA, { zone: 'Mars' }))).rejects.toThrow(/^--zone Mars is no known/)
    await expect(call(() => setSubscriberCommand('bob@example.org', { hour: '1' }))).rejects.toThrow('not a subscriber')
    await sql`update subscribers set consent = 'unsubscribed'`.execute(round.db)
    await expect(call(() => setSubscriberCommand(ADA, { hour: '1' }))).rejects.toThrow(`${ADA} is unsubscribed`)
  })
})

it('pauses for days or until a day, and goes on', async () => {
  await addReader(round.db, 'ada')
  await call(() => pauseSubscriberCommand(ADA, { days: '14' }))
  const until = shiftDate(dateOf(new Date()), 14)
  expect((await findSubscriberByAddress(round.db, ADA))?.pausedUntil).toBe(until)
  expect(await call(() => pauseSubscriberCommand(ADA, { until: '2099-01-31' }))).toContain('paused until 2099-01-31')
  await call(() => pauseSubscriberCommand(ADA, { end: true }))
  expect((await findSubscriberByAddress(round.db, ADA))?.pausedUntil).toBeNull()
  for (const options of [{}, { end: true, days: '1' }]) {
    await expect(pauseSubscriberCommand(ADA, options)).rejects.toThrow('say one of --until')
  }
  await expect(pauseSubscriberCommand(ADA, { until: 'soon' })).rejects.toThrow('--until soon is not a date')
  await expect(pauseSubscriberCommand(ADA, { until: '2020-01-01' })).rejects.toThrow('--until 2020-01-01 is over')
})

it('erases what is said of a suppressed reader too, and says what they may still do', async () => {
  await call(() => addSubscriberCommand(ADA, {}))
  await call(() => suppressCommand(ADA, { reason: 'Ada, by phone' }))
  const stays = 'it stays suppressed (operator), so it is neither written to nor imported, and cannot sign up'
  expect(await call(() => eraseSubscriberCommand(ADA, {}))).toContain(`Erased ${ADA}: ${stays}`)
  expect(await call(() => showSubscriberCommand(ADA, {}))).not.toContain('by phone')
  await call(() => suppressCommand(ADA, { reason: 'Ada, by phone' }))
  expect(await call(() => eraseSubscriberCommand(ADA, {}))).toContain(`Erased the words kept about ${ADA}: ${stays}`)
  expect(await call(() => showSubscriberCommand(ADA, {}))).not.toContain('by phone')
  await expect(call(() => eraseSubscriberCommand(ADA, {}))).rejects.toThrow('nothing to erase')
  await call(() => liftSuppressionCommand(ADA, {}))
  await call(() => addSubscriberCommand(ADA, {}))
  expect(await call(() => eraseSubscriberCommand(ADA, {}))).toContain('may come back by signing up')
})

it('suppresses whom nobody knows too, with the words of the operator', async () => {
  const suppress = (reason?: string) =>
    readJson(round.databaseUrl, () => suppressCommand(ADA, { reason, json: true } as never))
  expect(await suppress('asked by\nphone')).toEqual({ address: ADA, reason: 'operator', note: 'asked by phone' })
  expect(await show()).toMatch(
    /^ada@example.org is not a subscriber. Suppressed since [-\d]+ [:\d]+ UTC \(operator: asked by phone\)/,
  )
  await expect(call(() => addSubscriberCommand(ADA, {}))).rejects.toThrow('is suppressed')
  expect(await suppress('complaint')).toMatchObject({ reason: 'complaint', note: null })
  expect(await call(() => liftSuppressionCommand(ADA, {}))).toContain('it was suppressed (complaint)')
  await call(() => addSubscriberCommand(ADA, { note: 'signed a paper list' }))
  expect(await show()).toMatch(
    /\nConsent by operator \(subscribers add\): added .* UTC, confirmed .* UTC\nNote: signed a paper list\n/,
  )
})

describe('show', () => {
  it('tells day by day what was sent and what became of it, or why nothing was', async () => {
    const today = dateOf(new Date())
    const [sentOn, filteredOn] = [shiftDate(today, -2), shiftDate(today, -1)]
    const ada = await addReader(round.db, 'ada', { choices: { papers: 3, minimumVotes: 0 } })
    await sql`update subscribers set created_at = now() - interval '4 days'`.execute(round.db)
    const edition = await freezeEdition(round, sentOn)
    await planAll(round, edition, null)
    const batch = await round.db.selectFrom('batches').select('id').executeTakeFirstOrThrow()
    await dispatch(round, batch.id)
    await sql`update deliveries set fate = 'delivered', changed_at = ${`${filteredOn}T07:00:03Z`}, provider_id = 're_1'`.execute(
      round.db,
    )
    await call(() => setSubscriberCommand(ADA, { minVotes: '9999' }))
    await planAll(round, await freezeEdition(round, filteredOn), null)
    const lines = (await show()).split('\n')
    expect(lines).toEqual(
      expect.arrayContaining([
        'Last 30 days:',
        expect.stringMatching(new RegExp(`^  ${filteredOn}  Nothing above your bar of 9,999 votes`)),
        `  ${sentOn}  3 papers, sent ${filteredOn} 07:00 UTC through outbox, delivered (id re_1)`,
      ]),
    )
    const json = await readJson(round.databaseUrl, () => showSubscriberCommand(ADA, { json: true }))
    expect(json).toMatchObject({
      address: ADA,
      consentFacts: { source: 'test', note: null },
      preferences: { papers: 3, minimumVotes: 9999 },
      suppression: null,
    })
    expect((json.days as { date: string }[]).at(-1)?.date).toBe(shiftDate(today, -5))
    expect(await call(() => explainCommand(ADA, { date: sentOn }))).toContain(
      `\nSent ${filteredOn} 07:00 UTC through outbox, delivered (id re_1).\n`,
    )
    const whole = await readJson(round.databaseUrl, () => exportSubscribersCommand(ADA, {}))
    expect(whole).toMatchObject({ subscriber: { address: ADA, publicId: ada.publicId }, digests: [{}, {}] })
  })

  it('shows a weekly reader their own weeks, and explain names the last of them in short', {
    tags: 'long',
  }, async () => {
    await addReader(round.db, 'ada', { cadence: 'weekly', weekday: 5 })
    const { rows } = await sql<{ friday: string }>`
      select (current_date - (extract(isodow from current_date)::int + 2) % 7 - case when extract(isodow from now()) = 5
        and extract(hour from now() at time zone 'UTC') < 7 then 7 else 0 end)::text as friday`.execute(round.db)
    const thursday = shiftDate(rows[0]?.friday as string, -1)
    await sql`update subscribers set created_at = now() - interval '20 days'`.execute(round.db)
    const places = (await import('../../support/round.ts')).inventPlaces(thursday, 40)
    await planAll(round, await freezeEdition(round, thursday, { kind: 'weekly', places }), null)
    await freezeEdition(round, shiftDate(thursday, 1), { kind: 'weekly' })
    const explained = await call(() => explainCommand(ADA, {}))
    expect(explained).toContain(`the week to ${thursday}: frozen`)
    expect(explained.split('\n').at(-1)).toBe('  and 20 more papers: --json lists them all')
    const shown = (await show()).split('\n').filter((line) => /^ {2}\d/.test(line))
    expect(shown[0]).toMatch(new RegExp(`^  ${thursday} .week.  It is planned`))
    expect(shown.every((line) => line.includes(' (week)  '))).toBe(true)
    expect(shown.length).toBeLessThanOrEqual(3)
  })
})
