import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Length } from '../../src/database/states.ts'
import { joinDigest, preparePieces } from '../../src/digest/joining/joining.ts'
import { loadTemplates, openTemplates, renderEdition, type Sheet, type Templates } from '../../src/digest/rendering.ts'
import type { Place } from '../../src/edition/place.ts'
import { rankPapers } from '../../src/edition/ranking.ts'
import { PermanentError } from '../../src/errors.ts'
import { selectionOf } from '../support/digests.ts'
import { seedListings } from '../support/seed-page.ts'
import { HOST, PLACES, place, SLOTS } from './golden/places.ts'

const LENGTHS: Length[] = ['titles', 'short', 'full']
const TEMPLATES = new URL('../../templates/', import.meta.url)

let templates: Templates
beforeAll(async () => {
  templates = await loadTemplates()
})

describe('renderEdition', () => {
  it('gives the same pieces for the same sheet, however often the templates are compiled', async () => {
    const again = await loadTemplates()
    for (const length of LENGTHS) {
      const first = await renderEdition(sheet(PLACES), length, HOST, templates)
      const second = await renderEdition(sheet(PLACES), length, HOST, again)
      expect(second).toEqual(first)
      expect(new Set(first.map(({ name }) => name)).size).toBe(first.length)
      for (const { name, body } of first) expect(body, name).toMatch(/\n$/)
    }
  })

  it('writes the text part as the golden one reads; a new template may change it (vitest -u), then look at it', async () => {
    await expect((await mail(PLACES, 'short')).text).toMatchFileSnapshot('golden/digest.txt.golden')
  })

  it('escapes every value', async () => {
    const nasty = `<script>alert("1")</script> & 'x' $& $' {{title}} {{{title}}} \u0001view\u0002 \`=`
    const one = place(1, {
      title: nasty,
      summary: nasty,
      abstract: nasty,
      authors: [nasty],
      organization: nasty,
      codeUrl: 'https://github.com/a/b?"><script>',
    })
    const host = { ...HOST, name: nasty, postalAddress: nasty }
    for (const length of LENGTHS) {
      const pieces = await renderEdition(sheet([{ ...one, reason: nasty }]), length, host, templates)
      const { html, text, subject } = joinDigest(preparePieces(pieces, 'utf8'), { papers: [1], reasons: [0] }, SLOTS)
      expect(html).not.toMatch(/<script/i)
      expect(html).toContain(
        '&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; &#x27;x&#x27; $&amp; $&#x27; {{title}}',
      )
      // The slot that a title pretends to be is plain letters, and the real ones are where the
      // links are.
      expect(html.split(SLOTS.view)).toHaveLength(2)
      expect(text.replace(/\s+/g, ' ')).toContain(`<script>alert("1")</script> & 'x' $& $' {{title}} {{{title}}} view`)
      expect(`${html}${text}${subject}`).not.toMatch(/(?!\n)\p{Cc}/u)
    }
  })

  it('prints by length: titles alone, the summary, or the abstract', async () => {
    const summary = 'The summary says what is new here.'
    const one = [1, 2, 3].map((position) => place(position, { title: 'Title', summary, abstract: 'The abstract.' }))
    for (const part of ['html', 'text'] as const) {
      const [titles, short, full] = await Promise.all(LENGTHS.map(async (length) => (await mail(one, length))[part]))
      expect(titles).toMatch(/Title[\s\S]*Some One/)
      expect(titles).not.toMatch(/The summary|The abstract|Discussion|no\. 1 of 3/)
      expect(short).toContain('The summary says what is new here.')
      // A rank beside its own numeral says nothing.
      expect(short).not.toMatch(/1 of 3/)
      expect(short).not.toContain('The abstract.')
      expect(full).toContain('The abstract.')
    }
  })

  it('prints the sentence that tells what is new where the source has no summary', async () => {
    const abstract = 'Wind is hard. In this paper, we introduce Kite, a model of wind. It flies.'
    const one = [place(1, { title: 'Kite', summary: '', abstract })]
    for (const part of ['html', 'text'] as const) {
      const short = (await mail(one, 'short'))[part]
      expect(short).toContain('We introduce Kite, a model of wind.')
      expect(short).not.toContain('Wind is hard.')
    }
  })

  it('prints no link of a paper without an arXiv id, and every link of the others in both parts', async () => {
    const { html, text } = await mail([place(1, { arxivId: null, codeUrl: 'https://github.com/a/b' })], 'short')
    for (const part of [html, text]) expect(part).not.toMatch(/arxiv|github|huggingface/)
    const linked = await mail(PLACES.slice(0, 1), 'short')
    for (const link of [
      'https://arxiv.org/abs/2603.00001',
      'https://arxiv.org/pdf/2603.00001',
      'https://huggingface.co/papers/2603.00001',
      'https://github.com/example/lantern',
      'https://lantern.example.org/?a=1&b=2',
    ]) {
      expect(linked.text.split('\n').some((line) => line.endsWith(link))).toBe(true)
      expect(linked.html).toContain(`href="${link.replaceAll('&', '&amp;').replaceAll('=', '&#x3D;')}"`)
    }
  })

  it('says what day it is, and when the day is incomplete', async () => {
    const daily = await mail(PLACES, 'short')
    for (const part of [daily.text, daily.html.replaceAll('&lt;', '<').replaceAll('&gt;', '>')]) {
      expect(part).toContain('Thursday 5 March 2026 · 4 papers, 100 votes')
      expect(part).toMatch(/Lantern: Reading <think>.* leads with 40 votes/)
      expect(part).not.toContain('incomplete')
    }
    expect((await mail(PLACES, 'short', { incomplete: true })).html).toContain('This edition may be incomplete')
    const weekly = await mail(PLACES, 'short', { kind: 'weekly', date: '2026-03-08' })
    expect(weekly.subject).toMatch(/^Lantern: .* · and 3 more · week to 8 Mar$/)
    expect(weekly.html).toContain('Week to Sunday 8 March 2026')
    expect(weekly.html).toContain('leads the week with 40 votes')
  })

  it('says nothing of votes where the source has none, and leaves no sign between nothing and something', async () => {
    const bare = { id: 'title:bare', arxivId: null, authors: [] }
    const papers = [{}, bare, {}, {}, bare, {}, {}, bare, {}, ...Array(3).fill({})]
    const places = papers.map((paper, index) => ({ ...place(index + 1, paper), upvotes: 0 }))
    const [own, remarks] = [[1, 2, 3, 4, 5, 6, 7, 8, 9], Array<string>(9).fill('matches "agents"')]
    for (const kind of ['daily', 'weekly'] as const) {
      for (const length of LENGTHS) {
        const pieces = preparePieces(await renderEdition(sheet(places, { kind }), length, HOST, templates), 'utf8')
        const selection = selectionOf(sheet(places, { kind }), own)
        const { subject, html, text } = joinDigest(pieces, { ...selection, remarks }, SLOTS)
        expect(`${subject}\n${html}\n${text}`).not.toMatch(/vote/i)
        expect(text).toContain('2026 · 9 papers\n')
        const lines = textLinesOf(html)
        expect(lines.filter((line) => /^·|· *·|·$/.test(line))).toEqual([])
        expect(lines.filter((line) => line.includes('· matches'))).toHaveLength(9)
        expect(text.match(/^ {4}Matches "agents"$/gm)).toHaveLength(9)
        expect(text).not.toMatch(/^ +$|^ *,/m)
      }
    }
    // None on what a reader gets is another matter.
    const one = [{ ...place(1, {}), upvotes: 0 }, place(2, {})]
    const { text } = joinDigest(
      preparePieces(await renderEdition(sheet(one), 'short', HOST, templates), 'utf8'),
      selectionOf(sheet(one), [1]),
      SLOTS,
    )
    expect(text).toContain('1 paper, no votes yet')
    expect(text).toContain('    0 votes\n')
  })

  it('loads nothing from anywhere: no fonts, pictures or scripts', async () => {
    const { html } = await mail(PLACES, 'full')
    expect(html).not.toMatch(/@import|<link|<img|<script|<iframe|url\(|\ssrc=/i)
    expect(html).toContain('name="color-scheme" content="light dark"')
    expect(html).toMatch(/<html lang="en" dir="ltr"/)
  })

  it('keeps a name with thousands of authors to a line', async () => {
    const authors = Array.from({ length: 3303 }, (_, index) => `Author ${index}`)
    const { html, text } = await mail([place(1, { authors })], 'short')
    expect(html).toContain('Author 0, Author 1\u00a0+\u00a03,301<')
    expect(text).toContain('    Author 0, Author 1 + 3,301\n')
  })

  it('leaves out a paper that cannot be rendered, says so, and costs no mail', async () => {
    const bad = {
      ...place(2, { title: 'Never seen' }),
      paper: { ...place(2, {}).paper, authors: null as unknown as string[] },
    }
    const places = [place(1, {}), bad, place(3, {})]
    for (const length of LENGTHS) {
      const left: string[] = []
      const pieces = await renderEdition(sheet(places), length, HOST, templates, (each) => left.push(each.paper.id))
      expect(left).toEqual([bad.paper.id])
      const prepared = preparePieces(pieces, 'utf8')
      const { subject, html, text } = joinDigest(prepared, selectionOf(sheet(places)), SLOTS)
      expect(subject).toBe('The papers of the day · Thu 5 Mar')
      for (const part of [html, text]) {
        expect(part).toContain('Paper 3')
        expect(part).not.toContain('Never seen')
      }
      expect(() => joinDigest(prepared, { papers: [2], reasons: [0] }, SLOTS)).toThrow(/none of the papers/)
    }
    await expect(renderEdition(sheet([bad]), 'short', HOST, templates)).rejects.toThrow()
  })

  it('gives the first three room, the next three their sentence, and the rest a line', async () => {
    const places = Array.from({ length: 10 }, (_, index) => place(index + 1, {}))
    const { html, text } = await mail(places, 'short')
    expect(html.split('class="t l"').length - 1).toBe(3)
    expect(html.split('class="t m"').length - 1).toBe(3)
    expect(html.match(/Abstract of paper \d+/g)).toHaveLength(6)
    for (const part of [html, text]) for (const { paper } of places) expect(part).toContain(paper.title)
    for (const each of [7, 9]) expect(html).toMatch(new RegExp(`<a[^>]+href="https://arxiv.org/abs/2603.0000${each}"`))
  })

  it('lists the contents of a long digest, and of no other', async () => {
    const places = (count: number) => Array.from({ length: count }, (_, index) => place(index + 1, {}))
    const long = await mail(places(16), 'full')
    for (const part of [long.html, long.text]) expect(part).toContain('In this email')
    for (let position = 1; position <= 16; position++) {
      expect(long.html).toContain(`href="#p${position}"`)
      expect(long.html.split(`id="p${position}"`)).toHaveLength(2)
    }
    expect((await mail(places(15), 'full')).html).not.toContain('In this email')
    expect((await mail(places(16), 'titles')).html).not.toContain('In this email')
  })

  it('makes of a week five highlights and a list', async () => {
    const places = Array.from({ length: 9 }, (_, index) => place(index + 1, { codeStars: index * 7 }))
    places[3] = { ...place(4, {}), upvotesBefore: 2 }
    const { html, text } = await mail(places, 'short', { kind: 'weekly', date: '2026-03-08' })
    expect(html.split('<h2 class="t ').length - 1).toBe(5)
    for (const part of [html, text]) {
      for (const words of ['The rest of the week', 'Biggest riser', 'Most discussed', 'Most starred']) {
        expect(part, words).toContain(words)
      }
    }
    expect(text).toContain('Biggest riser: Paper 4, 2 → 10 votes')
  })

  it('shows the host’s logo for the dark where there is one, and only there', async () => {
    const logo = { url: 'https://img.example.org/l.png', alt: 'Group', width: 120, height: 40 }
    const of = async (theme: object) => {
      const themed = { ...templates, theme: { ...templates.theme, logo: { ...logo, ...theme } } }
      const pieces = await renderEdition(sheet(PLACES), 'short', HOST, themed)
      return pieces.find(({ name }) => name === 'html/head')?.body ?? ''
    }
    expect(await of({})).not.toMatch(/class="night"|class="day"/)
    const both = await of({ darkUrl: 'https://img.example.org/d.png' })
    expect(both).toMatch(/src="https:\/\/img\.example\.org\/l\.png"[^>]*class="day"/)
    expect(both).toMatch(/src="https:\/\/img\.example\.org\/d\.png"[^>]*class="night" style="display:none/)
  })

  it('shows the host’s logo with its words and size, and its footer and address', async () => {
    const theme = {
      ...templates.theme,
      logo: { url: 'https://img.example.org/l.png', alt: 'The "Group"', width: 120, height: 40 },
      address: 'Theme House',
      footer: 'Read by <us>.',
    }
    const themed = { ...templates, theme }
    const pieces = await renderEdition(sheet(PLACES), 'short', { ...HOST, postalAddress: null }, themed)
    const { html, text } = joinDigest(preparePieces(pieces, 'utf8'), { papers: [1], reasons: [0] }, SLOTS)
    expect(html).toMatch(
      /<img src="https:\/\/img\.example\.org\/l\.png" alt="The &quot;Group&quot;" width="120" height="40"/,
    )
    expect(html).toContain('Read by &lt;us&gt;.')
    for (const part of [html, text]) expect(part).toContain('Theme House')
    expect(text).toContain('Read by <us>.')
    const own = await renderEdition(sheet(PLACES), 'short', HOST, themed)
    expect(own.find(({ name }) => name === 'html/foot')?.body).not.toContain('Theme House')
  })
})

describe('loadTemplates', () => {
  let directory: string | undefined
  afterEach(async () => {
    if (directory !== undefined) await rm(directory, { recursive: true })
    directory = undefined
  })

  it.each([
    ['digest.mjml', '<mj-column>', '<mj-column><mj-spacre />', /digest\.mjml line \d+ \(mj-spacre\): .*mj-spacre/],
    [
      'digest.mjml',
      '<mj-column>',
      '<mj-column><mj-spacer hight="1px" />',
      /digest\.mjml line \d+ \(mj-spacer\): .*hight/,
    ],
    ['digest.mjml', '<mj-column>', '<mj-column><mj-include path="x" />', /digest\.mjml line \d+ \(mj-include\)/],
    ['digest.mjml', '</mjml>', '', /digest\.mjml line 1 \(mjml\): the tag is not closed/],
    ['digest.mjml', '</mj-column>', '', /digest\.mjml line \d+ \(mj-column\): the tag is not closed/],
    ['digest.mjml', '<mj-head>', '', /digest\.mjml line \d+ \(mjml\): the tag is not closed/],
    ['digest.mjml', '{{day}}', '{{#if day}}', /digest\.mjml line 34: \{\{#if\}\} is not closed/],
    ['digest.mjml', '{{day}}', '{{{day}}}', /digest\.mjml line \d+: a value without escaping/],
    ['digest.mjml', '{{day}}', '{{> other}}', /digest\.mjml line \d+: templates have no partials/],
    ['digest.mjml', '[[light.page]]', '[[light.pgae]]', /digest\.mjml line \d+: the theme has no \[\[light\.pgae\]\]/],
    ['digest.mjml', '{{!-- piece: foot --}}', '', /digest\.mjml: the piece "foot" is missing/],
    ['digest.txt', '{{!-- piece: foot --}}', '{{!-- piece: line --}}', /digest\.txt: the piece "line" begins twice/],
    ['digest.txt', '{{!-- piece: item --}}', '{{!-- piece: alas --}}', /digest\.txt: there is no piece called "alas"/],
    ['notice.mjml', '<mj-preview>', '<mj-previw>', /notice\.mjml line \d+ \(mj-/],
    ['notice.txt', '{{wrap title}}', '{{wrap title', /notice\.txt line \d+: Handlebars cannot read this: /],
    ['theme.json', '#f4f1ea', 'beige', /theme\.json: light\.page is not a colour/],
    ['theme.json', '{', '', /theme\.json line 2 is not JSON: /],
  ])('refuses %s with %s → %s', async (file, from, to, message) => {
    directory = await templatesWith(file, from, to)
    const error = await loadTemplates(directory).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(PermanentError)
    expect(`${(error as Error).message} ${String((error as Error).cause ?? '')}`).toMatch(message)
  })

  it('says so when the directory is not there', async () => {
    await expect(loadTemplates(join(tmpdir(), 'no-such-templates'))).rejects.toThrow(
      /^TEMPLATES_DIR is not a directory: .*no-such-templates$/,
    )
  })

  it('takes the project’s own for every file that a directory does not have', async () => {
    directory = await mkdtemp(join(tmpdir(), 'templates-'))
    const own = await mail(PLACES, 'short')
    templates = await loadTemplates(directory)
    expect(await mail(PLACES, 'short')).toEqual(own)
    await writeFile(join(directory, 'theme.json'), '{ "name": "The Reading Group", "light": { "accent": "#004488" } }')
    templates = await loadTemplates(directory)
    const theirs = await mail(PLACES, 'short')
    expect(theirs.text).toMatch(/^The Reading Group\n/)
    expect(theirs.html).toContain('#004488')
    expect(theirs.html).not.toContain('#9c3d17')
    await writeFile(join(directory, 'digest.css'), '.t { color: [[light.pgae]] }')
    await expect(loadTemplates(directory)).rejects.toThrow(/^digest\.css line 1: the theme has no \[\[light\.pgae\]\]/)
    templates = await loadTemplates()
  })

  it('compiles once what it read at its opening, whatever is written later', async () => {
    directory = await mkdtemp(join(tmpdir(), 'templates-'))
    const files = openTemplates(directory)
    await writeFile(join(directory, 'digest.mjml'), 'broken')
    expect(await files.templates()).toBe(await files.templates())
    await expect(loadTemplates(directory)).rejects.toThrow()
  })

  it('sends nothing from a template that asks for a value it is not given', async () => {
    directory = await templatesWith('digest.mjml', '{{day}}', '{{dya}}')
    const broken = await loadTemplates(directory)
    const rendering = renderEdition(sheet(PLACES), 'short', HOST, broken)
    await expect(rendering).rejects.toBeInstanceOf(PermanentError)
    await expect(rendering).rejects.toThrow(/digest\.mjml \(piece "head"\)/)
  })
})

async function mail(places: Place[], length: Length, more: Partial<Sheet> = {}) {
  const pieces = await renderEdition(sheet(places, more), length, HOST, templates)
  return joinDigest(preparePieces(pieces, 'utf8'), selectionOf(sheet(places, more)), SLOTS)
}

/** What stands in each paragraph, link or cell of a mail, without its tags. */
function textLinesOf(html: string): string[] {
  return html.split(/<\/?(?:p|div|td|tr|h2)\b[^>]*>|<a class="tap[^>]*>/).map((part) => {
    const plain = part.replaceAll('<span class="d" style="color:#6b6358"> · </span>', ' ').replace(/<[^>]*>/g, '')
    return plain
      .replace(/&quot;/g, '"')
      .replace(/\s+/g, ' ')
      .trim()
  })
}

function sheet(places: Place[], more: Partial<Sheet> = {}): Sheet {
  return { date: '2026-03-05', kind: 'daily', incomplete: false, places, ...more }
}

async function templatesWith(file: string, from: string, to: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'templates-'))
  await cp(TEMPLATES, directory, { recursive: true })
  const source = await readFile(join(directory, file), 'utf8')
  expect(source).toContain(from)
  await writeFile(
    join(directory, file),
    source.replace(from, () => to),
  )
  return directory
}

describe.skipIf(!seedListings)('the page without ids and votes', () => {
  it('is ranked whole, by comments, and printed without links to papers', async () => {
    const ranked = rankPapers(seedListings ?? [])
    expect(ranked.map((entry) => entry.rank)).toEqual(Array.from({ length: 36 }, (_, index) => index + 1))
    expect(ranked.every((entry) => entry.upvotes === 0 && entry.reason.includes('36 tied at 0'))).toBe(true)
    const places = ranked.map(
      ({ rank, reason, upvotes, comments, paper }): Place => ({
        position: rank,
        section: 'ranked',
        listedOn: '2026-03-05',
        rank,
        upvotes,
        comments,
        reason,
        paper,
      }),
    )
    const pieces = await renderEdition(sheet(places), 'short', HOST, templates)
    const selection = { papers: places.map((each) => each.position), reasons: places.map(() => 0) }
    const { html, text } = joinDigest(preparePieces(pieces, 'utf8'), selection, SLOTS)
    for (const each of places) expect(text.replace(/\s+/g, ' ')).toContain(each.paper.title)
    const own = new URL(HOST.publicUrl).origin
    const links = [...html.matchAll(/href="(https?:[^"]*)"/g)].map((match) => match[1] as string)
    expect(links.length).toBeGreaterThan(0)
    expect(links.filter((link) => !link.startsWith(own))).toEqual([])
  })
})
