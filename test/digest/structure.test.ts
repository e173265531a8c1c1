// Outside text changes what a mail says and nothing else: its HTML is parsed by another parser and
// compared with the mail of twins, papers that say plain words wherever the real ones say
// something.
import { cpuUsage, stdout } from 'node:process'
import fc from 'fast-check'
import { type DefaultTreeAdapterTypes, parse, defaultTreeAdapter as tree } from 'parse5'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Length } from '../../src/database/states.ts'
import { joinDigest, joinView, preparePieces } from '../../src/digest/joining/joining.ts'
import { loadTemplates, renderEdition, type Templates } from '../../src/digest/rendering.ts'
import { cleanText } from '../../src/digest/text/text.ts'
import type { Place } from '../../src/edition/place.ts'
import type { Paper } from '../../src/source/paper.ts'
import { capturedDays, capturedPapers } from '../support/captured-days.ts'
import { selectionOf } from '../support/digests.ts'
import { isFull, runs } from '../support/full.ts'
import { HOST, PLACES, place, SLOTS } from './golden/places.ts'

type Node = DefaultTreeAdapterTypes.Node

const LENGTHS: Length[] = ['titles', 'short', 'full']
const days = capturedDays()
/**
 * Between full runs each day comes at one length, and every length at a third of the days: the
 * last of them, which holds the most papers, in full.
 */
const lengthsOf = (day: number) => (isFull ? LENGTHS : [LENGTHS.at((day - days.length) % LENGTHS.length) as Length])
const figures: string[] = []

let templates: Templates
beforeAll(async () => {
  templates = await loadTemplates()
})
afterAll(() => stdout.write(figures.map((line) => `${line}\n`).join('')))

/** What no text may have left in it: LaTeX, names of commands, characters that nobody sees. */
const LEFT = [
  /\\|[_^]\{|\$[^$\d\s][^$]*[\\^_][^$]*\$|``|&#?\w+;/,
  /\{(?:times|sim|circ|alpha|beta)\}|\b(?:textbf|textit|texttt|mathcal|boldsymbol)/,
  /[\p{Cc}\p{Cs}\p{Co}\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/u,
]

describe('every captured paper', () => {
  const papers = capturedPapers()
  it.skipIf(papers.length === 0)('reads without LaTeX, and says again what it said', () => {
    const count = { texts: 0, changed: 0, formulas: 0, commands: 0, scripts: 0, plain: 0 }
    const cpuBefore = cpuUsage()
    for (const { title, abstract, summary } of papers) for (const text of [title, abstract, summary]) cleanText(text)
    const spent = cpuUsage(cpuBefore)
    const wrong: string[] = []
    for (const paper of papers) {
      for (const text of [paper.title, paper.abstract, paper.summary, ...paper.authors, paper.organization ?? '']) {
        const clean = cleanText(text)
        count.texts++
        if (clean !== text) count.changed++
        count.formulas += text.match(/\$[^$\d\s][^$]*\$/g)?.length ?? 0
        count.commands += text.match(/\\[A-Za-z%&_#"'$ ]/g)?.length ?? 0
        count.scripts += text.match(/[_^]\{|\^|(?<!\p{L})\p{L}_[\p{L}\d](?!\p{L})/gu)?.length ?? 0
        count.plain += clean.match(/(?<!\S)\p{L}_[\p{L}\d](?!\p{L})|[_^]\(|\p{L}\^/gu)?.length ?? 0
        if (LEFT.some((mark) => mark.test(clean)) || cleanText(clean) !== clean) wrong.push(clean)
        if (text.trim() !== '' && clean === '') wrong.push(text)
      }
    }
    figures.push(
      `${papers.length} papers, ${count.texts} texts: ${count.changed} mended (${count.formulas} formulas in dollars, ` +
        `${count.commands} commands, ${count.scripts} scripts); ${count.plain} left as plain letters; ` +
        `${((spent.user + spent.system) / papers.length).toFixed(0)} µs of CPU a paper`,
    )
    expect(wrong).toEqual([])
    expect(papers.length).toBeGreaterThan(700)
  })
})

describe('the HTML of a mail', () => {
  it('has the structure of its plain twin, for the golden papers', async () => {
    for (const length of LENGTHS) await compare(PLACES, length, '2026-03-05', 'golden')
  })

  it.skipIf(days.length === 0)(
    'has the structure of its plain twin, on every captured day and length',
    { tags: 'long', timeout: 120_000 },
    async () => {
      let mails = 0
      let elements = 0
      for (const [day, { name, date, places }] of days.entries()) {
        for (const length of lengthsOf(day)) {
          elements += await compare(places, length, date, `${name} ${length}`)
          mails++
        }
      }
      figures.push(`${mails} mails of ${days.length} days: ${elements} nodes, each where its twin has it`)
    },
  )

  it('has the structure of its plain twin, whatever a paper says', async () => {
    const hostile = fc
      .array(
        fc.oneof(
          fc.constantFrom(
            '<',
            '>',
            '"',
            "'",
            '&',
            '&lt;',
            '&#60;',
            '-->',
            '<!--',
            ']]>',
            '</td>',
            '</title>',
            '<b',
            '/>',
            '`',
            '=',
          ),
          fc.constantFrom(
            '{{title}}',
            '{{{x}}}',
            '\u0001view\u0002',
            '\u0000',
            '$\\alpha$',
            '$&',
            '\\textbf{',
            '<think>',
            '\r\n',
          ),
          fc.constantFrom('<![endif]-->', '<!--[if mso]>', 'javascript:', ' onload=x', '\u202e', 'word ', '漢字'),
          fc.string({ unit: 'binary', maxLength: 5 }),
        ),
        { minLength: 1, maxLength: 20 },
      )
      // Something to see must be left: what has no title is no paper.
      .map((parts) => `x${parts.join('')}`)
    await fc.assert(
      fc.asyncProperty(hostile, hostile, fc.constantFrom(...LENGTHS), async (title, words, length) => {
        const said = { title, summary: words, abstract: words, authors: [words, title], organization: title }
        await compare([place(1, said), place(2, { title: words })], length, '2026-03-05', 'hostile')
      }),
      { numRuns: runs(60) },
    )
  })
})

/**
 * Compares the tree of a whole edition and of a mail with those of the twins; returns how many
 * elements there are.
 */
async function compare(places: Place[], length: Length, date: string, message: string): Promise<number> {
  const [own, twin] = await Promise.all(
    [places, places.map((each) => ({ ...each, paper: twinOf(each.paper) }))].map((each) => print(each, length, date)),
  )
  expect(own?.trees, message).toEqual(twin?.trees)
  const said = textOf(own?.documents[0] as Node).replace(/\s+/g, ' ')
  // A line of HTML has room for the beginning of a title only.
  const begins = places.map(({ paper }) => cleanText(paper.title).slice(0, 24))
  expect(
    begins.filter((begin) => !said.includes(begin)),
    message,
  ).toEqual([])
  return own?.trees[0]?.split('\n').length ?? 0
}

async function print(places: Place[], length: Length, date: string) {
  const sheet = { date, kind: 'daily', incomplete: false, places } as const
  const pieces = preparePieces(await renderEdition(sheet, length, HOST, templates), 'utf8')
  const papers = places.map(({ position }) => position)
  const select = (count: number) => selectionOf(sheet, papers.slice(0, count))
  // A page is never shortened; a mail of ten never needs to be, and one length shows what mails
  // have besides.
  const page = joinView(pieces, select(papers.length))
  const printed = length === 'short' ? [page, joinDigest(pieces, select(10), SLOTS)] : [page]
  const documents = printed.map(({ html }) => {
    const problems: string[] = []
    const document = parse(html, { onParseError: ({ code }) => problems.push(code) })
    return { document, problems }
  })
  return {
    documents: documents.map(({ document }) => document),
    trees: documents.map(({ document, problems }) => [...outline(document), ...problems].join('\n')),
  }
}

/**
 * Lists elements with their attributes, and that there is text or a comment, each with its depth.
 */
function outline(node: Node, depth = 0): string[] {
  const children = 'childNodes' in node ? node.childNodes.flatMap((child) => outline(child, depth + 1)) : []
  if (!tree.isElementNode(node)) return [`${depth} ${node.nodeName}`, ...children]
  const attributes = node.attrs.map(({ name, value }) => `${name}=${value}`)
  return [`${depth} ${[node.nodeName, ...attributes].join(' ')}`, ...children]
}

function textOf(node: Node): string {
  if (tree.isTextNode(node)) return node.value
  return 'childNodes' in node ? node.childNodes.map(textOf).join('') : ''
}

/** Returns the same paper in plain words: there where there was something to say, and as long. */
function twinOf(paper: Paper): Paper {
  const plain = (text: string) => cleanText(text).replace(/\S/gu, 'a')
  return {
    ...paper,
    title: plain(paper.title),
    abstract: plain(paper.abstract),
    summary: plain(paper.summary),
    authors: paper.authors.map(plain),
    organization: paper.organization === null ? null : plain(paper.organization),
  }
}
