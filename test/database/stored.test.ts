// Every stored JSON shape, with each of its fields taken away in turn, with all of them gone, with
// one that nobody knows and with values that nobody can read: planning, pages and mails go on. What
// this program does not know is still there when a row is written again. Pieces are none of these:
// what is read of them belongs to their join version, which the golden files hold.
import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { explainEdition } from '../../src/delivery/account/explaining.ts'
import { insertNotice } from '../../src/delivery/notice/asking.ts'
import type { NoticeContent } from '../../src/delivery/notice/notice.ts'
import { seal } from '../../src/delivery/notice/seal.ts'
import { openPostgresPaces } from '../../src/delivery/pace/pace-store.ts'
import { openPaces } from '../../src/delivery/pace/paces.ts'
import { askAddress, confirmAddress, findAddressChange } from '../../src/delivery/request/address-change.ts'
import { confirm, findConfirmation, signUp } from '../../src/delivery/request/sign-up.ts'
import { listApart, markAlive } from '../../src/delivery/sending/heartbeats.ts'
import { listFound } from '../../src/edition/search.ts'
import { listPlaces } from '../../src/edition/store.ts'
import { dispatch } from '../../src/jobs/dispatch.ts'
import { notify } from '../../src/jobs/notify.ts'
import { planAll } from '../../src/jobs/plan.ts'
import { readPaper } from '../../src/source/paper.ts'
import { insertCollection, listPapers } from '../../src/source/store.ts'
import { readAsk } from '../../src/subscriber/consent.ts'
import { readWish } from '../../src/subscriber/journal/wish.ts'
import { DEFAULT_CHOICES, hashChoices, parseChoices, readChoices } from '../../src/subscriber/preferences.ts'
import { findSubscriberById, listSubscribers } from '../../src/subscriber/store.ts'
import { issueToken } from '../../src/subscriber/token.ts'
import { change, findUndo, undo } from '../../src/subscriber/undo.ts'
import { makeAsk } from '../support/asks.ts'
import { ageNotices, readNotice, readToken } from '../support/notices.ts'
import { makePaper } from '../support/places.ts'
import { addReader, freezeEdition, inventPlaces, readAccounts } from '../support/round.ts'
import { keepWeb, tokenOf } from '../web/open-app.ts'

const web = keepWeb()
const DATE = '2026-03-05'
const NEWER = { ofANewerBuild: { kept: ['as it is'] } }

/** The shape without each of its fields, without any, with one more, and with nothing readable. */
function variantsOf(shape: object): [string, object][] {
  const entries = Object.entries(shape)
  return [
    ...entries.map(([name]): [string, object] => [
      `without ${name}`,
      Object.fromEntries(entries.filter(([other]) => other !== name)),
    ]),
    ['empty', {}],
    ['with an unknown field', { ...shape, ...NEWER }],
    ['unreadable', Object.fromEntries(entries.map(([name]) => [name, { odd: 1 }]))],
  ]
}

const jsonb = (value: object) => sql`${JSON.stringify(value)}::jsonb`

describe('what is stored as JSON', () => {
  it('is all named here', async () => {
    const { rows } = await sql<{ column: string }>`
      select table_name || '.' || column_name as column from information_schema.columns
      where table_schema = 'public' and data_type in ('json', 'jsonb') and table_name not like 'bull%' order by 1`.execute(
      web.round.db,
    )
    expect(rows.map(({ column }) => column)).toEqual([
      'credentials.payload',
      'edition_papers.paper',
      'heartbeats.settings',
      'papers.facts',
      'preferences.choices',
    ])
  })

  it('is compared as it is where a newer build wrote it: the settings of a process', async () => {
    const id = () => crypto.randomUUID()
    const alive = { roles: ['worker'], host: 'one' }
    await markAlive(web.round.db, { ...alive, id: id(), settings: { CUTOFF: 'a' } })
    for (const settings of [{ CUTOFF: { odd: 1 }, ...NEWER }, ['CUTOFF'], 1]) {
      await sql`insert into heartbeats (id, roles, host, settings) values (${id()}::uuid, '{worker}', 'two', ${jsonb(settings as object)})`.execute(
        web.round.db,
      )
    }
    expect(await listApart(web.round.db)).toEqual([{ setting: 'CUTOFF', sides: ['worker on one', 'worker on two'] }])
  })

  it('has defaults that never change', () => {
    // Whoever changes a line here changes what old rows mean.
    expect(DEFAULT_CHOICES).toEqual({
      papers: 10,
      length: 'short',
      minimumVotes: 0,
      onlyWithCode: false,
      include: [],
      mute: [],
      authors: [],
      organisations: [],
      includeMeans: 'first',
    })
    expect(hashChoices(parseChoices({})).toString('hex').slice(0, 16)).toBe('4f53cda18c2baa0c')
    expect(readAsk({})).toEqual({
      cadence: 'daily',
      weekday: 1,
      hour: 7,
      zone: 'UTC',
      silence: 'silent',
      choices: DEFAULT_CHOICES,
      welcome: false,
      consentSource: 'form',
      consentPage: 'unknown',
    })
    expect(readPaper('2603.00001', null)).toEqual({
      id: '2603.00001',
      arxivId: null,
      title: '2603.00001',
      abstract: '',
      summary: '',
      authors: [],
      authorCount: null,
      organization: null,
      keywords: [],
      codeUrl: null,
      codeStars: null,
      projectUrl: null,
      publishedAt: null,
      withdrawnAt: null,
    })
  })
})

describe('choices', () => {
  it('that lack a field or hold another are planned, shown, explained and sent', { tags: 'long' }, async () => {
    const { db, linkKeys, topics, provider } = web.round
    const variants = variantsOf(parseChoices({ papers: 3, mute: ['benchmarks'], include: ['agents'] }))
    const readers = []
    for (const [at, [, choices]] of variants.entries()) {
      const reader = await addReader(db, `r${at}`)
      await sql`
        with row as (insert into preferences (sha256, choices) values (${Buffer.from(`row ${at}`)}, ${jsonb(choices)}) returning id)
        update subscribers set preferences_id = row.id from row where subscribers.id = ${reader.id}`.execute(db)
      readers.push(reader)
    }
    const edition = await freezeEdition(web.round, DATE)
    await planAll(web.round, edition, null)
    for (const { id } of await db.selectFrom('batches').select('id').execute()) await dispatch(web.round, id)
    expect(await readAccounts(db, edition.id)).toMatchObject({ due: readers.length, submitted: readers.length })
    expect(provider.accepted).toHaveLength(readers.length)
    expect(await listSubscribers(db, 0, 100)).toHaveLength(readers.length)
    for (const [at, { id }] of readers.entries()) {
      const reader = await findSubscriberById(db, id)
      if (!reader) throw new Error('a reader is gone')
      const ask = { date: DATE, kind: 'daily', cutoffMinutes: 30, topics } as const
      expect(await explainEdition(db, reader, ask), variants[at]?.[0]).toMatchObject({
        outcome: { kind: 'mail' },
        choicesChanged: false,
      })
      const token = issueToken(linkKeys, 'preferences', reader, new Date())
      const entered = await web.app.request(`/preferences/${token}`)
      const cookie = (entered.headers.get('set-cookie') ?? '').split(';')[0] as string
      const page = await web.app.request('/preferences', { headers: { cookie } })
      expect(page.status, variants[at]?.[0]).toBe(200)
    }
  })

  it('keep what is not known here through a change and its undo, and their row while only the hour changes', async () => {
    const { db } = web.round
    const { id } = await addReader(db, 'ada')
    await sql`update preferences set choices = choices || ${jsonb({ ...NEWER, length: 'tiny' })}`.execute(db)
    const stored = async () => {
      const { rows } = await sql<{ id: number; choices: object }>`
        select p.id, p.choices from subscribers s join preferences p on p.id = s.preferences_id`.execute(db)
      return rows[0]
    }
    const before = await stored()
    await change(web.round, id, { hour: 20 })
    expect(await stored()).toEqual(before)
    const changed = await change(web.round, id, { choices: parseChoices({ papers: 4 }) })
    expect((await stored())?.choices).toMatchObject({ papers: 4, length: 'short', ...NEWER })
    await undo(web.round, changed?.undo as string)
    expect((await stored())?.choices).toMatchObject({ papers: 10, ...NEWER })
  })

  it('share a row by what differs from the defaults, and read only what can be read', () => {
    expect(hashChoices(readChoices({}))).toEqual(hashChoices(parseChoices({})))
    expect(hashChoices(readChoices(NEWER))).not.toEqual(hashChoices(parseChoices({})))
    expect(readChoices({ mute: ['rl', 7, 'vision'], papers: 900 })).toMatchObject({
      mute: ['rl', 'vision'],
      papers: 10,
    })
    expect(() => parseChoices(NEWER)).toThrow()
  })
})

describe('openings', () => {
  const line = {
    label: 'Most votes',
    title: 'Diffusion at noon',
    url: 'https://example.org/1',
    fact: '3 votes',
    personal: false,
  }
  const opening = {
    subject: 'Diffusion at noon',
    preheader: 'and two more',
    headline: 'Diffusion',
    day: 'Three papers.',
    lead: [line],
    papers: [1],
  }
  const variants = [
    ...variantsOf(opening),
    ...variantsOf(line).map(([name, line]): [string, object] => [`a line ${name}`, { ...opening, lead: [line] }]),
  ]

  it('that lack a field or hold another are sent and shown, or give way to the plain one of their edition', async () => {
    const { db, provider } = web.round
    for (const [at] of variants.entries()) await addReader(db, `r${at}`)
    const edition = await freezeEdition(web.round, DATE)
    await planAll(web.round, edition, null)
    // One selection for each variant: all have planned the same.
    await sql`
      insert into selections (edition_id, id, length, papers, reasons, remarks, opening)
      select x.edition_id, 100 + v.place, x.length, x.papers, x.reasons, x.remarks, v.opening
      from selections x cross join unnest(${variants.map(([, stored]) => JSON.stringify(stored))}::text[]) with ordinality v(opening, place)
      where x.edition_id = ${edition.id}`.execute(db)
    await sql`
      update deliveries d set selection_id = 101 + substring(s.address from '^r([0-9]+)@')::int
      from subscribers s where s.id = d.subscriber_id and d.edition_id = ${edition.id}`.execute(db)
    for (const { id } of await db.selectFrom('batches').select('id').execute()) await dispatch(web.round, id)
    const byReader = new Map(provider.accepted.map((mail) => [mail.to.split('@')[0], mail]))
    expect(byReader.size).toBe(variants.length)
    for (const [at, [name, stored]] of variants.entries()) {
      const said = ['subject', 'headline', 'day', 'papers'].every(
        (field) => Array.isArray(stored[field as never]) || typeof stored[field as never] === 'string',
      )
      const subject = byReader.get(`r${at}`)?.subject
      expect({ name, isOwn: subject === opening.subject }).toEqual({ name, isOwn: said })
      expect(subject, name).toMatch(/./)
      const shown = await web.app.request(`/view/${tokenOf(byReader.get(`r${at}`), 'view')}/mail`)
      expect({ name, status: shown.status }).toEqual({ name, status: 200 })
    }
  })
})

describe('turns', () => {
  const window = {
    nextAt: 1,
    pausedUntil: 1,
    limit: 4,
    limitUntil: 1,
    unevenMs: 60,
    quickestMs: 20,
    answers: 3,
    requests: [[1, 2]],
  }
  it.each(variantsOf(window))('%s are given, and keep what is not known here', async (_, stored) => {
    const { db, logger } = web.round
    await sql`
      insert into provider_paces (provider, turns) values ('outbox', ${JSON.stringify(stored)})
      on conflict (provider) do update set turns = excluded.turns`.execute(db)
    const paces = openPaces(openPostgresPaces(db), logger)
    const asked = { weight: 1, isUrgent: false, patienceMs: 10_000 }
    const turn = await paces.take({ name: 'outbox', requestsPerSecond: 5 }, asked)
    if (typeof turn === 'number') throw new Error('there was no turn')
    await turn.comes()
    turn.leaves()
    turn.ends(null)
    await paces.close()
    const { rows } = await sql<{ turns: string }>`select turns from provider_paces where provider = 'outbox'`.execute(
      db,
    )
    const kept = JSON.parse(rows[0]?.turns ?? '')
    expect(kept.requests.at(-1)).toEqual([expect.any(Number), expect.any(Number)])
    expect(kept).toMatchObject('ofANewerBuild' in stored ? NEWER : {})
  })
})

describe('wishes to leave', () => {
  const wish = { at: '2026-03-05T07:00:00.000Z', kind: 'left', reader: 'a'.repeat(64), address: null, reason: null }
  it.each(variantsOf(wish))('%s are read while they say when and what', (_, stored) => {
    const saysWhat = 'at' in stored && 'kind' in stored && stored.kind === wish.kind
    const reader = 'reader' in stored ? wish.reader : null
    const read = { ...wish, at: new Date(wish.at), reader }
    expect(readWish(JSON.stringify(stored))).toEqual(saysWhat ? read : undefined)
  })

  it('bar an address for a reason that is not known here', () => {
    const address = 'b'.repeat(64)
    const newer = JSON.stringify({ ...wish, kind: 'suppressed', address, reason: 'of a newer build' })
    expect(readWish(newer)).toMatchObject({ kind: 'suppressed', address, reason: 'provider' })
  })
})

describe('papers', { tags: 'long' }, () => {
  const paper = makePaper({ id: '2603.00001', title: 'Diffusion at noon' })
  it.each(variantsOf(paper))('%s are ranked, found, planned and sent', async (_, stored) => {
    const { db } = web.round
    const look = { date: DATE, source: 'test', verdict: 'complete', reason: null, setAside: 0 } as const
    const listing = { paper, upvotes: 3, comments: 0, submittedAt: null }
    await db.transaction().execute((trx) => insertCollection(trx, { ...look, listings: [listing] }))
    await sql`update papers set facts = ${jsonb(stored)}`.execute(db)
    const [listed] = await listPapers(db, [DATE])
    expect(listed?.paper).toMatchObject({ id: paper.id, title: expect.stringMatching(/./) })
    for (const { paper: found } of (await listFound(db, 'diffusion', () => [], { limit: 5, offset: 0 })).found)
      expect(found.id).toBe(paper.id)
    const places = inventPlaces(DATE, 3)
    const edition = await freezeEdition(web.round, DATE, {
      places: places.map((place, at) => (at === 0 && listed ? { ...place, paper: listed.paper } : place)),
    })
    await sql`update edition_papers set paper = ${jsonb(stored)} where position = 1`.execute(db)
    expect(await listPlaces(db, edition.id)).toHaveLength(3)
    await addReader(db, 'ada', { choices: { include: ['diffusion'], authors: ['Hopper'], organisations: ['MIT'] } })
    await planAll(web.round, edition, null)
    for (const { id } of await db.selectFrom('batches').select('id').execute()) await dispatch(web.round, id)
    expect(web.round.provider.accepted).toHaveLength(1)
    expect((await web.app.request(`/editions/${DATE}`)).status).toBe(200)
  })

  it('keep what is not known here when they are collected again and frozen', async () => {
    const { db } = web.round
    const look = { date: DATE, source: 'test', verdict: 'complete', reason: null, setAside: 0 } as const
    const collect = (title: string) =>
      db.transaction().execute((trx) => {
        const listings = [{ paper: { ...paper, title }, upvotes: 3, comments: 0, submittedAt: null }]
        return insertCollection(trx, { ...look, listings })
      })
    await collect('One')
    await sql`update papers set facts = facts || ${jsonb(NEWER)}`.execute(db)
    await collect('Two')
    const [listed] = await listPapers(db, [DATE])
    expect(listed?.paper).toMatchObject({ title: 'Two', ...NEWER })
    const [place] = inventPlaces(DATE, 1)
    if (!place || !listed) throw new Error('nothing was listed')
    await freezeEdition(web.round, DATE, { places: [{ ...place, paper: listed.paper }] })
    const { rows } = await sql<{ paper: object }>`select paper from edition_papers`.execute(db)
    expect(rows[0]?.paper).toMatchObject(NEWER)
  })
})

describe('links', () => {
  const setPayload = (payload: object) => sql`update credentials set payload = ${jsonb(payload)}`.execute(web.round.db)

  it.each(variantsOf(makeAsk()))('to confirm, %s, begin a subscription', async (_, payload) => {
    const notice = await signUp(web.round, 'ada@example.org', makeAsk())
    await setPayload(payload)
    const token = await readToken(web.round, notice)
    expect((await web.app.request(`/confirm/${token}`)).status).toBe(200)
    expect(await confirm(web.round, token)).toMatchObject({ subscriber: { consent: 'confirmed', hour: 7 } })
  })

  it('to confirm keep what is not known here when somebody asks again', async () => {
    const notice = await signUp(web.round, 'ada@example.org', makeAsk())
    const ask = makeAsk()
    await setPayload({ ...ask, ...NEWER, choices: { ...ask.choices, ...NEWER } })
    await signUp(web.round, 'ada@example.org', makeAsk({ hour: 9 }))
    const token = await readToken(web.round, notice)
    expect(await findConfirmation(web.round, token)).toMatchObject({ ask: { hour: 9, ...NEWER, choices: NEWER } })
  })

  const standing = { ...makeAsk(), pausedUntil: '2999-01-01' }
  const undos = [
    ...variantsOf({ kind: 'choices', before: standing }),
    ...variantsOf(standing).map(([name, before]): [string, object] => [`before ${name}`, { kind: 'choices', before }]),
    ...variantsOf({ kind: 'address', before: 'old@example.org' }),
  ]
  it.each(undos)('to undo, %s, show and do what can be read of them', async (_, payload) => {
    const { db } = web.round
    const { id } = await addReader(db, 'ada')
    const token = (await change(web.round, id, { hour: 20 }))?.undo as string
    await setPayload(payload)
    const found = await findUndo(db, token)
    expect((await web.app.request(`/undo/${token}`)).status).toBe(found ? 200 : 404)
    const undone = await undo(web.round, token)
    expect(undone?.kind).toBe(found?.wanted.kind)
    expect('before' in payload && (!('kind' in payload) || typeof payload.kind === 'string')).toBe(found !== undefined)
  })

  it.each(variantsOf({ address: 'new@example.org' }))('to move, %s, move or are not found', async (_, payload) => {
    const { db } = web.round
    const { id } = await addReader(db, 'ada')
    const notice = await askAddress(web.round, id, 'new@example.org')
    const token = await readToken(web.round, notice)
    await setPayload(payload)
    const isThere = 'address' in payload && typeof payload.address === 'string'
    expect((await web.app.request(`/address/${token}`)).status).toBe(isThere ? 200 : 404)
    expect((await findAddressChange(web.round, token))?.address).toBe(isThere ? payload.address : undefined)
    expect((await confirmAddress(web.round, token))?.address).toBe(isThere ? 'new@example.org' : undefined)
  })
})

describe('sealed notices', { tags: 'long' }, () => {
  const token = 'a'.repeat(43)
  const contents: NoticeContent[] = [
    { kind: 'confirm', token },
    { kind: 'address-changed', token, newAddress: 'n•••@example.org' },
    { kind: 'address', token },
    { kind: 'export', token },
    { kind: 'erase', token },
    { kind: 'subscribed-already' },
    { kind: 'link' },
    { kind: 'alarm', subject: 'It stands still', title: 'Nothing goes', paragraphs: ['Look.'] },
    { kind: 'test', subject: 'A test', html: '<p>A test</p>', text: 'A test' },
    { kind: 'report', subject: 'Good morning', html: '<p>Well</p>', text: 'Well' },
    { kind: 'note', subject: 'No papers', title: 'Nothing', paragraphs: ['Why.'], why: 'You asked.' },
  ]
  it.each(contents)(
    'of kind $kind leave, whatever they lack but the token of their link or all of their mail',
    async (content) => {
      const { db, linkKeys, provider } = web.round
      const { id: subscriberId, publicId } = await addReader(db, 'ada')
      const reader = { publicId, epoch: 0 }
      const sealed: [string, object][] = [
        ...variantsOf({ content, reader }),
        ...variantsOf(content).map(([name, content]): [string, object] => [`content ${name}`, { content, reader }]),
        ...variantsOf(reader).map(([name, reader]): [string, object] => [`reader ${name}`, { content, reader }]),
      ]
      for (const [name, value] of sealed) {
        const id = await insertNotice(db, linkKeys, { ...content, subscriberId, address: 'ada@example.org' })
        const row = await readNotice(db, id)
        await sql`update notices set sealed = ${seal(linkKeys, row.public_id, value)} where id = ${id}`.execute(db)
        provider.accepted.length = 0
        await notify(web.round, id)
        const inside = (value as { content?: { token?: unknown; html?: unknown } }).content
        const isWhole =
          (!('token' in content) || typeof inside?.token === 'string') &&
          (!('html' in content) || typeof inside?.html === 'string')
        const { state, reason } = await readNotice(db, id)
        expect({ name, state, reason }).toEqual({
          name,
          state: isWhole ? 'submitted' : 'withheld',
          reason: isWhole ? null : 'unreadable',
        })
      }
      await ageNotices(db, 25)
    },
  )
})
