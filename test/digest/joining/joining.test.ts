import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { simpleParser } from 'mailparser'
import { beforeAll, describe, expect, it } from 'vitest'
import { indexPlaces } from '../../../src/digest/choosing/place-index.ts'
import { NO_HISTORY, type Selection } from '../../../src/digest/choosing/selection.ts'
import {
  JOIN_VERSION,
  JOIN_VERSIONS,
  joinDigest,
  joinView,
  preparePieces,
  recipeOf,
} from '../../../src/digest/joining/joining.ts'
import { selectDigest } from '../../../src/digest/opening.ts'
import { makePiece, markSlot, type Piece } from '../../../src/digest/piece/piece.ts'
import { fitRemark } from '../../../src/digest/piece/remark.ts'
import { loadTemplates, renderEdition, type Templates } from '../../../src/digest/rendering.ts'
import { cleanText } from '../../../src/digest/text/text.ts'
import { parseChoices } from '../../../src/subscriber/preferences.ts'
import { selectionOf } from '../../support/digests.ts'
import { runs } from '../../support/full.ts'
import { HOST, OPENING, PLACES, place, REMARKS_2, SELECTION, SLOTS } from '../golden/places.ts'

const SHEET = { date: '2026-03-05', kind: 'daily', incomplete: false } as const

let templates: Templates
let pieces: Piece[]
beforeAll(async () => {
  templates = await loadTemplates()
  pieces = await render(PLACES)
})

describe('joining the golden pieces', () => {
  it.each(
    [2, 3].flatMap((version) => (['utf8', 'quoted-printable'] as const).map((encoding) => ({ version, encoding }))),
  )('gives the same bytes for ever: $version in $encoding', ({ version, encoding }) => {
    const golden = (file: string) =>
      readFileSync(new URL(`../golden/version-${version}/${file}`, import.meta.url), 'utf8')
    const bodies = JSON.parse(golden('pieces.json')) as { name: string; body: string }[]
    const prepared = preparePieces(
      bodies.map(({ name, body }) => makePiece(name, body)),
      encoding,
    )
    expect(prepared.version).toBe(version)
    const selection = version === 2 ? { ...SELECTION, remarks: REMARKS_2 } : { ...SELECTION, opening: OPENING }
    const mail = joinDigest(prepared, selection, SLOTS)
    const changed = `joined bytes differ from version ${version}'s: a mail in flight would be sent with other bytes. Undo the change, or raise JOIN_VERSION and run golden/write.ts`
    expect(mail.html, changed).toBe(golden(`${encoding}.html.golden`))
    expect(mail.text, changed).toBe(golden(`${encoding}.txt.golden`))
    const { from, subject, headers } = mail
    expect(`${JSON.stringify({ from, subject, headers }, null, 2)}\n`, changed).toBe(golden('headers.json'))
    expect(recipeOf(prepared, selection), changed).toBe(golden(`${encoding}.recipe.golden`))
  })

  it('knows every version that was ever released', () => {
    expect(JOIN_VERSIONS).toEqual([2, 3])
    expect(JOIN_VERSION).toBe(3)
    const layout = pieces.map((piece) =>
      piece.name === 'layout' ? makePiece('layout', piece.body.replace('"join":3', '"join":4')) : piece,
    )
    expect(() => preparePieces(layout, 'utf8')).toThrow(/join version 4/)
  })
})

describe('joinDigest', () => {
  it('puts every slot where its link is and leaves no mark behind', () => {
    const mail = joinDigest(preparePieces(pieces, 'utf8'), SELECTION, SLOTS)
    for (const part of [mail.html, mail.text]) {
      expect(part).toContain(`https://papers.example.org/unsubscribe/${SLOTS.unsubscribe}`)
      expect(part).toContain(`https://papers.example.org/view/${SLOTS.view}`)
      expect(part).toContain(`https://papers.example.org/preferences/${SLOTS.preferences}`)
      for (const step of ['weekly', 'pause', 'fewer']) expect(part).toMatch(new RegExp(`[?]step(=|&#x3D;)${step}`))
    }
    expect(mail.headers['List-Unsubscribe']).toBe(
      `<https://papers.example.org/unsubscribe/${SLOTS.unsubscribe}>, <mailto:leave@example.org?subject=unsubscribe%20${SLOTS.unsubscribe}>`,
    )
    expect(mail.headers['List-Unsubscribe-Post']).toBe('List-Unsubscribe=One-Click')
    expect(mail.headers['Archived-At']).toBe(`<https://papers.example.org/view/${SLOTS.view}>`)
    expect(JSON.stringify(mail)).not.toMatch(/\\u000[12]/)
  })

  it('prints the chosen papers in the order of the selection, late risers among them', () => {
    const { text, subject } = joinDigest(preparePieces(pieces, 'utf8'), select(2, 4, 1), SLOTS)
    const order = ['2.  Costs of', '↑   Slow Burner', '1.  Lantern: Reading'].map((words) => text.indexOf(words))
    expect(order).toEqual(order.toSorted((a, b) => a - b))
    expect(order).not.toContain(-1)
    expect(text).not.toContain('Without an Id')
    expect(subject).toBe("Costs of $& and $' in {{title}}… · and 2 more · Thu 5 Mar")
  })

  it('begins with its opening, escaped once for each place', () => {
    const { html, text, subject } = joinDigest(preparePieces(pieces, 'utf8'), { ...SELECTION, opening: OPENING }, SLOTS)
    expect(subject).toBe(OPENING.subject)
    expect(html).toContain(
      '>Lantern: Reading &lt;think&gt; &amp; &quot;Acting&quot; in 3 Steps leads with 40 votes</h1>',
    )
    expect(html).toContain('Costs of $&amp; and $&#x27; in {{title}} Templates, 30 votes · שלום\u034f')
    expect(html).toContain('<a href="https://arxiv.org/abs/2603.00004"')
    expect(html).toMatch(/Your topics<\/b>&nbsp; שלום&nbsp; <span[^>]*>&lt;think&gt; &amp; more/)
    expect(text).toContain('\nLantern: Reading <think> & "Acting" in 3 Steps leads with 40 votes\n')
    expect(text).toContain(
      '\nRising: Slow Burner, 3 → 10 votes since Wednesday\n    https://arxiv.org/abs/2603.00004\n',
    )
  })

  it('begins plainly where it cannot print a paper that its opening names', () => {
    const lost = pieces.filter(({ name }) => !/(large|compact|line)\/2$/.test(name))
    const { html, text, subject } = joinDigest(preparePieces(lost, 'utf8'), { ...SELECTION, opening: OPENING }, SLOTS)
    expect(subject).toBe('The papers of the day · Thu 5 Mar')
    for (const part of [html, text]) {
      expect(part).toContain('The papers of the day')
      expect(part).not.toMatch(/Costs of|Rising|Your topics/)
    }
  })

  it.each(['', 'a b', 'a"b', '<b>', 'a\nb', 'é', 'x'.repeat(76), '$&\n'])('refuses the slot value %j', (value) => {
    const prepared = preparePieces(pieces, 'utf8')
    expect(() => joinDigest(prepared, SELECTION, { ...SLOTS, view: value })).toThrow(/"view"/)
  })

  it('refuses what the pieces cannot print', () => {
    const prepared = preparePieces(pieces, 'utf8')
    expect(() => joinDigest(prepared, select(9), SLOTS)).toThrow(/no place 9/)
    expect(() => joinDigest(prepared, select(), SLOTS)).toThrow(/at least one paper/)
    expect(() => joinDigest(prepared, { papers: [1], reasons: [] }, SLOTS)).toThrow(/one reason a paper/)
    expect(() => joinDigest(prepared, { papers: [1], reasons: [7] }, SLOTS)).toThrow(/one reason a paper/)
    expect(() => preparePieces([makePiece('x', markSlot('view').replace('view', 'else'))], 'utf8')).toThrow(/else/)
    expect(() => preparePieces(pieces.slice(1), 'utf8')).toThrow(/envelope is missing/)
  })

  it('reads the same in both encodings, with legal lines, whatever is selected and however titles read', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: 'binary', maxLength: 120 }), { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1, max: 75 }),
        fc.infiniteStream(fc.boolean()),
        async (titles, slotLength, keep) => {
          const places = titles.map((title, index) => place(index + 1, { title, summary: title }))
          const all = await render(places)
          const chosen = places
            .map(({ position }) => position)
            .filter((position) => position === 1 || keep.next().value)
          const slots = {
            unsubscribe: 'u'.repeat(slotLength),
            view: 'v'.repeat(slotLength),
            preferences: 'p'.repeat(slotLength),
          }
          const remarks = chosen.map((position) => fitRemark(cleanText(titles[position % titles.length] ?? '')))
          const selection = { ...selectionOf({ ...SHEET, places }, chosen), remarks }
          const plain = joinDigest(preparePieces(all, 'utf8'), selection, slots)
          const quoted = joinDigest(preparePieces(all, 'quoted-printable'), selection, slots)
          expect(plain.subject.length).toBeLessThanOrEqual(65)
          for (const part of ['html', 'text'] as const) {
            expect(quoted[part]).toMatch(/^[\t\r\n -~]*$/)
            for (const line of quoted[part].split('\r\n')) {
              expect(line.length).toBeLessThanOrEqual(76)
              expect(line).not.toMatch(/[\r\n]|\s$/)
            }
            expect(await decode(quoted[part])).toBe(plain[part].trimEnd())
          }
        },
      ),
      { numRuns: runs(60) },
    )
  })
})

describe('remarks', () => {
  const prepared = () => preparePieces(pieces, 'utf8')
  const remarked = (...remarks: string[]) => ({ ...select(1, 2), remarks })
  it('stand with the votes of their card, escaped, and nowhere else', () => {
    const { html, text } = joinDigest(prepared(), remarked('', 'matches <b> in its title'), SLOTS)
    expect(html.match(/\d0 votes<\/b>[^<]*/g)).toEqual([
      '40 votes</b> · Ada Example, Günther Müßig\u00a0+\u00a02 · Sample Institute',
      '30 votes</b> · matches &lt;b&gt; in its title · Bo Sample',
    ])
    expect(text).toContain('    30 votes\n    Matches <b> in its title\n')
  })
  it('stand with the votes of a line', async () => {
    const titles = preparePieces(await renderEdition({ ...SHEET, places: PLACES }, 'titles', HOST, templates), 'utf8')
    const { html, text } = joinDigest(titles, remarked('matches agents in its title', ''), SLOTS)
    expect(html).toContain('40 votes · Ada Example\u00a0+\u00a03 · matches agents in its title</span>')
    expect(text).toContain('    40 votes\n    Matches agents in its title\n')
  })
  it('are part of the recipe, and none of the page that anyone may be handed', () => {
    const recipe = recipeOf(prepared(), remarked('', 'matches agents in its title'))
    expect(recipe).toContain('\nremark 2 matches agents in its title\n')
    expect(recipe).not.toBe(recipeOf(prepared(), remarked('', 'matches agents in its keywords')))
    expect(joinView(prepared(), remarked('', 'matches agents in its title')).html).toBe(
      joinView(prepared(), select(1, 2)).html,
    )
  })
  it('are one a paper or none', () => {
    expect(() => joinDigest(prepared(), remarked('alone'), SLOTS)).toThrow(/one remark a paper or none/)
    expect(joinDigest(prepared(), remarked(), SLOTS)).toEqual(joinDigest(prepared(), select(1, 2), SLOTS))
    expect(joinDigest(prepared(), remarked('', ''), SLOTS)).toEqual(joinDigest(prepared(), select(1, 2), SLOTS))
  })
})

describe('also today', () => {
  const also = (papers: number[], reason = 0) => {
    const { html, text } = joinDigest(preparePieces(many, 'utf8'), { papers, reasons: papers.map(() => reason) }, SLOTS)
    for (const part of [html, text]) expect(part.includes('Also today')).toBe(html.includes('Also today'))
    const [, after = ''] = text.split('Also today')
    return [...after.matchAll(/^(\d+)\. +Paper (\d+)$/gm)].map(([, rank, title]) => {
      expect(title).toBe(rank)
      return Number(rank)
    })
  }
  let many: Piece[]
  beforeAll(async () => {
    const places = Array.from({ length: 9 }, (_, index) => place(index + 1, {}))
    const withdrawn = place(4, { withdrawnAt: '2026-03-05T00:00:00Z' })
    many = await render([
      ...places.map((each) => (each.position === 4 ? withdrawn : each)),
      { ...PLACES[3], position: 10 } as (typeof PLACES)[number],
    ])
  })

  it('lists up to five of the ranked papers that follow the reader’s own, in rank order, behind them', () => {
    expect(also([1, 2])).toEqual([3, 5, 6, 7, 8])
    expect(also([1, 2, 3, 4, 5, 6, 10])).toEqual([7, 8, 9])
    const { text } = joinDigest(preparePieces(many, 'utf8'), select(1, 10), SLOTS)
    expect(text.indexOf('Slow Burner')).toBeLessThan(text.indexOf('Also today'))
  })

  it('lists nothing when nothing follows, when papers were left out or when the reader asked for fewer', () => {
    expect(also([1, 2, 3, 4, 5, 6, 7, 8, 9])).toEqual([])
    expect(also([1, 3])).toEqual([])
    expect(also([2, 3])).toEqual([])
    expect(also([10])).toEqual([])
    expect(also([1, 2], 1)).toEqual([])
  })

  it('counts nothing of it in the subject, and says it on the page that shows the digest', () => {
    const prepared = preparePieces(many, 'utf8')
    const selection = selectionOf({ ...SHEET, places: PLACES }, [1, 2])
    expect(joinDigest(prepared, selection, SLOTS).subject).toContain(' · and 1 more · ')
    expect(joinView(prepared, select(1, 2)).html).toContain('Also today')
  })
})

describe('joinView', () => {
  it('holds the papers and nothing that belongs to one reader', () => {
    const { html } = joinView(preparePieces(pieces, 'utf8'), SELECTION)
    expect(html).toContain('Slow Burner')
    expect(html).toContain('href="https://papers.example.org/"')
    expect(html).not.toMatch(/unsubscribe|preferences|[?]step|\/view\/|You get this|(?!\n)\p{Cc}/iu)
    expect(html).toContain('Subscribe to Daily Papers')
    expect(() => joinView(preparePieces(pieces, 'quoted-printable'), SELECTION)).toThrow(/utf8/)
  })
})

describe('the page of two readers of different topics who got the same papers', () => {
  it('is one and the same, and names no choice', () => {
    const places = [1, 2, 3].map((position) =>
      place(position, {
        title: `Diffusion for Agents ${position}`,
        abstract: '',
        summary: '',
        authors: ['Grace Hopper'],
      }),
    )
    const index = indexPlaces(places, templates.topics)
    const sheet = { ...SHEET, places }
    const digests = [{ include: ['diffusion'] }, { include: ['agents'] }, { authors: ['Grace Hopper'] }].map(
      (choices) => selectDigest(sheet, index, parseChoices(choices), NO_HISTORY),
    )
    expect(new Set(digests.map(({ remarks }) => String(remarks))).size).toBe(3)
    expect(new Set(digests.map(({ papers }) => String(papers))).size).toBe(1)
    return renderEdition(sheet, 'short', HOST, templates).then((all) => {
      const views = digests.map((digest) => joinView(preparePieces(all, 'utf8'), digest).html)
      expect(new Set(views).size).toBe(1)
      expect(views[0]).not.toMatch(/matches|follow|Your topics/)
    })
  })

  it('leaves out the line of the lead block that names a choice, and the preheader', () => {
    const { html } = joinView(preparePieces(pieces, 'utf8'), { ...SELECTION, opening: OPENING })
    expect(html).toContain('Slow Burner')
    expect(html).not.toMatch(
      /Your topics|&lt;think&gt; &amp; more|Costs of \$&amp; and \$&#x27; in \{\{title\}\} Templates, 30/,
    )
  })
})

describe('recipeOf', () => {
  it('names every piece that bytes come from, and changes with each of them', () => {
    const recipe = recipeOf(preparePieces(pieces, 'utf8'), select(1, 4))
    const names = recipe
      .split('\n')
      .slice(1, -2)
      .map((line) => line.split(' ')[0])
    const body = ['head', 'lead', 'large/1', 'large/4', 'section/also', 'also/2', 'also/3', 'foot']
    expect(names).toEqual([
      ...['envelope', 'layout'],
      ...body.map((name) => `html/${name}`),
      ...body.map((name) => `text/${name}`),
    ])
    for (const name of names) {
      const changed = pieces.map((piece) => (piece.name === name ? makePiece(piece.name, ` ${piece.body}`) : piece))
      expect(recipeOf(preparePieces(changed, 'utf8'), select(1, 4)), name).not.toBe(recipe)
    }
    expect(recipeOf(preparePieces(pieces, 'quoted-printable'), select(1, 4))).not.toBe(recipe)
    expect(recipeOf(preparePieces(pieces.toReversed(), 'utf8'), select(1, 4))).toBe(recipe)
    const other = { ...select(1, 4), opening: { ...OPENING, papers: [1], day: 'another' } }
    expect(recipeOf(preparePieces(pieces, 'utf8'), other)).not.toBe(recipe)
  })
})

function select(...papers: number[]): Selection {
  const known = PLACES.map(({ position }) => position)
  if (papers.length === 0 || !papers.every((position) => known.includes(position)))
    return { papers, reasons: papers.map(() => 0) }
  return selectionOf({ ...SHEET, places: PLACES }, papers)
}

function render(places: typeof PLACES) {
  return renderEdition({ ...SHEET, places }, 'short', HOST, templates)
}

/** Decodes with a parser that is not ours; it alone decides what the body says. */
async function decode(quoted: string): Promise<string> {
  const head = 'Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n'
  const { text } = await simpleParser(head + quoted, { skipTextToHtml: true })
  return (text ?? '').replaceAll('\r\n', '\n').trimEnd()
}
