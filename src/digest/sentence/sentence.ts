// The one sentence that a card prints of a paper: the source's own summary where there is a usable
// one, else the sentence of the abstract that tells what is new. Pure; the same in every mail.
import type { Paper } from '../../source/paper.ts'
import { cleanText } from '../text/text.ts'
import { shortenToClause, standAlone } from './clause.ts'
import { findContribution } from './contribution.ts'

/** A summary of fewer words is a label or a remnant. */
const SUMMARY_WORDS_MIN = 6
/** In UTF-16 code units: a longer one would be cut on its card wherever that ends. */
const SUMMARY_MAX = 320
/** A word, or a character of a script that is written without spaces. */
const WORD =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]|[^\s\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]+/gu
/**
 * A verb that a summary leaves without anyone who acts. `Studies show` and `Reports of` begin with
 * a noun.
 */
const VERB_FIRST =
  /^(?:Achieves|Addresses|Analy[sz]es|Applies|Argues|Benchmarks|Builds|Combines|Compares|Creates|Defines|Demonstrates|Describes|Designs|Develops|Discusses|Enables|Enhances|Establishes|Evaluates|Examines|Explores|Extends|Finds|Formali[sz]es|Generates|Highlights|Identifies|Improves|Integrates|Introduces|Investigates|Learns|Leverages|Measures|Offers|Outlines|Presents|Proposes|Proves|Provides|Reduces|Releases|Reports|Reveals|Reviews|Shows|Studies|Summari[sz]es|Surveys|Tackles|Trains|Unifies|Uses|Utili[sz]es)(?= (?!of|for|in|on|with|by|from|to|and|show|reveal|suggest|indicate|find|demonstrate|confirm|have|has|are|is|were|was|that are)\S)/

/** Returns the sentence; '' where neither a summary nor an abstract says anything. */
export function sentenceOf({ title, abstract, summary }: Pick<Paper, 'title' | 'abstract' | 'summary'>): string {
  const own = cleanText(summary)
  const text = cleanText(abstract)
  if (isUsable(own) && !isOpening(own, text)) return asSentence(own)
  return standAlone(findContribution(text, cleanText(title))) || own
}

/** Neither missing, nor a few words, nor shouted, nor cut short by whoever sent it. */
function isUsable(summary: string): boolean {
  const words = summary.match(WORD) ?? []
  const isShouted = summary === summary.toUpperCase() && summary !== summary.toLowerCase()
  return words.length >= SUMMARY_WORDS_MIN && !isShouted && !summary.endsWith('…')
}

/** What was once stored where the source had no summary: the abstract's first sentence. */
function isOpening(summary: string, abstract: string): boolean {
  return abstract.startsWith(summary.replace(/…$/, ''))
}

function asSentence(summary: string): string {
  const acted = summary.replace(VERB_FIRST, (verb) => `This paper ${verb.toLowerCase()}`)
  const whole = /[\p{L}\p{N})%"”’]$/u.test(acted) ? `${acted}.` : acted
  return shortenToClause(whole, SUMMARY_MAX)
}
