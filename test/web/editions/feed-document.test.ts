import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Feed, renderFeed, updatedAtOf } from '../../../src/web/editions/feed-document.ts'
import { isFull } from '../../support/full.ts'

const ENTRY = {
  id: 'https://papers.example/editions/2026-03-05',
  url: 'https://papers.example/editions/2026-03-05',
  title: 'Thursday',
  summary: 'Five papers',
  html: '<p>One &amp; two</p>',
  publishedAt: new Date('2026-03-06T00:31:00Z'),
  updatedAt: new Date('2026-03-06T00:31:00Z'),
}
const FEED: Feed = {
  id: 'https://papers.example/',
  title: 'Daily Papers',
  description: 'Papers',
  homeUrl: 'https://papers.example/',
  selfUrl: 'https://papers.example/feed.xml',
  author: 'Daily Papers',
  entries: [ENTRY],
}

/**
 * Reads documents with a parser that takes nothing but well-formed XML, and prints tags, attributes
 * and texts as JSON.
 */
const READER = `
import json, sys, xml.etree.ElementTree as E
flat = lambda n: [n.tag.split('}')[1], dict(n.attrib), n.text or '', [flat(c) for c in n]]
print(json.dumps([flat(E.fromstring(d.encode('utf-8'))) for d in json.load(sys.stdin)]))`

type Node = [tag: string, attributes: Record<string, string>, text: string, children: Node[]]

function parseAll(documents: string[]): Node[] {
  const input = JSON.stringify(documents)
  return JSON.parse(execFileSync('python3', ['-c', READER], { input, encoding: 'utf8', maxBuffer: 1e8 }))
}

const children = ([, , , list]: Node, tag: string) => list.filter(([name]) => name === tag)
const text = (node: Node, tag: string) => children(node, tag)[0]?.[2]

describe('Atom', () => {
  it('holds what RFC 4287 asks for', () => {
    const [feed] = parseAll([renderFeed(FEED, 'atom')]) as [Node]
    expect(feed[0]).toBe('feed')
    expect([text(feed, 'id'), text(feed, 'title')]).toEqual([FEED.id, FEED.title])
    expect(text(feed, 'updated')).toBe('2026-03-06T00:31:00.000Z')
    expect(text(children(feed, 'author')[0] as Node, 'name')).toBe('Daily Papers')
    expect(children(feed, 'link').map(([, { rel, href }]) => [rel, href])).toEqual([
      ['alternate', FEED.homeUrl],
      ['self', FEED.selfUrl],
    ])
    const [entry] = children(feed, 'entry') as [Node]
    expect(text(entry, 'id')).toBe(ENTRY.id)
    expect(text(entry, 'published')).toBe('2026-03-06T00:31:00.000Z')
    expect(children(entry, 'content')[0]?.slice(1, 3)).toEqual([{ type: 'html' }, ENTRY.html])
  })

  it('is well-formed whatever the texts hold, and loses only what XML cannot write', () => {
    const documents: { title: string; document: string }[] = []
    const anything = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom(']]>', '<', '&', '"', "'", '\0', '\u001f', '\ufffe', '\ud800', '😀', 'a') }),
    )
    fc.assert(
      fc.property(anything, (title) => {
        const entry = { ...ENTRY, title, summary: title, html: title, url: `https://x.example/?${title}` }
        documents.push({ title, document: renderFeed({ ...FEED, title, entries: [entry] }, 'atom') })
      }),
      { numRuns: isFull ? 10_000 : 300 },
    )
    const parsed = parseAll(documents.map(({ document }) => document))
    for (const [index, { title }] of documents.entries()) {
      const kept = [...title].filter((sign) => /[\t\n\r -\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u.test(sign)).join('')
      // XML reads every line end as one.
      expect(text(parsed[index] as Node, 'title')).toBe(kept.replace(/\r\n?/g, '\n'))
    }
  })

  it('has a date even without entries', () => {
    const empty = { ...FEED, entries: [] }
    expect(updatedAtOf(empty)).toEqual(new Date(0))
    expect(text(parseAll([renderFeed(empty, 'atom')])[0] as Node, 'updated')).toBe('1970-01-01T00:00:00.000Z')
  })
})

describe('JSON Feed', () => {
  it('holds what version 1.1 asks for', () => {
    expect(JSON.parse(renderFeed({ ...FEED, selfUrl: 'https://papers.example/feed.json' }, 'json'))).toEqual({
      version: 'https://jsonfeed.org/version/1.1',
      title: 'Daily Papers',
      description: 'Papers',
      home_page_url: 'https://papers.example/',
      feed_url: 'https://papers.example/feed.json',
      language: 'en',
      authors: [{ name: 'Daily Papers' }],
      items: [
        {
          id: ENTRY.id,
          url: ENTRY.url,
          title: 'Thursday',
          summary: 'Five papers',
          content_html: ENTRY.html,
          date_published: '2026-03-06T00:31:00.000Z',
          date_modified: '2026-03-06T00:31:00.000Z',
        },
      ],
    })
  })
})
