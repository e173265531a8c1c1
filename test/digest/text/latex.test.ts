// LaTeX read out: what must become a sign, what must stay a price, and that nothing can make it
// fail or hang.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readLatex } from '../../../src/digest/text/latex.ts'
import { cleanText } from '../../../src/digest/text/text.ts'
import { capturedPapers } from '../../support/captured-days.ts'
import { isFull, runs } from '../../support/full.ts'
import { MARKED_UP } from '../../support/marked-up.ts'
import { residueOf } from '../../support/residue.ts'

/** Titles made of what breaks readers of LaTeX. */
const texLike = fc
  .array(
    fc.oneof(
      fc.constantFrom(...'\\ { } $ ^ _ ~ ` \' " & % # - ( ) [ ] = a B 1 . , : * ∼ é π 漢'.split(' '), ' ', '$$', '--'),
      fc.constantFrom(
        '\\alpha',
        '\\textbf{',
        '\\mathcal{L}',
        '\\frac{',
        '\\sqrt[',
        '\\"u',
        '\\c{c}',
        '\\left(',
        '\\url{',
      ),
      fc.constantFrom(
        '\\href{https://x.org/a_b}{',
        '\\$',
        '\\(',
        '\\)',
        '\\[',
        '\\]',
        '\\begin{x}',
        '\\not',
        '\\i',
        '``',
      ),
      fc.constantFrom(
        'times',
        'sim',
        'leq',
        '256times',
        'textit{',
        'boldsymbol',
        '^{circ}',
        'tau^2',
        'V_{0.5}',
        'https://',
      ),
      fc.constantFrom(
        '**',
        '](',
        '[a',
        '<b>',
        '</b>',
        '<sub>',
        '&amp;',
        '&#92;',
        'calE',
        'frac12',
        '360^circ',
        '\\1',
        '_a_',
      ),
      fc.constantFrom(
        'url{',
        'red{',
        '{bf ',
        '\\begin{pmatrix}',
        '\\end{pmatrix}',
        '\\ours ',
        'our ',
        '\\log ',
        'n{,}',
        '}{',
        'a.b/c',
        'a.io/b',
        'footnote{',
        '\\allowbreak ',
        'left(',
        ' right)',
        'lambdacdot',
        'text{a}{3}',
        '\\widehat',
        '(a mid b, ell)',
        'pi_0.5',
        '0.1to0.2',
      ),
      fc.string({ unit: 'binary', maxLength: 4 }),
      fc.string({ unit: 'grapheme-ascii', maxLength: 6 }),
    ),
    { maxLength: 60 },
  )
  .map((parts) => parts.join(''))

describe('a formula', () => {
  it.each([
    ['$\\pi_0$: A Policy', 'π₀: A Policy'],
    ['3$\\times$ faster', '3× faster'],
    ['$128\\times128$ and $128 \\times 128$', '128×128 and 128 × 128'],
    ['$\\mathcal{L}$ over $\\mathbb{R}^{d\\times d}$', 'ℒ over ℝ^(d×d)'],
    ['$\\mathcal{ABC}$', 'ABC'],
    ['$10^{-3}$', '10⁻³'],
    ['$x^2 + y_{i+1}$', 'x² + yᵢ₊₁'],
    ['$\\sim$10 and $\\sim 20$', '∼10 and ∼20'],
    ['C$^*$-algebras, H$_2$O, 90$^\\circ$, the 5$^{th}$', 'C*-algebras, H₂O, 90°, the 5th'],
    ['$d_{model}$ and $L_{q,k}$', 'd_model and L_(q,k)'],
    ["$W^{\\top}$, $f'$", 'Wᵀ, f′'],
    ['$O(n \\log n)$', 'O(n log n)'],
    ['$\\frac{1}{2}$, $\\frac{a+b}{c}$, $\\sqrt{n}$, $\\sqrt[3]{n+1}$', '1/2, (a+b)/c, √n, ∛(n+1)'],
    ['$x \\in \\{0,1\\}^n$, $x \\not\\in S$', 'x ∈ {0,1}ⁿ, x ∉ S'],
    ['$\\hat{x}$ and $\\vec{ab}$', 'x̂ and ab'],
    ['$\\left(\\frac{1}{2}\\right)$', '(1/2)'],
    ['$\\text{Transformer}^2$ $\\mathrm{LLM}$ $\\operatorname{arg\\,max}$', 'Transformer² LLM arg max'],
    ['$$E = mc^2$$ \\(\\alpha\\) \\[\\beta\\]', 'E = mc² α β'],
    ['$n$ of $k=5$ on bench@$k$', 'n of k=5 on bench@k'],
    ['50$\\%$', '50%'],
    ['cut off at $\\alpha_{i', 'cut off at αᵢ'],
  ])('%s reads %s', (tex, text) => {
    expect(readLatex(tex)).toBe(text)
  })
})

describe('a dollar sign that is money, or nothing', () => {
  it.each([
    'It costs $5 million and $10 million.',
    'from $100K-$1M',
    '$5/$10, US$5 and CA$7',
    'between 5$ and 10$ a month',
    'A$AP and Ke$ha',
    '$PATH and $HOME',
    "Costs of $& and $' in {{title}} Templates",
    'a $ b',
    '$',
    '$$',
  ])('%s stays', (text) => {
    expect(readLatex(text)).toBe(text)
  })

  it('is told from a formula beside it', () => {
    expect(readLatex('$\\beta$-VAE for $3, not \\$4')).toBe('β-VAE for $3, not $4')
  })
})

describe('running text', () => {
  it.each([
    ['\\textbf{bold}, \\texttt{code}, \\emph{a \\textit{b}} and {\\bf c}', 'bold, code, a b and c'],
    ['12\\% of A\\&B, snake\\_case, \\#1', '12% of A&B, snake_case, #1'],
    ['We present \\foo, a model. \\foo{} wins (\\eg often)', 'We present foo, a model. foo wins (e.g. often)'],
    [
      'Schr\\"odinger, Erd\\H{o}s, Fran\\c{c}ois, Bolet\\\'{\\i}n, Hygi\\`ene',
      'Schrödinger, Erdős, François, Boletín, Hygiène',
    ],
    ['No\\"el and Bront\\"{e}', 'Noël and Brontë'],
    ['{BERT} for {LLM}s', 'BERT for LLMs'],
    ["``quoted'' and `so', ``mixed\"", '“quoted” and ‘so’, “mixed”'],
    ['2019--2020 -- yes---no', '2019–2020 – yes—no'],
    ['405~km, (1)~First, 5~10', '405 km, (1) First, 5~10'],
    ['\\href{https://x.org/a_b}{here} and \\url{https://x.org/a_1}', 'here and https://x.org/a_1'],
    ['see~\\cite{a,b}.', 'see.'],
    ['It ends. % We present this.', 'It ends. We present this.'],
    ['never \\closed{', 'never closed'],
    ['\\mathcal{L} and \\tau^2 outside', 'ℒ and τ² outside'],
  ])('%s reads %s', (tex, text) => {
    expect(readLatex(tex)).toBe(text)
  })

  it.each([
    'plain words, nothing else',
    'a flag --help and `code` in snake_case_name',
    'https://example.org/~user/a_1?x=$y^2',
    'three times faster, 3 times 5 epochs, sometimes approximately',
    'success in sim 80 and sim-to-real',
    'a sim2real gap, sim2Real transfer (sim2sim)',
    'a set {True, False}, {0, 1} and a {placeholder}',
    "rock 'n' roll, the '90s, 13.3'' screens",
    'a_i@example.org and x_1.py',
    '<think> & </think>',
  ])('%s stays', (text) => {
    expect(readLatex(text)).toBe(text)
  })
})

describe('LaTeX that a source has already half taken away', () => {
  it.each([
    ['ImageNet 256times256 and 256 times 256, 256{times}256', 'ImageNet 256×256 and 256 × 256, 256×256'],
    ['a (2 times 2 times 10) scheme, 1.8times faster', 'a (2 × 2 × 10) scheme, 1.8× faster'],
    ['V_{0.5}: a value', 'V₀.₅: a value'],
    ['G_{stack}, S^2-Guidance, O(N^2), O(n^k), R^2, V_0', 'G_stack, S²-Guidance, O(N²), O(nᵏ), R², V₀'],
    ['360^{circ} views, λ^star, c^*', '360° views, λ*, c*'],
    ['textit{O}bstacles, boldsymbolπ-Net', 'Obstacles, π-Net'],
    ['sum_{i=1}^{N} f_i p_i, ell_2 norm, tau^2-bench', '∑ᵢ₌₁ᴺ fᵢ pᵢ, ℓ₂ norm, τ²-bench'],
    ['only {sim}1K, just sim1\\%, using only sim 1050 hours', 'only ∼1K, just ∼1%, using only ∼1050 hours'],
    ['ωapprox 2.8, for leq 1K', 'ω ≈ 2.8, for ≤ 1K'],
    ['code: https://x.org/a{this url}.', 'code: https://x.org/a (this url).'],
    ['https://x.org/a{https://x.org/a}.', 'https://x.org/a.'],
  ])('%s reads %s', (tex, text) => {
    expect(readLatex(tex)).toBe(text)
  })
})

describe('what sources leave in titles and abstracts', () => {
  it.each(MARKED_UP)('%s reads %s', (outside, read) => {
    expect(cleanText(outside)).toBe(read)
    expect(cleanText(read)).toBe(read)
    expect(residueOf(read)).toEqual([])
  })

  it('is seen by the eye of the suite wherever it was', () => {
    const seen = MARKED_UP.filter(([outside]) => residueOf(outside).length > 0)
    const changed = MARKED_UP.filter(([outside, read]) => outside !== read)
    expect(seen.length / changed.length).toBeGreaterThan(0.7)
  })
})

describe('the captured days', () => {
  const papers = capturedPapers()

  it.skipIf(papers.length === 0)('keep residue in at most 0.2 % of their papers', { tags: 'long' }, () => {
    const left = papers.flatMap(({ id, title, abstract, summary }) => {
      const residue = [title, abstract, summary].flatMap((text) => residueOf(cleanText(text)))
      return residue.length === 0 ? [] : [`${id} ${residue.join(' · ')}`]
    })
    process.stdout.write(`residue in ${left.length} of ${papers.length} papers\n`)
    expect(left.length / papers.length, left.join('\n')).toBeLessThanOrEqual(0.002)
  })
})

/** Characters at which reading shows whether it takes ever longer. */
const ENDLESS = isFull ? [20_000, 80_000] : [40_000]

describe('whatever is written', () => {
  it('reads the same when it is read again, and never becomes empty', () => {
    fc.assert(
      fc.property(texLike, (text) => {
        const once = readLatex(text)
        expect(readLatex(once)).toBe(once)
        if (text.trim() !== '') expect(once.trim()).not.toBe('')
      }),
      { numRuns: runs(3_000) },
    )
  })

  it('keeps no command behind, wherever it stood', () => {
    const command = fc.constantFrom(
      '\\alpha',
      '\\foo',
      '\\textbf{x}',
      '\\mathcal{Q}',
      '\\mathbb{N}',
      '\\%',
      '\\hat{y}',
      '\\frac{1}{x}',
    )
    const piece = fc.oneof(command, fc.constantFrom('a word ', 'it costs 5 ', ' and ', ', ', 'K'))
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 12 }), fc.boolean(), (pieces, dollars) => {
        const tex = pieces.map((part) => (dollars && part.startsWith('\\') ? `$${part}$` : part)).join('')
        expect(readLatex(tex)).not.toMatch(/[\\{}$]/)
      }),
    )
  })

  it.each([
    ...'{ } {} \\ \\frac{ \\textbf{{a^ $a^ a_{b^ ``a\' "a a-- ** *a _a <i> <sub> &amp; [a]( calE frac12 360^ (^a^b {a,'.split(
      ' ',
    ),
    ...'https:// https://a{ https://a}{ a.b}{ {a.b/ \\url{ href{a} red{ \\1 \\rVert \\begin{pmatrix} 1{8 x^ 1'.split(
      ' ',
    ),
    ...[
      '`a ',
      '1 times ',
      'A times ',
      '\\(a ',
      '\\ours ',
      'our \\ours ',
      '\\log ',
      '{a b c d ',
      'a~',
      '. % ',
      '<a href=',
    ],
    ...[
      'a.io/ ',
      'a.io/a{',
      'a.io/a{b}',
      'footnote{',
      '\\footnote{https://',
      'https://\\allowbreak ',
      'https://a{b}$.}.',
      'left(',
      'left(a right',
      'dog`s ',
      '0.1to0',
      'text{a}{',
      'alphacdot',
      '(a mid ',
      '_1, dots',
    ],
    '\\begin{pmatrix}\\end{pmatrix}',
    '{bf a',
  ])(
    '%s without end is settled in time that grows with its length alone',
    (unit) => {
      // In this process's own time, so that a busy machine changes nothing: what grows with the
      // square takes seconds at the last length.
      const timeOf = (length: number) => {
        const text = unit.repeat(Math.ceil(length / unit.length))
        const start = process.cpuUsage()
        const once = readLatex(text)
        const { user, system } = process.cpuUsage(start)
        expect(readLatex(once)).toBe(once)
        return (user + system) / 1_000
      }
      timeOf(2_000)
      for (const length of ENDLESS) expect(timeOf(length)).toBeLessThan(Math.max(1_000, length / 32))
    },
    20_000,
  )
})
