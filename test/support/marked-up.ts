// Sentences with what sources leave in titles and abstracts, written for the suite, and what a
// reader should see: each class that was met on real days, and its neighbours that must stay.

export const MARKED_UP: readonly (readonly [outside: string, read: string])[] = [
  // Braces that only hold signs apart, or that lost their partner
  ['131{,}072 codes and 9{,}600 clips', '131,072 codes and 9,600 clips'],
  ['N{=}4, R^2{=}0.86, an (1{+}1) strategy, FID{}=2.23', 'N=4, R²=0.86, an (1+1) strategy, FID=2.23'],
  ['correlated at (r{=}{-}0.2)', 'correlated at (r=-0.2)'],
  ['Aligned Rotational Position Encoding} to keep order', 'Aligned Rotational Position Encoding to keep order'],
  ['a {Sheep-2.5-Lite} backbone and a {never closed one', 'a Sheep-2.5-Lite backbone and a never closed one'],
  [
    'goals, {joining the sheep of many meadows in one flock}. Then',
    'goals, joining the sheep of many meadows in one flock. Then',
  ],
  ['in {-1, 0, +1}, {True, False}, {x | x > 0} and {name}', 'in {-1, 0, +1}, {True, False}, {x | x > 0} and {name}'],
  ['{\\bf Sheep} and {bf C}ount {\\em a {\\it b}}', 'Sheep and Count a b'],
  ['a share of 1{8} of the wool', 'a share of 1/8 of the wool'],
  // Signs that lost their backslashes
  ['turned by 5.15{\\deg}, 90deg and 0.25deg', 'turned by 5.15°, 90° and 0.25°'],
  ['GUI-360^circ, 360^∘ and 360^circtimes 180^circ views', 'GUI-360°, 360° and 360°× 180° views'],
  ['62.27% rightarrow 67.04%, 0.7rightarrow0.9', '62.27% → 67.04%, 0.7→0.9'],
  ['English rightarrow Spanish, infty-gram, y propto x', 'English → Spanish, ∞-gram, y ∝ x'],
  ['0.69 pm 0.16 and layers of (pm1)', '0.69 ± 0.16 and layers of (±1)'],
  ['512 times 960, N times K and d times d', '512 × 960, N × K and d × d'],
  ['(leq50K steps, geq720p)', '(≤50K steps, ≥720p)'],
  ['p_c approx 0.6, (G approx 1, phi approx 0), k ge 5', 'p_c ≈ 0.6, (G ≈ 1, phi ≈ 0), k ≥ 5'],
  [
    'three times, 3 times 5 folds, at 8 pm 20 people, an alpha channel',
    'three times, 3 times 5 folds, at 8 pm 20 people, an alpha channel',
  ],
  ['approx 5 sheep, PM2.5 and pm2.5 values, le mouton', 'approx 5 sheep, PM2.5 and pm2.5 values, le mouton'],
  ['frac12D_E^2(P_θ,Q)', '½D_E²(P_θ,Q)'],
  ['calE = calM times R^d, with mathbbR^d', 'ℰ = ℳ × Rᵈ, with ℝᵈ'],
  ['bounded by λcdot k cdot r_c', 'bounded by λ · k · r_c'],
  ['lceil log_2 N rceil steps, \\lceil x \\rceil', '⌈log₂ N⌉ steps, ⌈x⌉'],
  // Scripts
  ['z_{t+1}-z_t', 'zₜ₊₁-zₜ'],
  ['updates k_t v_t^top', 'updates kₜ vₜᵀ'],
  ['pi_kept, \\pi_kept and $v_{reason}$', 'π_kept, π_kept and v_reason'],
  ['x^{y^{z}} and $e^{-x^2}$', 'x^(y^z) and e^(-x²)'],
  ['v_theta, but loss_alpha and float8_e4m3', 'v_θ, but loss_alpha and float8_e4m3'],
  ['CO_2Jump (Self-text{CO}rrecting', 'CO₂Jump (Self-COrrecting'],
  ['R^{mtimes n}', 'R^(m×n)'],
  ['scripts are released^§.', 'scripts are released§.'],
  // Formulas
  ['$\\begin{pmatrix} a & b \\\\ c & d \\end{pmatrix}$', '(a b; c d)'],
  ['\\binom{n}{k}, \\lVert x \\rVert_2, $\\underbrace{a+b}_{c}$', 'C(n,k), ‖x‖₂, a+b'],
  ['O($n\\log n$) and O(n\\log n)', 'O(n log n) and O(n log n)'],
  ['y \\propto x', 'y ∝ x'],
  ['sheep$ and wool', 'sheep and wool'],
  // Money
  ['\\1.49M in profit for \\20 USD', '$1.49M in profit for $20 USD'],
  ['\\3) Shearing', '3) Shearing'],
  ['$5 and $10, 5$ and 10$, US$ 5, $PATH, Ke$ha', '$5 and $10, 5$ and 10$, US$ 5, $PATH, Ke$ha'],
  // Names that macros stood for
  ['our \\ourmethod achieves', 'our method achieves'],
  ['our model \\ours outperforms, and so does our model \\ours', 'our model outperforms, and so does our model'],
  [
    'We propose \\ours, a dog. It is \\Ours{}. \\ours barks',
    'We propose our method, a dog. It is our method. Our method barks',
  ],
  [
    'a new model \\ours, the benchmark, \\ours, a framework (\\ours). On each benchmark, \\ours wins',
    'a new model, the benchmark, our benchmark, a framework (our framework). On each benchmark, our method wins',
  ],
  [
    'the \\ours framework, \\ours models, \\textbf{\\ours} and \\ours-7B',
    'the framework, our models, our method and ours-7B',
  ],
  ['This shows \\ours wins as the proposed \\ours', 'This shows our method wins as the proposed method'],
  ['We propose \\method, a new one. \\ourdataset{} has it', 'We propose our method, a new one. Our dataset has it'],
  // Links and colours
  ['magenta{https://x.org/a{https://x.org/a}}', 'https://x.org/a'],
  ['black{a framework} and teal{Sheep (S) QA}', 'a framework and Sheep (S) QA'],
  ['at {github.com/x}{https://github.com/x}.', 'at https://github.com/x.'],
  ['github.com/x}{https://github.com/x', 'https://github.com/x'],
  ['{https://github.com/a/b}{aka.example/b}.', 'https://github.com/a/b (aka.example/b).'],
  ['https://x.org/a{mypink{Github}}.', 'https://x.org/a (Github).'],
  ['https://x.org/.} Our', 'https://x.org/. Our'],
  ['see github.com/x/flock{Flock}.', 'see github.com/x/flock (Flock).'],
  ['see github.com/x{https://github.com/x} and a.b/c{d}', 'see https://github.com/x and a.b/cd'],
  [
    'in https://x.org/{Page}$. At \\href{https://x.org/a{A}.}. End',
    'in https://x.org/ (Page). At https://x.org/a (A). End',
  ],
  ['the board\\footnote{https://x.org/.} Our dog', 'the board (https://x.org/). Our dog'],
  [
    'a board\\footnote{See \\url{https://x.org}.}, and one\\footnote{Of ours.} more',
    'a board (See https://x.org), and one more',
  ],
  ['two boards\\footnote{Soon at https://x.org/f.', 'two boards (Soon at https://x.org/f).'],
  [
    'at~https://x.org, ~ https://x.org and A~\\url{https://x.org}',
    'at https://x.org, https://x.org and A https://x.org',
  ],
  [
    'athttps://x.org, page:https://x.org and GitHub.https://x.org/a',
    'at https://x.org, page: https://x.org and GitHub. https://x.org/a',
  ],
  ['at https://a1\\allowbreak-b.example/\\allowbreak Flock. Next', 'at https://a1-b.example/Flock. Next'],
  ['https://name\\allowbreak-dotcom.example/a\\_b', 'https://name-dotcom.example/a_b'],
  ['name\\allowbreak-dotcom.example', 'name-dotcom.example'],
  // Markdown and HTML
  ['**Count** is *quick*, i**N** words and _so on_', 'Count is quick, iN words and so on'],
  ['2**3 and 4**5, A* and RRT* search, 1.6*GPU', '2**3 and 4**5, A* and RRT* search, 1.6*GPU'],
  ['[link](https://x.org/a). [x.org/b](x.org/b)', 'link (https://x.org/a). x.org/b'],
  [
    'H<sub>2</sub>O, x<sup>2</sup>, <b>bold</b><br/>and <a href="https://x.org">this</a>',
    'H₂O, x², bold and this (https://x.org)',
  ],
  ['A&amp;B &lt;x&gt; it&#39;s', "A&B <x> it's"],
  ['<think>, <s> and <answer> tokens', '<think>, <s> and <answer> tokens'],
  // Quotes
  ["the flock\\'s dog, two dogs\\' barks, don\\'t", "the flock's dog, two dogs' barks, don't"],
  ["caf\\'e, R\\'enyi, Andr\\'{e}, Bolet\\'{\\i}n", 'café, Rényi, André, Boletín'],
  ["\"Contamination-Free'' and ``slow``", '“Contamination-Free” and “slow”'],
  ['a flock`s dog, `dog`s and `a dog`s', 'a flock’s dog, `dog`s and `a dog`s'],
  ['from 1.28×--1.63× and 2times--8times', 'from 1.28×–1.63× and 2×–8×'],
  ['13.3\'\' screens, "plain" ones', '13.3\'\' screens, "plain" ones'],
]
