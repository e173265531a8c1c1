// Texts cut where words stand that a search found. Marks are made here, part by part, and never by
// markup from outside. Pure.

import { firstAuthors } from '../../digest/authors.ts'
import { isolated } from '../../digest/text/direction.ts'
import { cleanText } from '../../digest/text/text.ts'
import { MATCH } from '../../edition/search.ts'

/** A part of a text, found or not. */
export interface FoundPart {
  text: string
  marked: boolean
}

/** Names beyond the first that are shown because they were asked for. */
const NAMES_FOUND_MAX = 3
const NAMES_SHOWN = 3
const CUT = '…'

/**
 * Cuts a text, cleaned, where words stand that matched. The words are taken from the signed text
 * and looked for anew, as cleaning reads LaTeX out and would trip over signs inside it.
 */
export function markMatches(text: string, signed: string): FoundPart[] {
  const inside = new RegExp(`${MATCH.start}([^${MATCH.stop}]+)${MATCH.stop}`, 'g')
  return markWords(cleanText(text), new Set([...signed.matchAll(inside)].map(([, word]) => word as string)))
}

/** Returns an excerpt of a text, with signs of what was left out before and after it. */
export function markExcerpt(text: string, signed: string): FoundPart[] {
  const excerpt = signed.replaceAll(MATCH.start, '').replaceAll(MATCH.stop, '').trim()
  const begin = text.trimStart().startsWith(excerpt.slice(0, 40)) ? '' : `${CUT} `
  const end = text.trimEnd().endsWith(excerpt.slice(-40)) ? '' : ` ${CUT}`
  return excerpt === '' ? [] : markMatches(`${begin}${excerpt}${end}`, signed)
}

/** Returns the first authors and whoever else was asked for, with the organisation. */
export function markPeople(
  { authors, organization }: { authors: readonly string[]; organization: string | null },
  query: string,
): FoundPart[] {
  const words = new Set(wordsOf(fold(query)))
  const isAsked = (name: string) => wordsOf(name).some((word) => words.has(fold(word)))
  const others = authors.slice(NAMES_SHOWN).filter(isAsked).slice(0, NAMES_FOUND_MAX)
  const asked = others.map((name) => isolated(cleanText(name))).join(', ')
  const line = [firstAuthors(authors, NAMES_SHOWN), asked === '' ? '' : `with ${asked}`].filter(Boolean).join(', ')
  const text = [line, isolated(cleanText(organization ?? ''))].filter(Boolean).join(' · ')
  return markWords(text, new Set(wordsOf(text).filter((word) => words.has(fold(word)))))
}

function markWords(text: string, words: ReadonlySet<string>): FoundPart[] {
  if (text === '') return []
  if (words.size === 0) return [{ text, marked: false }]
  const longestFirst = [...words].map((word) => word.normalize('NFC')).sort((a, b) => b.length - a.length)
  const found = new RegExp(`(?<![\\p{L}\\p{N}])(${longestFirst.map(escapePattern).join('|')})(?![\\p{L}\\p{N}])`, 'gu')
  return text
    .split(found)
    .map((part, index) => ({ text: part, marked: index % 2 === 1 }))
    .filter((part) => part.text !== '')
}

function wordsOf(text: string): string[] {
  return text.match(/[\p{L}\p{N}\p{M}]{2,}/gu) ?? []
}

/** Names are found without their accents. */
function fold(text: string): string {
  return text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase()
}

function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
}
