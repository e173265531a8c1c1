import { expect, it } from 'vitest'
import { issueToken } from '../../../src/subscriber/token.ts'
import { makePlace } from '../../support/places.ts'
import { addReader, freezeEdition } from '../../support/round.ts'
import { keepWeb, mailEdition, tokenOf } from '../open-app.ts'

const web = keepWeb()

it('holds the digests that were mailed, newest first, for its reader alone and without an address', async () => {
  const reader = await addReader(web.round.db, 'ada', { choices: { papers: 2 } })
  const path = `/feed/${issueToken(web.round.linkKeys, 'feed', reader, new Date())}`
  expect(await (await web.app.request(path)).text()).not.toContain('<entry>')
  const mails = await mailEdition(web.round, await freezeEdition(web.round, '2026-03-05'))
  const atom = await web.app.request(path)
  expect(atom.headers.get('Content-Type')).toBe('application/atom+xml; charset=utf-8')
  expect(atom.headers.get('Cache-Control')).toBe('no-store')
  const text = await atom.text()
  expect(text.match(/<entry>/g)).toHaveLength(1)
  expect(text).toContain('<title>Thursday 5 March 2026</title>')
  expect(text).not.toContain('ada@')

  const answers = [
    await web.app.request(`${path}?format=json`),
    await web.app.request(path, { headers: { Accept: 'application/feed+json' } }),
  ]
  for (const answer of answers) {
    const { items, version } = (await answer.json()) as { version: string; items: Record<string, string>[] }
    expect(version).toBe('https://jsonfeed.org/version/1.1')
    expect(items).toHaveLength(1)
    expect(items[0]?.summary).toMatch(/^2 papers\. First: /)
    // The entry leads to the same digest as the mail does.
    const view = new URL(items[0]?.url ?? '').pathname
    expect(view.split('/')[1]).toBe('view')
    const shown = await (await web.app.request(`${view}/mail`)).text()
    const mailed = await web.app.request(`/view/${tokenOf(mails.get('ada@example.org'), 'view')}/mail`)
    expect(shown).toBe(await mailed.text())
  }
})

it('tells readers of one selection the same, each with links of their own, and asks again', async () => {
  const readers = [await addReader(web.round.db, 'ada'), await addReader(web.round.db, 'grace')]
  await mailEdition(web.round, await freezeEdition(web.round, '2026-03-05'))
  await mailEdition(web.round, await freezeEdition(web.round, '2026-03-06'))
  const read = async (at: number) => {
    const token = issueToken(web.round.linkKeys, 'feed', readers[at] as (typeof readers)[0], new Date())
    const answer = await web.app.request(`/feed/${token}?format=json`)
    return ((await answer.json()) as { items: Record<string, string>[] }).items
  }
  const [first, other, again] = [await read(0), await read(1), await read(0)]
  const told = (items: typeof first) => items.map(({ title, summary, content_html }) => [title, summary, content_html])
  expect(first).toHaveLength(2)
  expect(told(other)).toEqual(told(first))
  expect(new Set([...first, ...other].map(({ url }) => url)).size).toBe(4)
  expect(again).toEqual(first)
})

it('says nothing of votes where the source has none, as the mail does', async () => {
  const reader = await addReader(web.round.db, 'ada')
  const path = `/feed/${issueToken(web.round.linkKeys, 'feed', reader, new Date())}`
  const places = [1, 2].map((position) => makePlace({ position, upvotes: 0 }))
  const mails = await mailEdition(web.round, await freezeEdition(web.round, '2026-03-05', { places }))
  const text = await (await web.app.request(path)).text()
  expect(text).toContain('Paper 2603.00001')
  for (const part of [text, JSON.stringify(mails.get('ada@example.org'))]) expect(part).not.toMatch(/\bvotes?\b/)
})
