// Text made comparable: one space between words, case, accents and hyphens folded, word forms
// brought together. For finding only: nothing of it is ever printed.

/**
 * One character of a script written without spaces is a word of its own: a phrase then matches
 * anywhere in a run of them.
 */
const WORD =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]|(?:(?![\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}])[\p{L}\p{N}\p{M}])+[+#]*/gu
const ASCII_WORD = /[a-z0-9]+[+#]*/g
const ACCENTS = /(?<=[\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}]\p{M}*)\p{M}+/gu
const ASCII = /^[\0-\x7f]*$/
/** Letters that Unicode does not take apart. */
const LETTERS: Readonly<Record<string, string>> = {
  ß: 'ss',
  æ: 'ae',
  œ: 'oe',
  ø: 'o',
  ł: 'l',
  đ: 'd',
  ð: 'd',
  þ: 'th',
  ı: 'i',
  ς: 'σ',
}
const IRREGULAR: Readonly<Record<string, string>> = {
  analyses: 'analysis',
  bases: 'base',
  bias: 'bias',
  biases: 'bias',
  biased: 'bias',
  corpora: 'corpus',
  embed: 'embed',
  guided: 'guide',
  guiding: 'guide',
  hypotheses: 'hypothesis',
  indices: 'index',
  lens: 'lens',
  lenses: 'lens',
  matrices: 'matrix',
  series: 'series',
  species: 'species',
  syntheses: 'synthesis',
  vertices: 'vertex',
}
/** Distinct words of some months of papers: most of them are met again and again. */
const STEMS_MAX = 50_000

/** A name with its version grown to it is two words: Qwen3 is Qwen, CIFAR10 is CIFAR-10. */
const VERSIONED = /^([a-z]{3,})(\d+[a-rt-z]?)s?$/

const stems = new Map<string, string>()

/** Shorter words have no ending to lose. */
const STEMMED_MIN = 4
/**
 * From here on a final e says nothing: sample, sampling. In shorter words it tells care from car.
 */
const LONG_WORD = 6

/**
 * Returns the words of a text between single spaces, with a space at both ends: ` find it `; ' '
 * for none.
 */
export function foldWords(text: string): string {
  return ` ${wordsOf(text).join(' ')} `.replace(/^ {2}$/, ' ')
}

/**
 * Returns the same with each word's forms brought together: ` model ` for models, modelling,
 * modelled and Model, and names apart from their versions.
 */
export function stemWords(text: string): string {
  return ` ${wordsOf(text).map(stem).join(' ')} `.replace(/^ {2}$/, ' ')
}

function wordsOf(text: string): string[] {
  if (ASCII.test(text))
    return (
      text
        .toLowerCase()
        .replace(/(?<=[a-z])'(?=[a-z])/g, '')
        .match(ASCII_WORD) ?? []
    )
  const plain = text
    .normalize('NFKD')
    .replace(ACCENTS, '')
    .normalize('NFC')
    .toLowerCase()
    .replace(/[ßæœøłđðþıς]/g, (letter) => LETTERS[letter] ?? letter)
  return plain.replace(/(?<=\p{L})['\u2019](?=\p{L})/gu, '').match(WORD) ?? []
}

function stem(word: string): string {
  const known = stems.get(word)
  if (known !== undefined) return known
  if (stems.size >= STEMS_MAX) stems.clear()
  const stemmed = stemmedOf(word)
  stems.set(word, stemmed)
  return stemmed
}

/**
 * A handful of English rules, meant to err on the side of too little: a mute that reaches too far
 * loses papers unseen.
 */
function stemmedOf(word: string): string {
  const [, name, version] = VERSIONED.exec(word) ?? []
  if (name !== undefined) return `${stem(name)} ${version}`
  if (word.length < STEMMED_MIN || !/^[a-z]+$/.test(word)) return word.replace(/^(.*\d[a-z]*?)s$/, '$1')
  const irregular = IRREGULAR[word]
  if (irregular !== undefined) return irregular
  return ending(verb(singular(word)))
}

function singular(word: string): string {
  if (/(?:ss|us|is)$/.test(word) || !word.endsWith('s')) return word
  if (word.length > STEMMED_MIN && word.endsWith('ies')) return `${word.slice(0, -3)}y`
  return /(?:ss|sh|ch|x|zz)es$/.test(word) ? word.slice(0, -2) : word.slice(0, -1)
}

/**
 * Takes -ing and -ed off where a verb of three letters and a vowel is left: not off string, speed
 * or seed.
 */
function verb(word: string): string {
  const root = /^(?=[a-z]{3})([a-z]*[aeiouy][a-z]*?)(?:ing|ed)$/.exec(word)?.[1]
  if (root === undefined || root.length < 3 || /e$/.test(root)) return word
  const doubled = /([bdfgklmnprt])\1$/.test(root)
  // Spelling comes from spell, modelling from model: it doubles the l of longer words only.
  if (doubled) return root.endsWith('ll') && !/[aeiouy][^aeiouy]+[aeiouy]/.test(root) ? root : root.slice(0, -1)
  // Tuning comes from tune: tun would have been doubled. Merging, solving and handling cannot do
  // without their e.
  const short = /^[^aeiouy]*[aeiouy][^aeiouywx]$/.test(root)
  return short || /(?:[cvzu]|[dr]g|[^aeiouylr]l|[a-z]{4}i[sz])$/.test(root) ? `${root}e` : root
}

function ending(word: string): string {
  const one = word
    .replace(/(?<=[a-z]{3})i[sz]ation$/, 'ize')
    .replace(/(?<=[a-z]{4})ise$/, 'ize')
    .replace(/(?<=[a-z]{2})ation$/, 'ate')
    .replace(/(?<=[a-z]{3})our$/, 'or')
  return one.length >= LONG_WORD && one.endsWith('e') ? one.slice(0, -1) : one
}
