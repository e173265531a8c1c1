// What somebody typed into the search, taken apart: words, phrases, what must be missing, what may
// stand for what; and put together again as the database's own kind of question. Pure; it reads
// anything.
import { arxivIdOf } from '../source/outside-link.ts'
import { ASKING_WORDS } from './asking-words.ts'

/** What is looked for under one or several names: a paper holds it when it holds any of them. */
interface Term {
  /** As it was typed, word by word; more than one word is a phrase only where it was quoted. */
  typed: string[]
  /** Whole names that mean the same, each a phrase. */
  names: string[]
}

export interface Question {
  /** The first arXiv id in what was typed: an address, a tab's title or a sentence may hold it. */
  arxivId: string | null
  /** Each holds alternatives: a paper must hold one of them. */
  wanted: Term[][]
  /** Words of asking: the more of them a paper holds the better, but it need not hold any. */
  asking: Term[]
  /** None of these may be held. */
  unwanted: Term[]
}

/** A question in the words that the database keeps of papers; '' for what holds none. */
export interface Query {
  /** What a paper must hold for each thing asked for. */
  parts: string[]
  /** What it may hold besides. */
  asking: string[]
  /** Each part, all of them, or any of them; none with anything unwanted. */
  each: string[]
  all: string
  any: string
  /** What was typed, without the other names of topics: the nearer, the better. */
  typed: string
  /** All that may stand for something asked for, one by one: marked where it is found. */
  names: string[]
}

/** A spelling to be looked for: by its stems, or as a name that is spelt without accents. */
interface Spelling {
  text: string
  plain: string
}

/** What the database made of a spelling. */
interface ReadSpelling {
  stemmed: string
  plain: string
}

/** Lists what else a phrase is called, the phrase itself first. */
export type NamesOf = (phrase: string) => readonly { name: string }[]

/** More words than anybody remembers of a title. What follows them is not looked for. */
const TERMS_MAX = 24
/** Ten more words to look for each; what a sentence names, its other words find as well. */
const VERSIONED_MAX = 3
/** The longest names of topics that people type have so many words. */
const NAME_WORDS_MAX = 5
/**
 * An id of either scheme (see arxivIdOf) between signs that cannot be its own: no letter, digit or
 * decimal point goes on with it, and no minus before it says that it must be missing. Of the older
 * scheme archive and class are apart; a DOI puts `arXiv.` before them.
 */
const ARXIV_ID_WITHIN =
  /(?<![\p{L}\p{N}]|\d\.|(?:^|\s)-+)(?:(\d{4}\.\d{4,5})|(?!arxiv\.)([a-z]+(?:-[a-z]+)?)(\.[a-z]{2})?(\/\d{7}))(?:v\d{1,3})?(?![\p{L}\p{N}]|\.\d)/giu

interface Token {
  text: string
  quoted: boolean
  minus: boolean
}

/** Reads a question. Words of the same topic become one term, with the topic's other names. */
export function readQuestion(typed: string, namesOf: NamesOf): Question {
  const tokens = tokensOf(typed).slice(0, TERMS_MAX)
  const wanted: Term[][] = []
  const asking: Term[] = []
  const unwanted: Term[] = []
  let either = false
  for (let at = 0; at < tokens.length; ) {
    const token = tokens[at] as Token
    if (isOr(token) && wanted.length > 0 && at > 0 && at < tokens.length - 1) {
      either = true
      at += 1
      continue
    }
    const { term, length } =
      token.quoted || token.minus ? { term: plain(token), length: 1 } : topicAt(tokens, at, namesOf)
    at += length
    const last = wanted.at(-1)
    if (token.minus) unwanted.push(term)
    else if (either && last) last.push(term)
    else if (isAsking(token, term) && !isOr(tokens[at])) asking.push(term)
    else wanted.push([term])
    either = false
  }
  return { arxivId: arxivIdWithin(typed), wanted, asking, unwanted }
}

function arxivIdWithin(typed: string): string | null {
  for (const [, id, archive = '', archiveClass = '', number = ''] of typed.matchAll(ARXIV_ID_WITHIN)) {
    const known = arxivIdOf(id ?? `${archive.toLowerCase()}${archiveClass.toUpperCase()}${number}`)
    if (known !== null) return known
  }
  return null
}

/** Signs that say nothing alone are dropped; a minus counts before a word or a quoted phrase. */
function tokensOf(typed: string): Token[] {
  return [...typed.matchAll(/(-*)(?:"([^"]*)"|([^\s"]+))/g)].flatMap(([, minus, phrase, word = '']) => {
    const text = (phrase ?? word).replace(/[\0\\]|(?<![\p{L}\p{N}])-+/gu, ' ').trim()
    if (!/[\p{L}\p{N}]/u.test(text)) return []
    return [{ text, quoted: phrase !== undefined, minus: minus !== '' }]
  })
}

function isOr(token: Token | undefined): boolean {
  return token !== undefined && !token.quoted && !token.minus && token.text.toLowerCase() === 'or'
}

/** Quoted, or as a topic's name, it says what it says. */
function isAsking({ text, quoted }: Token, { names }: Term): boolean {
  return !quoted && names.length === 0 && ASKING_WORDS.has(text.toLowerCase().replace(/[^\p{L}]+$/u, ''))
}

function plain({ text, quoted }: Token): Term {
  return quoted ? { typed: [], names: [text] } : { typed: [text], names: [] }
}

/** The longest run of words from here that is a topic's name, else the one word. */
function topicAt(tokens: readonly Token[], at: number, namesOf: NamesOf): { term: Term; length: number } {
  const run: string[] = []
  for (const token of tokens.slice(at, at + NAME_WORDS_MAX)) {
    if (token.quoted || token.minus || isOr(token)) break
    run.push(token.text)
  }
  for (let length = run.length; length > 0; length--) {
    const typed = run.slice(0, length)
    const names = namesOf(typed.join(' ')).map(({ name }) => name)
    if (names.length > 1) return { term: { typed, names }, length }
  }
  return { term: plain(tokens[at] as Token), length: 1 }
}

/** Lists every spelling that a question needs read. */
export function spellingsOf({ wanted, asking, unwanted }: Question): Spelling[] {
  const terms = [...wanted.flat(), ...asking, ...unwanted]
  const texts = new Set(terms.flatMap(({ typed, names }) => [...typed, ...names].flatMap(formsOf)))
  return [...texts].map((text) => ({ text, plain: text.normalize('NFKD').replace(/\p{M}/gu, '') }))
}

/** Puts a question together from its spellings as they were read. */
export function queryOf({ wanted: asked, asking, unwanted }: Question, read: ReadonlyMap<string, ReadSpelling>): Query {
  const isShort = asked.length <= VERSIONED_MAX
  const readOf = (text: string) => read.get(text) ?? { stemmed: '', plain: '' }
  const spelt = (text: string, asName: boolean) => {
    const { stemmed, plain } = readOf(text)
    // A word that says nothing alone is not looked for as a name either.
    if (stemmed === '') return ''
    return joined([...formsOf(text).map((form) => readOf(form).stemmed), asName ? plain : ''], '|')
  }
  const typedOf = ({ typed, names }: Term) =>
    typed.length > 0
      ? joined(
          typed.map((word) => joined([spelt(word, true), ...(isShort ? versionsOf(readOf(word)) : [])], '|')),
          '&',
        )
      : joined(
          names.map((name) => spelt(name, true)),
          '|',
        )
  const namesOf = (term: Term) => [typedOf(term), ...term.names.map((name) => spelt(name, false))]
  const anyOf = (term: Term) => joined(namesOf(term), '|')
  const partsOf = (wishes: readonly Term[][]) =>
    wishes.map((terms) => joined(terms.map(anyOf), '|')).filter((part) => part !== '')
  // Where there is nothing but words of asking, they are what is wanted.
  const isAsked = partsOf(asked).length > 0
  const wanted = isAsked ? asked : asking.map((term) => [term])
  const parts = partsOf(wanted)
  const without = unwanted.map(anyOf).flatMap((part) => (part === '' ? [] : [`!${part}`]))
  return {
    parts,
    asking: isAsked ? partsOf(asking.map((term) => [term])) : [],
    each: parts.map((part) => joined([part, ...without], '&')),
    all: joined([...parts, ...without], '&'),
    any: joined([joined(parts, '|'), ...without], '&'),
    typed: joined(
      wanted.map((terms) => joined(terms.map(typedOf), '|')),
      '&',
    ),
    names: wanted
      .flat()
      .flatMap(namesOf)
      .filter((name) => name !== ''),
  }
}

/** With and without the s of a plural: stems keep it on abbreviations. */
function formsOf(text: string): string[] {
  if (!/[\p{L}\p{N}]$/u.test(text)) return [text]
  return /[^s]s$/i.test(text) ? [text, text.slice(0, -1)] : [text, `${text}s`]
}

/** What a name is with its version grown to it: Qwen3, and Qwen2.5-VL, are Qwen. */
function versionsOf({ stemmed, plain }: ReadSpelling): string[] {
  const [, name] = (stemmed !== '' && /^'(\p{L}{3,})'$/u.exec(plain)) || []
  return name === undefined ? [] : [...'0123456789'].map((digit) => `'${name}${digit}':*`)
}

function joined(parts: readonly string[], sign: '&' | '|'): string {
  const some = [...new Set(parts)].filter((part) => part !== '')
  return some.length === 0 ? '' : `(${some.join(` ${sign} `)})`
}
